include: "curvature_inputs.smk"


CURVED = CONFIGURATION.measured.get("curvature", [])
CURVATURE = "<results>/curvature/measurements/{experiment}/seed={seed}"
# What tabulate_curvature writes of every experiment.
CURVATURE_TABLES = [
    "eigenvalues",
    "spectrum",
    "generalisation",
    "measures",
    "layers",
    "alignments",
    "maps",
    "sections",
    "margins",
    "reparametrisation",
    "vectors",
    "plane",
    "agreement",
]


# Measure the curvature of a run: eigenpairs of the Hessian, spectrum, layers, alignments and boundary.
rule measure_curvature:
    input:
        description=experiment_dataset,
        data=ancient(experiment_data),
        run="<results>/runs/{experiment}/seed={seed}/run.json",
        final=ancient("<results>/runs/{experiment}/seed={seed}/final.safetensors"),
        snapshots=ancient(curvature_snapshots),
    output:
        facts=f"{CURVATURE}/curvature.json",
        pairs=f"{CURVATURE}/eigenpairs.safetensors",
        arrays=f"{CURVATURE}/arrays.npz",
    log:
        f"{CURVATURE}/measure_curvature.log",
    benchmark:
        f"{CURVATURE}/measure_curvature.tsv"
    wildcard_constraints:
        experiment="|".join(CURVED) or "(?!)",
    conda:
        "../../envs/torch.yaml"
    threads: curvature_threads
    resources:
        gpu=int(USE_GPU),
        mem_mb=memory(curvature_request),
        runtime=minutes(curvature_request),
    params:
        *one_by_one(curvature_texts, CURVED),
        program=program("measure_curvature.py"),
        schema=schema_file,
        dataset=subpath(input.description, parent=True),
        run=subpath(input.run, parent=True),
        folder=subpath(output.facts, parent=True),
        settings=curvature_settings,
    shell:
        "{params.program:q} --run {params.run:q} --dataset {params.dataset:q} --schema {params.schema:q}"
        " --settings {params.settings:q} --output {params.folder:q} --threads {threads}"
        " --gpus {resources.gpu} &> {log:q}"


# Collect what was measured of the runs of one experiment.
rule tabulate_curvature:
    input:
        facts=curvature_measurements,
        arrays=curvature_arrays,
    output:
        expand(
            "<results>/curvature/tables/{{experiment}}/{table}.csv",
            table=CURVATURE_TABLES,
        ),
    log:
        "<results>/curvature/tables/{experiment}/tabulate_curvature.log",
    wildcard_constraints:
        experiment="|".join(CURVED) or "(?!)",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    params:
        *code("tabulate_curvature.py"),
        program=program("tabulate_curvature.py"),
        measurements=curvature_folders,
        folder=subpath(output[0], parent=True),
    shell:
        "{params.program:q} --measurements {params.measurements:q} --output {params.folder:q} &> {log:q}"


# All files of this study but claims and figures.
if "curvature" in CONFIGURATION.studies:
    MEASUREMENTS["curvature"] += per_run(rules.measure_curvature.output, CURVED)
    TABLES["curvature"] += expand(rules.tabulate_curvature.output, experiment=CURVED)
