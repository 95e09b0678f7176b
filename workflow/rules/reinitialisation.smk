# Reset the layers of a trained network, one at a time, and measure its accuracy on the test set.
rule reinitialise_layers:
    input:
        script="workflow/scripts/reinitialise_layers.py",
        code=code_of("reinitialise_layers.py"),
        description=experiment_dataset,
        data=ancient(experiment_data),
        run="<results>/runs/{experiment}/seed={seed}/run.json",
        final=ancient("<results>/runs/{experiment}/seed={seed}/final.safetensors"),
        snapshots=ancient(reset_snapshots),
    output:
        "<results>/reinitialisation/{experiment}/seed={seed}.csv",
    log:
        "<results>/reinitialisation/{experiment}/seed={seed}.log",
    benchmark:
        "<results>/reinitialisation/{experiment}/seed={seed}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: reinitialisation_threads
    resources:
        gpu=int(USE_GPU),
        mem_mb=4000,
        runtime="12h",
    params:
        dataset=subpath(input.description, parent=True),
        run=subpath(input.run, parent=True),
        options=reset_options,
    shell:
        "python {input.script} --run {params.run} --dataset {params.dataset}"
        " --snapshots {input.snapshots} {params.options} --output {output}"
        " --threads 1 --workers $(({threads} - 1)) --gpus {resources.gpu} &> {log}"
