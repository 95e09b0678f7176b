# Each experiment has its own list of snapshots, and outputs cannot depend on wildcards: one rule each.
for experiment, settings in EXPERIMENTS.items():

    # Train one seed; a run that was stopped continues where it was.
    rule:
        name:
            f"train_network_{experiment}"
        input:
            script="workflow/scripts/train_network.py",
            code=code_of("train_network.py"),
            description=f"<results>/datasets/{settings['dataset']}/dataset.json",
            data=ancient(f"<results>/datasets/{settings['dataset']}/data.safetensors"),
        output:
            snapshots=expand(
                "<results>/runs/{experiment}/seed={{seed}}/snapshots/epoch={epoch}.safetensors",
                experiment=experiment,
                epoch=settings["snapshots"],
            ),
            final=f"<results>/runs/{experiment}/seed={{seed}}/final.safetensors",
            history=f"<results>/runs/{experiment}/seed={{seed}}/history.csv",
            provenance=f"<results>/runs/{experiment}/seed={{seed}}/provenance.json",
            run=f"<results>/runs/{experiment}/seed={{seed}}/run.json",
        log:
            f"<results>/runs/{experiment}/seed={{seed}}/train.log",
        benchmark:
            f"<results>/runs/{experiment}/seed={{seed}}/train.tsv"
        conda:
            "../../envs/torch.yaml"
        threads: settings["threads"] + loaders(experiment)
        resources:
            gpu=int(USE_GPU),
            mem_mb=6000,
            runtime="2d",
        params:
            experiment=experiment,
            dataset=subpath(input.description, parent=True),
            run=subpath(output.run, parent=True),
            settings=run_settings(experiment),
            # Bits depend on how many compute: as configured, even if --cores is less. The rest read images.
            compute=settings["threads"],
        shell:
            "python {input.script} --experiment {params.experiment} --settings {params.settings:q}"
            " --dataset {params.dataset} --seed {wildcards.seed} --output {params.run}"
            " --threads {params.compute} --workers $(({threads} > {params.compute} ? {threads} - {params.compute} : 0))"
            " --gpus {resources.gpu} &>> {log}"
