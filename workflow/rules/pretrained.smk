# Read released weights, and draw one random initialisation of the same shapes to compare them with.
rule import_pretrained:
    output:
        pretrained="<results>/arrangements/pretrained/{network}/pretrained.safetensors",
        random="<results>/arrangements/pretrained/{network}/random.safetensors",
    log:
        "<results>/arrangements/pretrained/{network}/import_pretrained.log",
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime="1h",
    params:
        *one_by_one(pretrained_texts, PRETRAINED),
        program=program("import_pretrained.py"),
        folder=subpath(output.pretrained, parent=True),
        settings=pretrained_settings,
    shell:
        "{params.program:q} --name {wildcards.network:q} --settings {params.settings:q}"
        " --output {params.folder:q} &> {log:q}"


# Measure both: equation 1 per filter, n_l per layer.
rule measure_pretrained:
    input:
        pretrained="<results>/arrangements/pretrained/{network}/pretrained.safetensors",
        random="<results>/arrangements/pretrained/{network}/random.safetensors",
    output:
        pretrained="<results>/arrangements/measurements/projections/{network}/pretrained.json",
        random="<results>/arrangements/measurements/projections/{network}/random.json",
    log:
        "<results>/arrangements/measurements/projections/{network}/measure_pretrained.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime="1h",
    params:
        *code("measure_projections.py"),
        program=program("measure_projections.py"),
        folder=subpath(output.pretrained, parent=True),
    shell:
        "{params.program:q} --snapshots {input.pretrained:q} {input.random:q}"
        " --output {params.folder:q} &> {log:q}"
