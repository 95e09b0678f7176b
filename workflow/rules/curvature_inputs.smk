# Inputs and parameters of the rules that measure curvature.


def curvature_texts(experiment):
    """Code that measures the curvature of this experiment, and what is measured."""
    return [
        *run_texts(experiment, "measure_curvature.py"),
        *changes(EXPERIMENTS[experiment].curvature),
    ]


def curvature_settings(wildcards, output):
    """What is measured of this experiment, as JSON; what counts stands in `curvature_texts`."""
    return json.dumps(EXPERIMENTS[wildcards.experiment].curvature.stored())


def curvature_snapshots(wildcards):
    """Snapshots of this experiment whose curvature is measured."""
    return expand(
        "<results>/runs/{experiment}/seed={seed}/snapshots/epoch={epoch}.safetensors",
        experiment=wildcards.experiment,
        seed=wildcards.seed,
        epoch=EXPERIMENTS[wildcards.experiment].curvature.epochs,
    )


def curvature_threads(wildcards):
    """Threads that measure a run of this experiment: as many as train it."""
    return EXPERIMENTS[wildcards.experiment].threads


def curvature_measurements(wildcards):
    """What was measured of the runs of this experiment."""
    return per_run(rules.measure_curvature.output.facts, [wildcards.experiment])


def curvature_arrays(wildcards):
    """Maps, spectra and alignments of the runs of this experiment."""
    return per_run(rules.measure_curvature.output.arrays, [wildcards.experiment])


def curvature_folders(wildcards, output):
    """Directories of the measurements of this experiment, in the order of its seeds."""
    return [str(Path(file).parent) for file in curvature_measurements(wildcards)]
