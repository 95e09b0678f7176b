# Inputs and parameters of the rules of the study of subspaces.

# Experiments that the study of subspaces evaluates, and those of them that train a subspace.
IN_SUBSPACES = [
    name
    for name in CONFIGURATION.measured.get("subspaces", [])
    if EXPERIMENTS[name].subspaces.evaluated
]
WITH_SUBSPACE = [name for name in IN_SUBSPACES if EXPERIMENTS[name].subspace]
# And those that have points: of a subspace, or of averaged snapshots.
WITH_POINTS = [
    name
    for name in IN_SUBSPACES
    if name in WITH_SUBSPACE or EXPERIMENTS[name].subspaces.average
]

# Those of whose seeds barriers are measured.
WITH_BARRIER = [
    name
    for name in CONFIGURATION.measured.get("subspaces", [])
    if EXPERIMENTS[name].subspaces.barrier
]

# Those that are evaluated on corrupted images.
CORRUPTED = [name for name in IN_SUBSPACES if EXPERIMENTS[name].subspaces.corruptions]


def recalibration_texts(experiment):
    """Code that recalibrates points of this experiment, and which, on what."""
    own = EXPERIMENTS[experiment].subspaces
    return run_texts(experiment, "recalibrate_points.py") + changes(
        own, ("barrier", "corruptions", "evaluated")
    )


def recalibration_options(wildcards, output):
    """Options of recalibrate_points.py that say which points, on what; what counts stands in `recalibration_texts`."""
    own = EXPERIMENTS[wildcards.experiment].subspaces
    return [
        *("--points", own.points, "--random-points", own.random_points),
        *("--images", own.recalibration, "--plane", own.plane),
        *("--average", *own.average, "--between", *own.between),
        *("--endpoint", own.endpoint),
    ]


def averaged_snapshots(wildcards):
    """Snapshots of this run that are averaged."""
    return expand(
        "<results>/runs/{experiment}/seed={seed}/snapshots/epoch={epoch}.safetensors",
        experiment=wildcards.experiment,
        seed=wildcards.seed,
        epoch=EXPERIMENTS[wildcards.experiment].subspaces.average,
    )


def evaluation_texts(experiment):
    """Code that evaluates networks of this experiment."""
    return run_texts(experiment, "evaluate_points.py")


def recalibrated_points(wildcards):
    """Points of this run with their statistics, in a list that is empty if it has none."""
    if wildcards.experiment not in WITH_POINTS:
        return []
    return [
        f"<results>/subspaces/measurements/points/{wildcards.experiment}/seed={wildcards.seed}.safetensors"
    ]


def points_option(wildcards, input):
    """Option of evaluate_points.py that names the points of a subspace."""
    return ["--points", *input.points] if input.points else []


def reading_threads(wildcards):
    """Threads of a job that evaluates this experiment: one computes, the others read images."""
    return 1 + loaders(wildcards.experiment)


def seeds_of_evaluations(pattern):
    """Input function: files of all seeds of an experiment, in their order."""

    def files(wildcards):
        return per_run(pattern, [wildcards.experiment])

    return files


def barrier_texts(experiment):
    """Code that measures barriers between the seeds of this experiment, and how many points of each line."""
    points = EXPERIMENTS[experiment].subspaces.barrier
    return [*run_texts(experiment, "measure_barrier.py"), f"barrier={points}"]


def barrier_points(wildcards, output):
    """Points of each line of this experiment; what counts stands in `barrier_texts`."""
    return EXPERIMENTS[wildcards.experiment].subspaces.barrier


def runs_of_barrier(wildcards, input):
    """Directories of the runs of this experiment, in the order of its seeds."""
    return [str(Path(path).parent) for path in input.runs]


def corruption_texts(experiment):
    """Code that evaluates networks of this experiment on corrupted images, and which."""
    own = EXPERIMENTS[experiment].subspaces.corruptions
    return run_texts(experiment, "evaluate_corruptions.py") + changes(own)


def corruption_options(wildcards, output):
    """Options of evaluate_corruptions.py; what counts stands in `corruption_texts`."""
    own = EXPERIMENTS[wildcards.experiment].subspaces.corruptions
    return [
        *("--path", own.path, "--types", *own.types),
        *("--severities", *own.severities),
    ]
