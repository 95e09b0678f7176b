# Memory and time that jobs ask of a cluster, and which of them go there together.

# Minutes of the longest reinitialisation that goes there with others.
SHORT = 60


@cache
def job_of(experiment):
    """What decides what the jobs of an experiment ask for."""
    settings = EXPERIMENTS[experiment]
    return requests.Job(
        settings,
        requests.inputs_of(DATASETS[settings.dataset]),
        gpu=USE_GPU,
        threads=settings.threads,
        loaders=loaders(experiment),
    )


@cache
def training_request(experiment):
    """What the training of a run asks for."""
    return requests.training(job_of(experiment))


@cache
def statistics_request(experiment):
    """What it asks for to read the snapshots of a run."""
    return requests.statistics(job_of(experiment))


@cache
def reinitialisation_request(experiment):
    """What the reinitialisation of a run asks for."""
    own = EXPERIMENTS[experiment].arrangements.reinitialise
    return requests.reinitialisation(job_of(experiment), len(own.epochs) + own.random)


@cache
def invariance_request(experiment):
    """What it asks for to measure the invariance of a run."""
    return requests.invariance(job_of(experiment), EXPERIMENTS[experiment].invariance)


@cache
def curvature_request(experiment):
    """What it asks for to measure the curvature of a run."""
    return requests.curvature(job_of(experiment), EXPERIMENTS[experiment].curvature)


@cache
def points_of(experiment):
    """How many points of a run the study of subspaces measures, at most."""
    own = EXPERIMENTS[experiment].subspaces
    return own.points + own.random_points + 2 * len(own.average)


@cache
def recalibration_request(experiment):
    """What it asks for to recalibrate the points of a run."""
    return requests.recalibration(job_of(experiment), points_of(experiment))


@cache
def evaluation_request(experiment):
    """What it asks for to evaluate the points of a run."""
    job = job_of(experiment)
    return requests.evaluations(job, job.inputs.test, points_of(experiment))


@cache
def preparation_request(dataset):
    """What it asks for to prepare a data set."""
    return requests.preparation(DATASETS[dataset])


def memory(request, entity=None):
    """Resource function: MiB of a job, more with each attempt.

    `request` says what it asks for, of `entity` or of the first wildcard of the rule.
    """

    def megabytes(wildcards, attempt):
        return request(entity or wildcards[0]).again(attempt).memory

    return megabytes


def minutes(request, entity=None):
    """Resource function: minutes of a job, more with each attempt; `request` and `entity` as of `memory`."""

    def time(wildcards, attempt):
        return request(entity or wildcards[0]).again(attempt).minutes

    return time


def short_reinitialisation(wildcards):
    """Group function: reinitialisations of small networks go together, others alone."""
    short = reinitialisation_request(wildcards.experiment).minutes <= SHORT
    return "reinitialisation" if short else None


# Jobs in one submission; on one machine there are none, and Snakemake would say so every time.
PROJECTIONS_GROUP = "projections" if ON_CLUSTER else None
REINITIALISATION_GROUP = short_reinitialisation if ON_CLUSTER else None
