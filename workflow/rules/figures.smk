# Draw n_l of every layer over epochs, with losses and accuracies below.
rule plot_dynamics:
    input:
        script="workflow/scripts/plot_dynamics.py",
        code=FIGURE_CODE,
        n_l=figure_table("n_l_summary"),
        training=figure_table("training_summary"),
    output:
        pdf="<results>/figures/{figure}.pdf",
        png=report(
            "<results>/figures/{figure}.png",
            caption="../report/dynamics.rst",
            category="3.2 Bias emerges from learning",
            labels={"figure": "{figure}", "shows": "n_l over epochs"},
        ),
    log:
        "<results>/figures/{figure}.log",
    wildcard_constraints:
        figure="figure_07",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    params:
        label=figure_label,
        embedded=figure_is_embedded,
        schedule=figure_schedule,
    shell:
        "python {input.script} --n-l {input.n_l} --training {input.training} --label {params.label:q}"
        " --schedule {params.schedule} --output {output} &> {log}"


# Draw the drop in test accuracy by reset layer and epoch, one heat map per run.
rule plot_heatmaps:
    input:
        script="workflow/scripts/plot_heatmaps.py",
        code=FIGURE_CODE,
        reinit=figure_table("reinit"),
    output:
        pdf="<results>/figures/{figure}.pdf",
        png=report(
            "<results>/figures/{figure}.png",
            caption="../report/heatmaps.rst",
            category="3.3 Biased layers are critical to performance",
            labels={"figure": "{figure}", "shows": "drop when a layer is reset"},
        ),
    log:
        "<results>/figures/{figure}.log",
    wildcard_constraints:
        figure="figure_02",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    params:
        label=figure_label,
        embedded=figure_is_embedded,
        # The paper shows three runs in figure 2.
        runs=3,
    shell:
        "python {input.script} --reinit {input.reinit} --runs {params.runs} --label {params.label:q}"
        " --output {output} &> {log}"


# Draw histograms of cosines, initial against trained, for the first seed.
rule plot_histograms:
    input:
        script="workflow/scripts/plot_histograms.py",
        code=FIGURE_CODE,
        cosines=figure_table("cosines"),
        n_l=figure_table("n_l"),
    output:
        pdf="<results>/figures/{figure}.pdf",
        png=report(
            "<results>/figures/{figure}.png",
            caption="../report/histograms.rst",
            category="3.2 Bias emerges from learning",
            labels={
                "figure": "{figure}",
                "shows": "cosines before and after training",
            },
        ),
    log:
        "<results>/figures/{figure}.log",
    wildcard_constraints:
        figure="figure_04",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    params:
        label=figure_label,
        embedded=figure_is_embedded,
        seed=figure_seed,
    shell:
        "python {input.script} --cosines {input.cosines} --n-l {input.n_l} --seed {params.seed}"
        " --label {params.label:q} --output {output} &> {log}"


# Draw n_l of the first layer over epochs, one curve per experiment.
rule plot_first_layer:
    input:
        script="workflow/scripts/plot_first_layer.py",
        code=FIGURE_CODE,
        n_l=figure_table("n_l_summary"),
    output:
        pdf="<results>/figures/{figure}.pdf",
        png=report(
            "<results>/figures/{figure}.png",
            caption="../report/first_layer.rst",
            category="A.7 Low-level features",
            labels={"figure": "{figure}", "shows": "n_1 over epochs"},
        ),
    log:
        "<results>/figures/{figure}.log",
    wildcard_constraints:
        figure="figure_21",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    params:
        labels=figure_label,
        embedded=figure_is_embedded,
    shell:
        "python {input.script} --n-l {input.n_l} --labels {params.labels:q} --output {output} &> {log}"
