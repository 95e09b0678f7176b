for experiment, settings in EXPERIMENTS.items():

    # Measure all snapshots of a run in one process: equation 1 per filter, n_l per layer.
    rule:
        name:
            f"measure_projections_{experiment}"
        input:
            script="workflow/scripts/measure_projections.py",
            code=code_of("measure_projections.py"),
            run=f"<results>/runs/{experiment}/seed={{seed}}/run.json",
            snapshots=ancient(
                expand(
                    "<results>/runs/{experiment}/seed={{seed}}/snapshots/epoch={epoch}.safetensors",
                    experiment=experiment,
                    epoch=settings["snapshots"],
                )
            ),
        output:
            expand(
                "<results>/projections/{experiment}/seed={{seed}}/epoch={epoch}.json",
                experiment=experiment,
                epoch=settings["snapshots"],
            ),
        log:
            f"<results>/projections/{experiment}/seed={{seed}}.log",
        conda:
            "../../envs/analysis.yaml"
        threads: 1
        params:
            folder=subpath(output[0], parent=True),
        shell:
            "python {input.script} --snapshots {input.snapshots} --output {params.folder} &> {log}"
