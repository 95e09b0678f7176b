# What the page is made of beside the tables; no modules, so that the code of its program does not name them.
PAGE_FILES = sorted((ROOT / "src/anatomy/reporting/explorer").glob("explore.*"))


def experiment_labels(wildcards):
    """Names of experiments for people, as JSON."""
    return json.dumps(
        {name: labels.label(own, DATASETS) for name, own in EXPERIMENTS.items()}
    )


# Put what all studies measured of layers on one page to look at.
rule render_explorer:
    input:
        layers=LAYER_TABLES,
        histograms=HISTOGRAM_TABLES,
    output:
        "<results>/explore.html",
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
