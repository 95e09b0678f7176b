# The study of invariance: what is measured of a run, the tables of an experiment, and of all of them.
include: "invariance_inputs.smk"


AS_PUBLISHED = as_published()
PUBLISHED_VALUES = (
    ROOT / "src" / "anatomy" / "studies" / "invariance" / "published_values.csv"
)


# Measure every unit of a trained network on rotated test images, and test it on plain and rotated ones.
rule measure_invariance:
    input:
        description=experiment_dataset,
        data=ancient(experiment_data),
        run="<results>/runs/{experiment}/seed={seed}/run.json",
        final=ancient("<results>/runs/{experiment}/seed={seed}/final.safetensors"),
        snapshots=ancient(invariance_snapshots),
    output:
        "<results>/invariance/measurements/{experiment}/seed={seed}.safetensors",
    log:
        "<results>/invariance/measurements/{experiment}/seed={seed}.log",
    benchmark:
        "<results>/invariance/measurements/{experiment}/seed={seed}.tsv"
    wildcard_constraints:
        experiment="|".join(ROTATED) or "(?!)",
    conda:
        "../../envs/torch.yaml"
    threads: invariance_threads
    resources:
        gpu=int(USE_GPU),
        mem_mb=memory(invariance_request),
        runtime=minutes(invariance_request),
    params:
        *one_by_one(invariance_texts, ROTATED),
        program=program("measure_invariance.py"),
        schema=schema_file,
        dataset=subpath(input.description, parent=True),
        run=subpath(input.run, parent=True),
        settings=invariance_settings,
    shell:
        "{params.program:q} --run {params.run:q} --dataset {params.dataset:q} --schema {params.schema:q}"
        " --settings {params.settings:q} --threads 1 --workers $(({threads} - 1))"
        " --gpus {resources.gpu} --output {output:q} &> {log:q}"


# Collect the invariance of units, layers and networks of one experiment, and its scores.
rule tabulate_invariance:
    input:
        measurements=experiment_invariance,
    output:
        **{
            table: f"<results>/invariance/tables/{{experiment}}/{table}.csv"
            for table in INVARIANCE_TABLES
        },
    log:
        "<results>/invariance/tables/{experiment}/tabulate_invariance.log",
    wildcard_constraints:
        experiment="|".join(ROTATED) or "(?!)",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    params:
        *code("tabulate_invariance.py"),
        program=program("tabulate_invariance.py"),
        folder=subpath(output.units, parent=True),
    shell:
        "{params.program:q} --measurements {input.measurements:q} --output {params.folder:q} &> {log:q}"


# Put the invariance of whole networks of all experiments into one table.
rule tabulate_invariance_networks:
    input:
        tables=expand(
            "<results>/invariance/tables/{experiment}/network_invariance.csv",
            experiment=ROTATED,
        ),
    output:
        report(
            "<results>/invariance/tables/networks.csv",
            caption="../report/invariance_networks.rst",
            category="Tables as files",
            labels={"table": "all experiments: invariance of networks (CSV)"},
        ),
    log:
        "<results>/invariance/tables/tabulate_invariance_networks.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    params:
        *code("tabulate_invariance_networks.py"),
        program=program("tabulate_invariance_networks.py"),
    shell:
        "{params.program:q} --tables {input.tables:q} --output {output:q} &> {log:q}"


# Put networks of the paper beside the numbers that its authors published.
rule compare_invariance:
    input:
        networks=expand(
            "<results>/invariance/tables/{experiment}/network_invariance.csv",
            experiment=AS_PUBLISHED,
        ),
        scores=expand(
            "<results>/invariance/tables/{experiment}/scores.csv",
            experiment=AS_PUBLISHED,
        ),
    output:
        report(
            "<results>/invariance/tables/published.csv",
            caption="../report/invariance_published.rst",
            category="Tables as files",
            labels={"table": "invariance beside the published values (CSV)"},
        ),
    log:
        "<results>/invariance/tables/compare_invariance.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    params:
        *code("compare_invariance.py"),
        *(f"{name}={' '.join(own)}" for name, own in AS_PUBLISHED.items()),
        values=sha256_of(PUBLISHED_VALUES),
        program=program("compare_invariance.py"),
        experiments=published_experiments,
    shell:
        "{params.program:q} --experiments {params.experiments:q} --networks {input.networks:q}"
        " --scores {input.scores:q} --output {output:q} &> {log:q}"


LAYER_TABLES += expand(rules.tabulate_invariance.output.layers, experiment=ROTATED)

# All files of this study but claims and figures.
if ROTATED:
    MEASUREMENTS["invariance"] += per_run(rules.measure_invariance.output, ROTATED)
    TABLES["invariance"] += [
        expand(rules.tabulate_invariance.output, experiment=ROTATED),
        rules.tabulate_invariance_networks.output,
    ]
if AS_PUBLISHED:
    TABLES["invariance"] += rules.compare_invariance.output
