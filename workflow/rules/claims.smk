# Compare bias and criticality over the layers of all experiments that reset layers.
rule tabulate_criticality:
    input:
        script="workflow/scripts/tabulate_criticality.py",
        code=code_of("tabulate_criticality.py"),
        n_l=expand("<results>/tables/{experiment}/n_l.csv", experiment=REINITIALISED),
        reinitialisation=expand(
            "<results>/tables/{experiment}/reinitialisation.csv",
            experiment=REINITIALISED,
        ),
    output:
        table=report(
            "<results>/tables/criticality.csv",
            caption="../report/criticality.rst",
            category="Tables",
            labels={"experiment": "all", "table": "criticality"},
        ),
        layers=report(
            "<results>/tables/critical_layers.csv",
            caption="../report/critical_layers.rst",
            category="Tables",
            labels={"experiment": "all", "table": "critical layers"},
        ),
    log:
        "<results>/tables/tabulate_criticality.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    params:
        critical=CONFIGURATION.critical_drop,
    shell:
        "python {input.script} --n-l {input.n_l} --reinitialisation {input.reinitialisation}"
        " --critical-drop {params.critical} --output {output.table} --layers {output.layers} &> {log}"


# Write all tables as one page for reading.
rule render_tables:
    input:
        script="workflow/scripts/render_tables.py",
        code=code_of("render_tables.py"),
        accuracies="<results>/tables/accuracies.csv",
        summaries=expand(
            "<results>/tables/{experiment}/n_l_summary.csv", experiment=EXPERIMENTS
        ),
        onsets=expand(
            "<results>/tables/{experiment}/bias_onset.csv", experiment=EXPERIMENTS
        ),
        drops=expand(
            "<results>/tables/{experiment}/reinitialisation_summary.csv",
            experiment=REINITIALISED,
        ),
        criticality="<results>/tables/criticality.csv",
        layers="<results>/tables/critical_layers.csv",
    output:
        report(
            "<results>/tables/tables.html",
            caption="../report/tables.rst",
            category="Tables",
            labels={"experiment": "all", "table": "all, for reading"},
        ),
    log:
        "<results>/tables/render_tables.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    shell:
        "python {input.script} --accuracies {input.accuracies} --summaries {input.summaries}"
        " --onsets {input.onsets} --drops {input.drops} --criticality {input.criticality}"
        " --layers {input.layers}"
        " --output {output} &> {log}"


# Judge the paper's sentences by the experiments of its figures.
rule judge_claims:
    input:
        script="workflow/scripts/judge_claims.py",
        code=code_of("judge_claims.py"),
        datasets=claim_datasets,
        n_l=expand(
            "<results>/tables/{experiment}/n_l.csv",
            experiment=claim_experiments("n_l"),
        ),
        training=expand(
            "<results>/tables/{experiment}/training.csv",
            experiment=claim_experiments("training"),
        ),
        reinitialisation=expand(
            "<results>/tables/{experiment}/reinitialisation.csv",
            experiment=claim_experiments("reinitialisation"),
        ),
    output:
        table=report(
            "<results>/tables/claims.csv",
            caption="../report/claims.rst",
            category="Claims",
            labels={"shows": "every claim, as a table"},
        ),
        page=report(
            "<results>/tables/claims.html",
            caption="../report/claims.rst",
            category="Claims",
            labels={"shows": "every claim, for reading"},
        ),
    log:
        "<results>/tables/judge_claims.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    params:
        figures=claim_figures,
        experiments=claim_settings,
    shell:
        "python {input.script} --figures {params.figures:q} --experiments {params.experiments:q}"
        " --datasets {input.datasets} --n-l {input.n_l} --training {input.training}"
        " --reinitialisation {input.reinitialisation} --table {output.table} --page {output.page} &> {log}"
