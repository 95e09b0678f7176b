# Reset the layers of a trained network, one at a time, and measure its accuracy on the test set.
rule reinitialise_layers:
    input:
        description=experiment_dataset,
        data=ancient(experiment_data),
        run="<results>/runs/{experiment}/seed={seed}/run.json",
        final=ancient("<results>/runs/{experiment}/seed={seed}/final.safetensors"),
        snapshots=ancient(reset_snapshots),
    output:
        "<results>/arrangements/measurements/reinitialisation/{experiment}/seed={seed}.csv",
    log:
        "<results>/arrangements/measurements/reinitialisation/{experiment}/seed={seed}.log",
    benchmark:
        "<results>/arrangements/measurements/reinitialisation/{experiment}/seed={seed}.tsv"
    wildcard_constraints:
        experiment="|".join(REINITIALISED) or "(?!)",
    group:
        REINITIALISATION_GROUP
    conda:
        "../../envs/torch.yaml"
    threads: reinitialisation_threads
    resources:
        gpu=int(USE_GPU),
        mem_mb=memory(reinitialisation_request),
        runtime=minutes(reinitialisation_request),
    params:
        *one_by_one(reinitialisation_texts, REINITIALISED),
        program=program("reinitialise_layers.py"),
        schema=schema_file,
        dataset=subpath(input.description, parent=True),
        run=subpath(input.run, parent=True),
        options=reset_options,
    shell:
        "{params.program:q} --run {params.run:q} --dataset {params.dataset:q} --schema {params.schema:q}"
        " --snapshots {input.snapshots:q} {params.options:q} --output {output:q}"
        " --threads 1 --workers $(({threads} - 1)) --gpus {resources.gpu} &> {log:q}"
