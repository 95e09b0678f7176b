include: "subspaces_inputs.smk"


# Take batch normalisation's statistics at the points of a trained subspace, or of averaged snapshots, once.
rule recalibrate_points:
    input:
        description=experiment_dataset,
        data=ancient(experiment_data),
        run="<results>/runs/{experiment}/seed={seed}/run.json",
        final=ancient("<results>/runs/{experiment}/seed={seed}/final.safetensors"),
        snapshots=ancient(averaged_snapshots),
    output:
        "<results>/subspaces/measurements/points/{experiment}/seed={seed}.safetensors",
    log:
        "<results>/subspaces/measurements/points/{experiment}/seed={seed}.log",
    benchmark:
        "<results>/subspaces/measurements/points/{experiment}/seed={seed}.tsv"
    wildcard_constraints:
        experiment="|".join(WITH_POINTS) or "(?!)",
    conda:
        "../../envs/torch.yaml"
    threads: reading_threads
    resources:
        gpu=int(USE_GPU),
        mem_mb=memory(recalibration_request),
        runtime=minutes(recalibration_request),
    params:
        *one_by_one(recalibration_texts, WITH_POINTS),
        program=program("recalibrate_points.py"),
        schema=schema_file,
        dataset=subpath(input.description, parent=True),
        run=subpath(input.run, parent=True),
        options=recalibration_options,
    shell:
        "{params.program:q} --run {params.run:q} --dataset {params.dataset:q} --schema {params.schema:q}"
        " {params.options:q} --output {output:q} --workers $(({threads} - 1))"
        " --gpus {resources.gpu} &> {log:q}"


# Evaluate a network, or the points of a subspace, on the test images, alone and together.
rule evaluate_points:
    input:
        description=experiment_dataset,
        data=ancient(experiment_data),
        run="<results>/runs/{experiment}/seed={seed}/run.json",
        final=ancient("<results>/runs/{experiment}/seed={seed}/final.safetensors"),
        snapshots=ancient(averaged_snapshots),
        points=recalibrated_points,
    output:
        table="<results>/subspaces/measurements/evaluations/{experiment}/seed={seed}.csv",
        predictions="<results>/subspaces/measurements/evaluations/{experiment}/seed={seed}.safetensors",
    log:
        "<results>/subspaces/measurements/evaluations/{experiment}/seed={seed}.log",
    benchmark:
        "<results>/subspaces/measurements/evaluations/{experiment}/seed={seed}.tsv"
    wildcard_constraints:
        experiment="|".join(IN_SUBSPACES) or "(?!)",
    conda:
        "../../envs/torch.yaml"
    threads: reading_threads
    resources:
        gpu=int(USE_GPU),
        mem_mb=memory(evaluation_request),
        runtime=minutes(evaluation_request),
    params:
        *one_by_one(evaluation_texts, IN_SUBSPACES),
        program=program("evaluate_points.py"),
        schema=schema_file,
        dataset=subpath(input.description, parent=True),
        run=subpath(input.run, parent=True),
        points=points_option,
    shell:
        "{params.program:q} --run {params.run:q} --dataset {params.dataset:q} --schema {params.schema:q}"
        " {params.points:q} --table {output.table:q} --predictions {output.predictions:q}"
        " --workers $(({threads} - 1)) --gpus {resources.gpu} &> {log:q}"


