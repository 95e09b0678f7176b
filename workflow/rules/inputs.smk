# Inputs and parameters of the rules that make data, networks and tables.


def dataset_code(wildcards):
    """Code that prepares this data set; that of other sources does not concern it."""
    source = DATASETS[wildcards.dataset]["source"]
    return code_of("prepare_dataset.py", f"anatomy.data.sources.{source}")


def without_label(settings):
    """Entry of the configuration as JSON, without what is only shown."""
    return json.dumps(
        {key: settings[key] for key in sorted(settings.keys() - {"label"})}
    )


def dataset_settings(wildcards):
    """Entry of this data set that decides its content."""
    return without_label(DATASETS[wildcards.dataset])


def run_settings(experiment):
    """The part of an experiment that decides its weights, as JSON."""
    return json.dumps(training_settings(EXPERIMENTS[experiment]), sort_keys=True)


def experiment_dataset(wildcards):
    """Description of the data set of this experiment."""
    return f"<results>/datasets/{EXPERIMENTS[wildcards.experiment]['dataset']}/dataset.json"


def experiment_data(wildcards):
    """Images and labels of the data set of this experiment."""
    return f"<results>/datasets/{EXPERIMENTS[wildcards.experiment]['dataset']}/data.safetensors"


def loaders(experiment):
    """Processes that read images from their files for a job that trains or evaluates."""
    dataset = EXPERIMENTS[experiment]["dataset"]
    return LOADERS if DATASETS[dataset]["source"] == "images" else 0


def reinitialisation_threads(wildcards):
    """Threads of the reinitialisation of this experiment: one computes, the others read images."""
    return 1 + loaders(wildcards.experiment)


def pretrained_settings(wildcards):
    """Entry of this pretrained network that decides its content."""
    return without_label(PRETRAINED[wildcards.network])


def per_run(pattern, experiments):
    """Fill in {experiment} and {seed} for every run of `experiments`."""
    return [
        path
        for experiment in experiments
        for path in expand(
            pattern, experiment=experiment, seed=EXPERIMENTS[experiment]["seeds"]
        )
    ]


def projections_of(experiment, epochs):
    """Projections files of all seeds of an experiment at `epochs`."""
    return expand(
        "<results>/projections/{experiment}/seed={seed}/epoch={epoch}.json",
        experiment=experiment,
        seed=EXPERIMENTS[experiment]["seeds"],
        epoch=epochs,
    )


def pretrained_projections(network):
    """Projections files of a pretrained network: its random initialisation, and itself."""
    return expand(
        "<results>/projections/{network}/{state}.json",
        network=network,
        state=["random", "pretrained"],
    )


def experiment_projections(wildcards):
    """All projections files of this experiment, or of the pretrained network of this name."""
    if wildcards.experiment in PRETRAINED:
        return pretrained_projections(wildcards.experiment)
    return projections_of(
        wildcards.experiment, EXPERIMENTS[wildcards.experiment]["snapshots"]
    )


def first_and_last_projections(wildcards):
    """Projections files of this experiment or network at initialisation and after training."""
    if wildcards.experiment in PRETRAINED:
        return pretrained_projections(wildcards.experiment)
    epochs = EXPERIMENTS[wildcards.experiment]["snapshots"]
    return projections_of(wildcards.experiment, [epochs[0], epochs[-1]])


def experiment_histories(wildcards):
    """Training histories of this experiment, in the order of its seeds."""
    return per_run(
        "<results>/runs/{experiment}/seed={seed}/history.csv", [wildcards.experiment]
    )


def experiment_reinitialisation(wildcards):
    """Reinitialisation results of this experiment."""
    return per_run(
        "<results>/reinitialisation/{experiment}/seed={seed}.csv",
        [wildcards.experiment],
    )


def experiment_seeds(wildcards):
    """Seeds of this experiment."""
    return EXPERIMENTS[wildcards.experiment]["seeds"]


def reset_snapshots(wildcards):
    """Snapshots to which layers of this experiment are reset."""
    return expand(
        "<results>/runs/{experiment}/seed={seed}/snapshots/epoch={epoch}.safetensors",
        experiment=wildcards.experiment,
        seed=wildcards.seed,
        epoch=EXPERIMENTS[wildcards.experiment]["reinitialise"]["epochs"],
    )


def reset_options(wildcards):
    """Options of reinitialise_layers.py that say what is reset, and to what beside snapshots."""
    settings = EXPERIMENTS[wildcards.experiment]["reinitialise"]
    linear = " --with-linear" if settings["linear"] else ""
    return f"--rand {int(settings['random'])}{linear}"
