# Inputs and parameters of the rules of the study of invariance.
ROTATED = CONFIGURATION.measured.get("invariance", [])
INVARIANCE_TABLES = [
    *("units", "layer_invariance", "network_invariance"),
    *("outputs", "scores", "angles", "layers"),
]


def invariance_texts(experiment):
    """Code that measures the invariance of this experiment, and what is measured."""
    return [
        *run_texts(experiment, "measure_invariance.py"),
        *changes(EXPERIMENTS[experiment].invariance),
    ]


def invariance_settings(wildcards, output):
    """What is measured of this experiment, as JSON; what counts stands in `invariance_texts`."""
    return json.dumps(EXPERIMENTS[wildcards.experiment].invariance.stored())


def invariance_threads(wildcards):
    """Threads that measure a run of this experiment: one computes, the others read images."""
    return 1 + loaders(wildcards.experiment)


def experiment_invariance(wildcards):
    """Measurements of the runs of this experiment, in the order of its seeds."""
    return per_run(rules.measure_invariance.output, [wildcards.experiment])