# Each experiment has its own list of snapshots: one rule each.
for experiment in WITH_SUBSPACE:

    # Measure how far apart the ends of a subspace are in every snapshot.
    rule:
        name:
            f"measure_ends_{experiment}"
        input:
            run=f"<results>/runs/{experiment}/seed={{seed}}/run.json",
            snapshots=ancient(
                expand(
                    "<results>/runs/{experiment}/seed={{seed}}/snapshots/epoch={epoch}.safetensors",
                    experiment=experiment,
                    epoch=snapshots_of(experiment),
                )
            ),
        output:
            f"<results>/subspaces/measurements/ends/{experiment}/seed={{seed}}.csv",
        log:
            f"<results>/subspaces/measurements/ends/{experiment}/seed={{seed}}.log",
        conda:
            "../../envs/analysis.yaml"
        threads: 1
        resources:
            mem_mb=memory(statistics_request, experiment),
            runtime=minutes(statistics_request, experiment),
        params:
            *code("measure_ends.py"),
            program=program("measure_ends.py"),
            kind=EXPERIMENTS[experiment].subspace.kind,
        shell:
            "{params.program:q} --snapshots {input.snapshots:q} --kind {params.kind:q} --output {output:q}"
            " &> {log:q}"


# Evaluate the lines between networks of different seeds, as trained and with their units matched.
rule measure_barrier:
    input:
        description=experiment_dataset,
        data=ancient(experiment_data),
        runs=seeds_of_evaluations("<results>/runs/{experiment}/seed={seed}/run.json"),
        finals=ancient(
            seeds_of_evaluations(
                "<results>/runs/{experiment}/seed={seed}/final.safetensors"
            )
        ),
    output:
        "<results>/subspaces/tables/{experiment}/barrier.csv",
    log:
        "<results>/subspaces/tables/{experiment}/measure_barrier.log",
    benchmark:
        "<results>/subspaces/tables/{experiment}/measure_barrier.tsv"
    wildcard_constraints:
        experiment="|".join(WITH_BARRIER) or "(?!)",
    conda:
        "../../envs/torch.yaml"
    threads: reading_threads
    resources:
        gpu=int(USE_GPU),
        mem_mb=6000,
        runtime="12h",
    params:
        *one_by_one(barrier_texts, WITH_BARRIER),
        program=program("measure_barrier.py"),
        schema=schema_file,
        dataset=subpath(input.description, parent=True),
        runs=runs_of_barrier,
        points=barrier_points,
    shell:
        "{params.program:q} --runs {params.runs:q} --dataset {params.dataset:q} --schema {params.schema:q}"
        " --points {params.points:q} --output {output:q} --workers $(({threads} - 1))"
        " --gpus {resources.gpu} &> {log:q}"


# Evaluate a network, or two points of a line together, on corrupted images.
rule evaluate_corruptions:
    input:
        description=experiment_dataset,
        data=ancient(experiment_data),
        run="<results>/runs/{experiment}/seed={seed}/run.json",
        final=ancient("<results>/runs/{experiment}/seed={seed}/final.safetensors"),
        points=recalibrated_points,
    output:
        "<results>/subspaces/measurements/corruptions/{experiment}/seed={seed}.csv",
    log:
        "<results>/subspaces/measurements/corruptions/{experiment}/seed={seed}.log",
    benchmark:
        "<results>/subspaces/measurements/corruptions/{experiment}/seed={seed}.tsv"
    wildcard_constraints:
        experiment="|".join(CORRUPTED) or "(?!)",
    conda:
        "../../envs/torch.yaml"
    threads: reading_threads
    resources:
        gpu=int(USE_GPU),
        mem_mb=8000,
        runtime="1d",
    params:
        *one_by_one(corruption_texts, CORRUPTED),
        program=program("evaluate_corruptions.py"),
        schema=schema_file,
        dataset=subpath(input.description, parent=True),
        run=subpath(input.run, parent=True),
        points=points_option,
        options=corruption_options,
    shell:
        "{params.program:q} --run {params.run:q} --dataset {params.dataset:q} --schema {params.schema:q}"
        " {params.points:q} {params.options:q} --output {output:q} --workers $(({threads} - 1))"
        " --gpus {resources.gpu} &> {log:q}"


