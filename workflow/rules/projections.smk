for experiment in MEASURED:

    # Measure all snapshots of a run in one process: equation 1 per filter, n_l per layer.
    rule:
        name:
            f"measure_projections_{experiment}"
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
            expand(
                "<results>/arrangements/measurements/projections/{experiment}/seed={{seed}}/epoch={epoch}.json",
                experiment=experiment,
                epoch=snapshots_of(experiment),
            ),
        log:
            f"<results>/arrangements/measurements/projections/{experiment}/seed={{seed}}.log",
        group:
            PROJECTIONS_GROUP
        conda:
            "../../envs/analysis.yaml"
        threads: 1
        resources:
            # One after the other, where several go to a cluster together.
            reading=1,
            mem_mb=memory(statistics_request, experiment),
            runtime=minutes(statistics_request, experiment),
        params:
            *code("measure_projections.py"),
            program=program("measure_projections.py"),
            folder=subpath(output[0], parent=True),
        shell:
            "{params.program:q} --snapshots {input.snapshots:q} --output {params.folder:q} &> {log:q}"


# All files of projections.
PROJECTIONS = [
    expand(
        getattr(rules, f"measure_projections_{experiment}").output,
        seed=EXPERIMENTS[experiment].seeds,
    )
    for experiment in MEASURED
]
