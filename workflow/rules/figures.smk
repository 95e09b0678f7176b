# Draw histograms of cosines, initial against trained, one panel per layer.
rule plot_histograms:
    input:
        script="workflow/scripts/plot_histograms.py",
        code=HISTOGRAM_CODE,
        cosines=figure_tables("cosines"),
        n_l=figure_tables("n_l"),
    output:
        pdf="<results>/figures/{figure}.pdf",
        png=report(
            "<results>/figures/{figure}.png",
            caption="../report/histograms.rst",
            category=figure_section,
            labels={
                "figure": "{figure}",
                "shows": "cosines before and after training",
            },
        ),
    log:
        "<results>/figures/{figure}.log",
    wildcard_constraints:
        figure=figures_of("histograms"),
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    params:
        label=figure_label,
        paper=figure_paper,
        embedded=figure_is_embedded,
        seed=figure_seed,
        stand_in=branch(figure_is_stand_in, then="--stand-in", otherwise=""),
    shell:
        "python {input.script} --cosines {input.cosines} --n-l {input.n_l} --seed {params.seed}"
        " --label {params.label:q} {params.stand_in} --output {output} &> {log}"


# Draw the drop in test accuracy by reset layer and epoch, one heat map per run.
rule plot_heatmaps:
    input:
        script="workflow/scripts/plot_heatmaps.py",
        code=HEAT_MAP_CODE,
        reinit=figure_tables("reinit"),
    output:
        pdf="<results>/figures/{figure}.pdf",
        png=report(
            "<results>/figures/{figure}.png",
            caption="../report/heatmaps.rst",
            category=figure_section,
            labels={"figure": "{figure}", "shows": "drop when a layer is reset"},
        ),
    log:
        "<results>/figures/{figure}.log",
    wildcard_constraints:
        figure=figures_of("heatmaps"),
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    params:
        label=figure_label,
        paper=figure_paper,
        embedded=figure_is_embedded,
        runs=figure_runs,
    shell:
        "python {input.script} --reinit {input.reinit} --runs {params.runs} --label {params.label:q}"
        " --output {output} &> {log}"


# Draw n_l of every layer over epochs, with losses and accuracies below.
rule plot_dynamics:
    input:
        script="workflow/scripts/plot_dynamics.py",
        code=FIGURE_CODE,
        n_l=figure_tables("n_l_summary"),
        training=figure_tables("training_summary"),
    output:
        pdf="<results>/figures/{figure}.pdf",
        png=report(
            "<results>/figures/{figure}.png",
            caption="../report/dynamics.rst",
            category=figure_section,
            labels={"figure": "{figure}", "shows": "n_l over epochs"},
        ),
    log:
        "<results>/figures/{figure}.log",
    wildcard_constraints:
        figure=figures_of("dynamics"),
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    params:
        label=figure_label,
        paper=figure_paper,
        embedded=figure_is_embedded,
        schedule=figure_schedules,
    shell:
        "python {input.script} --n-l {input.n_l} --training {input.training} --label {params.label:q}"
        " --schedule {params.schedule} --output {output} &> {log}"


# Draw n_l of every layer over epochs, step beside smooth schedule, one row per data set.
rule plot_comparison:
    input:
        script="workflow/scripts/plot_comparison.py",
        code=FIGURE_CODE,
        n_l=figure_tables("n_l_summary"),
        training=figure_tables("training_summary"),
    output:
        pdf="<results>/figures/{figure}.pdf",
        png=report(
            "<results>/figures/{figure}.png",
            caption="../report/comparison.rst",
            category=figure_section,
            labels={"figure": "{figure}", "shows": "n_l by schedule"},
        ),
    log:
        "<results>/figures/{figure}.log",
    wildcard_constraints:
        figure=figures_of("comparison"),
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    params:
        labels=figure_label,
        paper=figure_paper,
        embedded=figure_is_embedded,
        schedules=figure_schedules,
    shell:
        "python {input.script} --n-l {input.n_l} --training {input.training} --labels {params.labels:q}"
        " --schedules {params.schedules} --output {output} &> {log}"


# Draw n_l of the first layer over epochs, one curve per experiment.
rule plot_first_layer:
    input:
        script="workflow/scripts/plot_first_layer.py",
        code=FIGURE_CODE,
        n_l=figure_tables("n_l_summary"),
    output:
        pdf="<results>/figures/{figure}.pdf",
        png=report(
            "<results>/figures/{figure}.png",
            caption="../report/first_layer.rst",
            category=figure_section,
            labels={"figure": "{figure}", "shows": "n_1 over epochs"},
        ),
    log:
        "<results>/figures/{figure}.log",
    wildcard_constraints:
        figure=figures_of("first_layer"),
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    params:
        labels=figure_label,
        paper=figure_paper,
        embedded=figure_is_embedded,
        places=figure_places,
    shell:
        "python {input.script} --n-l {input.n_l} --labels {params.labels:q} --places {params.places}"
        " --output {output} &> {log}"


# Compute and draw the matrix of a convolution and the cone of a filter.
rule plot_arrangement:
    input:
        script="workflow/scripts/plot_arrangement.py",
        code=arrangement_code,
    output:
        pdf="<results>/figures/{figure}.pdf",
        png=report(
            "<results>/figures/{figure}.png",
            caption="../report/arrangement.rst",
            category=figure_section,
            labels={
                "figure": "{figure}",
                "shows": "matrix and cone of a convolution",
            },
        ),
    log:
        "<results>/figures/{figure}.log",
    wildcard_constraints:
        figure=figures_of("arrangement"),
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    shell:
        "python {input.script} --output {output} &> {log}"