# Collect what was evaluated on corrupted images of one experiment.
rule tabulate_corruptions:
    input:
        seeds_of_evaluations(
            "<results>/subspaces/measurements/corruptions/{experiment}/seed={seed}.csv"
        ),
    output:
        "<results>/subspaces/tables/{experiment}/corruptions.csv",
    log:
        "<results>/subspaces/tables/{experiment}/tabulate_corruptions.log",
    wildcard_constraints:
        experiment="|".join(CORRUPTED) or "(?!)",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    params:
        *code("tabulate_corruptions.py"),
        program=program("tabulate_corruptions.py"),
    shell:
        "{params.program:q} --corruptions {input:q} --table {output:q} &> {log:q}"


# Collect the evaluations of one experiment, and evaluate ensembles of its seeds.
rule tabulate_subspaces:
    input:
        evaluations=seeds_of_evaluations(
            "<results>/subspaces/measurements/evaluations/{experiment}/seed={seed}.csv"
        ),
        predictions=seeds_of_evaluations(
            "<results>/subspaces/measurements/evaluations/{experiment}/seed={seed}.safetensors"
        ),
    output:
        table="<results>/subspaces/tables/{experiment}/evaluations.csv",
        summary=report(
            "<results>/subspaces/tables/{experiment}/evaluations_summary.csv",
            caption="../report/subspaces.rst",
            category="Tables as files",
            labels={"table": "{experiment}: points and their ensembles (CSV)"},
        ),
        ensembles="<results>/subspaces/tables/{experiment}/ensembles.csv",
        plane="<results>/subspaces/tables/{experiment}/plane.csv",
    log:
        "<results>/subspaces/tables/{experiment}/tabulate_subspaces.log",
    wildcard_constraints:
        experiment="|".join(IN_SUBSPACES) or "(?!)",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime="1h",
    params:
        *code("tabulate_subspaces.py"),
        program=program("tabulate_subspaces.py"),
    shell:
        "{params.program:q} --evaluations {input.evaluations:q} --predictions {input.predictions:q}"
        " --table {output.table:q} --summary {output.summary:q} --ensembles {output.ensembles:q}"
        " --plane {output.plane:q} &> {log:q}"


# Collect how far apart the ends of one experiment are, as a whole and layer by layer.
rule tabulate_ends:
    input:
        ends=seeds_of_evaluations(
            "<results>/subspaces/measurements/ends/{experiment}/seed={seed}.csv"
        ),
    output:
        geometry="<results>/subspaces/tables/{experiment}/geometry.csv",
        layers="<results>/subspaces/tables/{experiment}/layers.csv",
    log:
        "<results>/subspaces/tables/{experiment}/tabulate_ends.log",
    wildcard_constraints:
        experiment="|".join(WITH_SUBSPACE) or "(?!)",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    params:
        *code("tabulate_ends.py"),
        program=program("tabulate_ends.py"),
    shell:
        "{params.program:q} --ends {input.ends:q} --geometry {output.geometry:q} --layers {output.layers:q}"
        " &> {log:q}"


LAYER_TABLES += expand(rules.tabulate_ends.output.layers, experiment=WITH_SUBSPACE)

# All files of this study but claims and figures.
if "subspaces" in CONFIGURATION.studies:
    MEASUREMENTS["subspaces"] += [
        per_run(rules.recalibrate_points.output, WITH_POINTS),
        per_run(rules.evaluate_points.output, IN_SUBSPACES),
        per_run(rules.evaluate_corruptions.output, CORRUPTED),
        per_run(
            "<results>/subspaces/measurements/ends/{experiment}/seed={seed}.csv",
            WITH_SUBSPACE,
        ),
    ]
    TABLES["subspaces"] += [
        expand(rules.tabulate_subspaces.output, experiment=IN_SUBSPACES),
        expand(rules.tabulate_ends.output, experiment=WITH_SUBSPACE),
        expand(rules.measure_barrier.output, experiment=WITH_BARRIER),
        expand(rules.tabulate_corruptions.output, experiment=CORRUPTED),
    ]
