# Read, generate or download a data set and describe it; only the description's content counts below.
rule prepare_dataset:
    input:
        script="workflow/scripts/prepare_dataset.py",
        code=dataset_code,
    output:
        data="<results>/datasets/{dataset}/data.safetensors",
        description="<results>/datasets/{dataset}/dataset.json",
    log:
        "<results>/datasets/{dataset}/prepare_dataset.log",
    benchmark:
        "<results>/datasets/{dataset}/prepare_dataset.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=2000,
    params:
        folder=subpath(output.description, parent=True),
        settings=dataset_settings,
    shell:
        "python {input.script} --name {wildcards.dataset} --settings {params.settings:q}"
        " --output {params.folder} &> {log}"
