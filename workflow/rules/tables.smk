# Collect n_l and the cosines at the first and last epoch of one experiment.
rule tabulate_projections:
    input:
        script="workflow/scripts/tabulate_projections.py",
        code=code_of("tabulate_projections.py"),
        projections=experiment_projections,
        first_and_last=first_and_last_projections,
    output:
        n_l="<results>/tables/{experiment}/n_l.csv",
        summary=report(
            "<results>/tables/{experiment}/n_l_summary.csv",
            caption="../report/n_l.rst",
            category="Tables",
            labels={"experiment": "{experiment}", "table": "n_l"},
        ),
        onset=report(
            "<results>/tables/{experiment}/bias_onset.csv",
            caption="../report/bias_onset.rst",
            category="Tables",
            labels={"experiment": "{experiment}", "table": "onset of the bias"},
        ),
        cosines="<results>/tables/{experiment}/cosines.csv",
    log:
        "<results>/tables/{experiment}/tabulate_projections.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    shell:
        "python {input.script} --projections {input.projections} --cosines-of {input.first_and_last}"
        " --n-l {output.n_l} --summary {output.summary} --onset {output.onset}"
        " --cosines {output.cosines} &> {log}"


# Collect losses, accuracies and learning rates of one experiment.
rule tabulate_training:
    input:
        script="workflow/scripts/tabulate_training.py",
        code=code_of("tabulate_training.py"),
        histories=experiment_histories,
    output:
        training="<results>/tables/{experiment}/training.csv",
        summary=report(
            "<results>/tables/{experiment}/training_summary.csv",
            caption="../report/training.rst",
            category="Tables",
            labels={"experiment": "{experiment}", "table": "training"},
        ),
    log:
        "<results>/tables/{experiment}/tabulate_training.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    params:
        seeds=experiment_seeds,
    shell:
        "python {input.script} --experiment {wildcards.experiment} --seeds {params.seeds}"
        " --histories {input.histories} --training {output.training} --summary {output.summary} &> {log}"


# Collect the drops in test accuracy of one experiment.
rule tabulate_reinitialisation:
    input:
        script="workflow/scripts/tabulate_reinitialisation.py",
        code=code_of("tabulate_reinitialisation.py"),
        reinitialisation=experiment_reinitialisation,
    output:
        table="<results>/tables/{experiment}/reinitialisation.csv",
        summary=report(
            "<results>/tables/{experiment}/reinitialisation_summary.csv",
            caption="../report/reinitialisation.rst",
            category="Tables",
            labels={"experiment": "{experiment}", "table": "reinitialisation"},
        ),
    log:
        "<results>/tables/{experiment}/tabulate_reinitialisation.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    shell:
        "python {input.script} --reinitialisation {input.reinitialisation} --table {output.table}"
        " --summary {output.summary} &> {log}"


# Collect the final accuracies of all experiments.
rule tabulate_accuracies:
    input:
        script="workflow/scripts/tabulate_accuracies.py",
        code=code_of("tabulate_accuracies.py"),
        training=expand(
            "<results>/tables/{experiment}/training.csv", experiment=EXPERIMENTS
        ),
        reinitialisation=expand(
            "<results>/tables/{experiment}/reinitialisation.csv",
            experiment=REINITIALISED,
        ),
    output:
        report(
            "<results>/tables/accuracies.csv",
            caption="../report/accuracies.rst",
            category="Tables",
            labels={"experiment": "all", "table": "accuracies"},
        ),
    log:
        "<results>/tables/tabulate_accuracies.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    shell:
        "python {input.script} --training {input.training} --reinitialisation {input.reinitialisation}"
        " --output {output} &> {log}"
