# Inputs and parameters of the rules of the study of invariance.
ROTATED = CONFIGURATION.measured.get("invariance", [])
INVARIANCE_TABLES = [
    *("units", "layer_invariance", "network_invariance"),
    *("outputs", "scores", "angles", "layers"),
    *("epochs", "transformations", "local"),
]


def as_published():
    """Which network, data and training of the paper each experiment repeats, by the figures of its pairs."""
    found = {}
    for name, figure in FIGURES.items():
        if figure.kind == "invariance_training" and figure.paper:
            network, _, data = name.removeprefix(f"{figure.kind}_").rpartition("_")
            for experiment, training in zip(
                figure.draws, ("plain", "rotated"), strict=True
            ):
                # Other data stand in for the paper's.
                if EXPERIMENTS[experiment].dataset == data:
                    found[experiment] = [network, data, training]
    return found


def published_experiments(wildcards, output):
    """What each experiment repeats, as JSON; what counts stands beside it in the rule."""
    return json.dumps(AS_PUBLISHED)


def invariance_texts(experiment):
    """Code that measures the invariance of this experiment, and what is measured."""
    return [
        *run_texts(experiment, "measure_invariance.py"),
        *changes(EXPERIMENTS[experiment].invariance),
    ]


def invariance_settings(wildcards, output):
    """What is measured of this experiment, as JSON; what counts stands in `invariance_texts`."""
    return json.dumps(EXPERIMENTS[wildcards.experiment].invariance.stored())


def invariance_snapshots(wildcards):
    """Snapshots of this experiment whose invariance is measured."""
    own = EXPERIMENTS[wildcards.experiment]
    return expand(
        "<results>/runs/{experiment}/seed={seed}/snapshots/epoch={epoch}.safetensors",
        experiment=wildcards.experiment,
        seed=wildcards.seed,
        epoch=[epoch for epoch in own.invariance.epochs if epoch != own.epochs],
    )


def invariance_threads(wildcards):
    """Threads that measure a run of this experiment: one computes, the others read images."""
    return 1 + loaders(wildcards.experiment)


def experiment_invariance(wildcards):
    """Measurements of the runs of this experiment, in the order of its seeds."""
    return per_run(rules.measure_invariance.output, [wildcards.experiment])
