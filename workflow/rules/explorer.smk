# Put what all studies measured of layers on one page to look at.
rule render_explorer:
    input:
        layers=LAYER_TABLES,
        histograms=HISTOGRAM_TABLES,
    output:
        report(
            "<results>/explore.html",
            caption="../report/explore.rst",
            category="Explore",
            labels={"page": "layers of every network, to look at"},
        ),
    log:
        "<results>/render_explorer.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    params:
        *code("render_explorer.py"),
        *(f"{path.name}:{sha256_of(path)[: imports.DIGITS]}" for path in PAGE_FILES),
        program=program("render_explorer.py"),
        labels=experiment_labels,
    shell:
        "{params.program:q} --layers {input.layers:q} --histograms {input.histograms:q}"
        " --labels {params.labels:q} --output {output:q} &> {log:q}"
