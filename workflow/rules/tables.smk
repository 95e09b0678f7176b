# Collect n_l and the cosines at the first and last epoch of one experiment.
rule tabulate_projections:
    input:
        projections=experiment_projections,
        first_and_last=first_and_last_projections,
    output:
        n_l="<results>/arrangements/tables/{experiment}/n_l.csv",
        summary=report(
            "<results>/arrangements/tables/{experiment}/n_l_summary.csv",
            caption="../report/n_l.rst",
            category="Tables as files",
            labels={"table": "{experiment}: n_l (CSV)"},
        ),
        onset=report(
            "<results>/arrangements/tables/{experiment}/bias_onset.csv",
            caption="../report/bias_onset.rst",
            category="Tables as files",
            labels={"table": "{experiment}: onset of the bias (CSV)"},
        ),
        cosines="<results>/arrangements/tables/{experiment}/cosines.csv",
        histograms="<results>/arrangements/tables/{experiment}/histograms.csv",
    log:
        "<results>/arrangements/tables/{experiment}/tabulate_projections.log",
    wildcard_constraints:
        experiment="|".join([*MEASURED, *PRETRAINED]) or "(?!)",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    params:
        *code("tabulate_projections.py"),
        program=program("tabulate_projections.py"),
    shell:
        "{params.program:q} --projections {input.projections:q} --cosines-of {input.first_and_last:q}"
        " --n-l {output.n_l:q} --summary {output.summary:q} --onset {output.onset:q}"
        " --cosines {output.cosines:q} --histograms {output.histograms:q} &> {log:q}"


# Collect the drops in test accuracy of one experiment.
rule tabulate_reinitialisation:
    input:
        reinitialisation=experiment_reinitialisation,
    output:
        table="<results>/arrangements/tables/{experiment}/reinitialisation.csv",
        summary=report(
            "<results>/arrangements/tables/{experiment}/reinitialisation_summary.csv",
            caption="../report/reinitialisation.rst",
            category="Tables as files",
            labels={"table": "{experiment}: reinitialisation (CSV)"},
        ),
    log:
        "<results>/arrangements/tables/{experiment}/tabulate_reinitialisation.log",
    wildcard_constraints:
        experiment="|".join(REINITIALISED) or "(?!)",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    params:
        *code("tabulate_reinitialisation.py"),
        program=program("tabulate_reinitialisation.py"),
    shell:
        "{params.program:q} --reinitialisation {input.reinitialisation:q} --table {output.table:q}"
        " --summary {output.summary:q} &> {log:q}"


# Put what was measured of each layer into one table, in the form that all studies share.
rule tabulate_layers:
    input:
        layer_tables,
    output:
        "<results>/arrangements/tables/{experiment}/layers.csv",
    log:
        "<results>/arrangements/tables/{experiment}/tabulate_layers.log",
    wildcard_constraints:
        experiment="|".join(MEASURED) or "(?!)",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    params:
        *code("tabulate_layers.py"),
        program=program("tabulate_layers.py"),
    shell:
        "{params.program:q} --tables {input:q} --output {output:q} &> {log:q}"


# Compare bias and criticality over the layers of all experiments that reset layers.
rule tabulate_criticality:
    input:
        n_l=expand(
            "<results>/arrangements/tables/{experiment}/n_l.csv",
            experiment=REINITIALISED,
        ),
        reinitialisation=expand(
            "<results>/arrangements/tables/{experiment}/reinitialisation.csv",
            experiment=REINITIALISED,
        ),
    output:
        table=report(
            "<results>/arrangements/tables/criticality.csv",
            caption="../report/criticality.rst",
            category="Tables as files",
            labels={"table": "all experiments: criticality (CSV)"},
        ),
        layers=report(
            "<results>/arrangements/tables/critical_layers.csv",
            caption="../report/critical_layers.rst",
            category="Tables as files",
            labels={"table": "all experiments: critical layers (CSV)"},
        ),
    log:
        "<results>/arrangements/tables/tabulate_criticality.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    params:
        *code("tabulate_criticality.py"),
        f"critical_drop={critical_drop()}",
        program=program("tabulate_criticality.py"),
        critical=critical_drop,
    shell:
        "{params.program:q} --n-l {input.n_l:q} --reinitialisation {input.reinitialisation:q}"
        " --critical-drop {params.critical:q} --output {output.table:q} --layers {output.layers:q} &> {log:q}"


# Write all tables as one page for reading.
rule render_tables:
    input:
        accuracies="<results>/accuracies.csv",
        summaries=expand(
            "<results>/arrangements/tables/{experiment}/n_l_summary.csv",
            experiment=MEASURED,
        ),
        onsets=expand(
            "<results>/arrangements/tables/{experiment}/bias_onset.csv",
            experiment=MEASURED,
        ),
        drops=expand(
            "<results>/arrangements/tables/{experiment}/reinitialisation_summary.csv",
            experiment=REINITIALISED,
        ),
        criticality="<results>/arrangements/tables/criticality.csv",
        layers="<results>/arrangements/tables/critical_layers.csv",
    output:
        report(
            "<results>/arrangements/tables.html",
            caption="../report/tables.rst",
            category="Tables",
            labels={"page": "arrangements: every table, on one page"},
        ),
    log:
        "<results>/arrangements/render_tables.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    params:
        *code("render_tables.py"),
        program=program("render_tables.py"),
    shell:
        "{params.program:q} --accuracies {input.accuracies:q} --summaries {input.summaries:q}"
        " --onsets {input.onsets:q} --drops {input.drops:q} --criticality {input.criticality:q}"
        " --layers {input.layers:q} --output {output:q} &> {log:q}"


LAYER_TABLES += expand(rules.tabulate_layers.output, experiment=MEASURED)
HISTOGRAM_TABLES += expand(
    rules.tabulate_projections.output.histograms, experiment=MEASURED
)

# All files of this study but claims and figures.
if ARRANGEMENTS:
    MEASUREMENTS["arrangements"] += [
        PROJECTIONS,
        per_run(rules.reinitialise_layers.output, REINITIALISED),
    ]
    TABLES["arrangements"] += [
        expand(rules.tabulate_projections.output, experiment=MEASURED),
        expand(rules.tabulate_reinitialisation.output, experiment=REINITIALISED),
        expand(rules.tabulate_layers.output, experiment=MEASURED),
    ]
if MEASURED:
    TABLES["arrangements"] += [
        rules.tabulate_criticality.output,
        rules.render_tables.output,
    ]
