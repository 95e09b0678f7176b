# Read released weights, and draw one random initialisation of the same shapes to compare them with.
rule import_pretrained:
    input:
        script="workflow/scripts/import_pretrained.py",
        code=code_of("import_pretrained.py"),
    output:
        pretrained="<results>/pretrained/{network}/pretrained.safetensors",
        random="<results>/pretrained/{network}/random.safetensors",
    log:
        "<results>/pretrained/{network}/import_pretrained.log",
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=3000,
    params:
        folder=subpath(output.pretrained, parent=True),
        settings=pretrained_settings,
    shell:
        "python {input.script} --name {wildcards.network} --settings {params.settings:q}"
        " --output {params.folder} &> {log}"


# Measure both: equation 1 per filter, n_l per layer.
rule measure_pretrained:
    input:
        script="workflow/scripts/measure_projections.py",
        code=code_of("measure_projections.py"),
        pretrained="<results>/pretrained/{network}/pretrained.safetensors",
        random="<results>/pretrained/{network}/random.safetensors",
    output:
        pretrained="<results>/projections/{network}/pretrained.json",
        random="<results>/projections/{network}/random.json",
    log:
        "<results>/projections/{network}/measure_pretrained.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    params:
        folder=subpath(output.pretrained, parent=True),
    shell:
        "python {input.script} --snapshots {input.pretrained} {input.random}"
        " --output {params.folder} &> {log}"
