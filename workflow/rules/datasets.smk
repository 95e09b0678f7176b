# Read, generate or download a data set and describe it; only the description's content counts below.
rule prepare_dataset:
    output:
        data="<results>/datasets/{dataset}/data.safetensors",
        description="<results>/datasets/{dataset}/dataset.json",
    log:
        "<results>/datasets/{dataset}/prepare_dataset.log",
    benchmark:
        "<results>/datasets/{dataset}/prepare_dataset.tsv"
    wildcard_constraints:
        dataset="|".join(DATASETS) or "(?!)",
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=memory(preparation_request),
        runtime=minutes(preparation_request),
    params:
        *one_by_one(dataset_texts, DATASETS),
        program=program("prepare_dataset.py"),
        schema=schema_file,
        folder=subpath(output.description, parent=True),
        settings=dataset_settings,
    shell:
        "{params.program:q} --name {wildcards.dataset:q} --settings {params.settings:q}"
        " --schema {params.schema:q} --output {params.folder:q} &> {log:q}"
