# Each experiment has its own list of snapshots, and outputs cannot depend on wildcards: one rule each.
for experiment, settings in EXPERIMENTS.items():

    # Train one seed, from what the experiment starts from; a run that was stopped continues where it was.
    rule:
        name:
            f"train_network_{experiment}"
        input:
            description=dataset_of(experiment, "dataset.json"),
            data=ancient(dataset_of(experiment, "data.safetensors")),
            parent=parent_of(experiment, "run.json"),
            begin=ancient(parent_of(experiment, "final.safetensors")),
        output:
            snapshots=expand(
                "<results>/runs/{experiment}/seed={{seed}}/snapshots/epoch={epoch}.safetensors",
                experiment=experiment,
                epoch=snapshots_of(experiment),
            ),
            weights=f"<results>/runs/{experiment}/seed={{seed}}/final.safetensors",
            final=f"<results>/runs/{experiment}/seed={{seed}}/final.json",
            history=f"<results>/runs/{experiment}/seed={{seed}}/history.csv",
            provenance=f"<results>/runs/{experiment}/seed={{seed}}/provenance.json",
            run=f"<results>/runs/{experiment}/seed={{seed}}/run.json",
        log:
            f"<results>/runs/{experiment}/seed={{seed}}/train.log",
        benchmark:
            f"<results>/runs/{experiment}/seed={{seed}}/train.tsv"
        conda:
            "../../envs/torch.yaml"
        threads: settings.threads + loaders(experiment)
        resources:
            gpu=int(USE_GPU),
            mem_mb=memory(training_request, experiment),
            runtime=minutes(training_request, experiment),
        params:
            *run_texts(experiment, "train_network.py"),
            *map(as_it_is, changes(CONFIGURATION.run_settings(experiment))),
            *start_texts(experiment),
            # Bits depend on how many compute: as configured, even if --cores is less. The rest read images.
            f"threads={settings.threads}",
            program=program("train_network.py"),
            schema=schema_file,
            experiment=experiment,
            dataset=subpath(input.description, parent=True),
            run=subpath(output.run, parent=True),
            settings=run_settings(experiment),
            start=start_options(experiment),
            compute=run_threads(experiment),
        shell:
            "{params.program:q} --experiment {params.experiment:q} --settings {params.settings:q}"
            " --schema {params.schema:q} --dataset {params.dataset:q} --seed {wildcards.seed:q}"
            " --output {params.run:q} {params.start:q} --threads {params.compute:q}"
            " --workers $(({threads} > {params.compute} ? {threads} - {params.compute} : 0))"
            " --gpus {resources.gpu} &>> {log:q}"


# Collect losses, accuracies and learning rates of one experiment.
rule tabulate_training:
    input:
        histories=experiment_histories,
    output:
        training="<results>/runs/{experiment}/training.csv",
        summary=report(
            "<results>/runs/{experiment}/training_summary.csv",
            caption="../report/training.rst",
            category="Tables as files",
            labels={"table": "{experiment}: training (CSV)"},
        ),
    log:
        "<results>/runs/{experiment}/tabulate_training.log",
    wildcard_constraints:
        experiment="|".join(EXPERIMENTS) or "(?!)",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    params:
        *code("tabulate_training.py"),
        program=program("tabulate_training.py"),
        seeds=experiment_seeds,
    shell:
        "{params.program:q} --experiment {wildcards.experiment:q} --seeds {params.seeds:q}"
        " --histories {input.histories:q} --training {output.training:q}"
        " --summary {output.summary:q} &> {log:q}"


# Collect the final accuracies of all experiments.
rule tabulate_accuracies:
    input:
        training=expand(
            "<results>/runs/{experiment}/training.csv", experiment=EXPERIMENTS
        ),
        final=per_run("<results>/runs/{experiment}/seed={seed}/final.json", EXPERIMENTS),
    output:
        report(
            "<results>/accuracies.csv",
            caption="../report/accuracies.rst",
            category="Tables as files",
            labels={"table": "all experiments: accuracies (CSV)"},
        ),
    log:
        "<results>/tabulate_accuracies.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    params:
        *code("tabulate_accuracies.py"),
        program=program("tabulate_accuracies.py"),
    shell:
        "{params.program:q} --training {input.training:q} --final {input.final:q}"
        " --output {output:q} &> {log:q}"


# All files of all runs, and the tables of their training.
RUN_FILES = [
    expand(getattr(rules, f"train_network_{experiment}").output, seed=settings.seeds)
    for experiment, settings in EXPERIMENTS.items()
]
TRAINING_TABLES = expand(rules.tabulate_training.output, experiment=EXPERIMENTS)
if EXPERIMENTS:
    TRAINING_TABLES += rules.tabulate_accuracies.output
