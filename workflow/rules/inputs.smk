# Inputs and parameters of the rules that make data, networks and tables.


def dataset_texts(dataset):
    """Code that prepares this data set, and its settings; other sources do not concern it."""
    settings = DATASETS[dataset]
    own = ["anatomy.data.own_source"] if is_own(settings.source) else []
    texts = code("prepare_dataset.py", *own, module_of_source(settings.source))
    return texts + changes(settings, ("label", "homepage"))


def dataset_settings(wildcards, output):
    """Entry of this data set, as JSON; what of it counts stands in `dataset_texts`.

    Exits, before any job and in a dry run, if the data set is neither prepared nor can be.
    """
    if not Path(output.description).is_file():
        refuse_missing_data(wildcards.dataset)
    return json.dumps(DATASETS[wildcards.dataset].stored())


@cache
def refuse_missing_data(dataset):
    """Exit if files of this data set are missing, with what to put where for all data sets that lack some."""
    asked, prepared = CONFIGURATION.datasets, CONFIGURATION.pathvars["results"]
    others = [
        name
        for name in USED_DATASETS
        if name != dataset
        and not Path(prepared, "datasets", name, "dataset.json").is_file()
    ]
    names = [dataset, *others]
    stand_ins = {
        name: asked[name].stand_in if asked[name].source == "torchvision" else None
        for name in names
    }
    refuse(
        presence.missing(name, DATASETS[name], stand_ins[name], DATA) for name in names
    )


def refuse(problems):
    """Exit with these problems, None where there is none, if the first of them is one."""
    first, *others = problems
    if first:
        sys.exit("error: " + "\n".join(dict.fromkeys(filter(None, [first, *others]))))


def run_settings(experiment):
    """Params function: the part of an experiment that decides its weights, as JSON."""

    text = json.dumps(CONFIGURATION.run_settings(experiment).stored())

    def settings(wildcards, output):
        return text

    return settings


def parent_of(experiment, file):
    """File of the run that one of this experiment starts from, in a list that is empty if it starts from none."""
    start = EXPERIMENTS[experiment].start
    if start is None or start.experiment is None:
        return []
    return [f"<results>/runs/{start.experiment}/seed={{seed}}/{file}"]


def start_texts(experiment):
    """What is in the file that this experiment starts from: its content counts, not where it lies."""
    file = start_file(experiment)
    return [] if file is None else [f"start.file: {sha256_of(file)}"]


@cache
def start_file(experiment):
    """File that this experiment starts from, None if it has none; what is missing or no file is refused."""
    start = EXPERIMENTS[experiment].start
    if start is None or start.file is None:
        return None
    try:
        file = locate(
            start.file, experiment, what="start of experiment", directories=DATA
        )
        require_file(file, f"experiments.{experiment}.start.file")
    except InputError as error:
        sys.exit(f"error: {error}")
    return file


def start_options(experiment):
    """Params function: options of train_network.py that say what a run starts from, and how often it saves."""

    def options(wildcards, input, output):
        saving = ["--save-every", str(CONFIGURATION.save_every)]
        if EXPERIMENTS[experiment].start is None:
            return saving
        start = start_file(experiment) or Path(input.parent[0]).parent
        return [*saving, "--start", str(start)]

    return options


def run_threads(experiment):
    """Params function: threads of a run that compute."""

    def threads(wildcards, output):
        return EXPERIMENTS[experiment].threads

    return threads


def run_texts(experiment, name):
    """Code of a program that builds the network of this experiment."""
    return code(name, *modules_of(CONFIGURATION.run_settings(experiment)))


def snapshots_of(experiment):
    """Epochs of this experiment whose weights are kept."""
    return snapshot_epochs(EXPERIMENTS[experiment])


def if_asked_for(*files):
    """Input function of a target: these files, at any depth of lists; of other targets none of them is looked at."""

    def each(part):
        # As they are: they carry what Snakemake knows of them.
        if isinstance(part, list):
            return [file for own in part for file in each(own)]
        return [part]

    def found(wildcards):
        return each([*files])

    return found


def dataset_of(experiment, file):
    """File of the data set of this experiment."""
    return f"<results>/datasets/{EXPERIMENTS[experiment].dataset}/{file}"


def experiment_dataset(wildcards):
    """Description of the data set of this experiment."""
    return dataset_of(wildcards.experiment, "dataset.json")


def experiment_data(wildcards):
    """Images and labels of the data set of this experiment."""
    return dataset_of(wildcards.experiment, "data.safetensors")


def loaders(experiment):
    """Processes that read images from their files for a job that trains or evaluates."""
    dataset = EXPERIMENTS[experiment].dataset
    return LOADERS if DATASETS[dataset].source == "images" else 0


def reinitialisation_threads(wildcards):
    """Threads of the reinitialisation of this experiment: one computes, the others read images."""
    return 1 + loaders(wildcards.experiment)


def reinitialisation_texts(experiment):
    """Code that resets layers of this experiment, and what is reset, to what."""
    own = EXPERIMENTS[experiment].arrangements.reinitialise
    return [
        *run_texts(experiment, "reinitialise_layers.py"),
        f"random={int(own.random)}",
        f"linear={own.linear}",
    ]


def reset_options(wildcards, output):
    """Options of reinitialise_layers.py that say what is reset, and to what beside snapshots."""
    own = EXPERIMENTS[wildcards.experiment].arrangements.reinitialise
    return ["--rand", str(int(own.random)), *(["--with-linear"] if own.linear else [])]


def pretrained_texts(network):
    """Code that imports this pretrained network, and its settings."""
    settings = PRETRAINED[network]
    family = module_of_network(settings.architecture)
    return code("import_pretrained.py", family) + changes(
        settings, ("label", "homepage")
    )


@cache
def refuse_missing_weights(network):
    """Exit if weights of this network are missing, with what to put where for all networks that lack theirs."""
    names = [network, *(name for name in PRETRAINED if name != network)]
    refuse(presence.missing_weights(name, PRETRAINED[name], DATA) for name in names)


def pretrained_settings(wildcards, output):
    """Entry of this pretrained network, as JSON; what of it counts stands in `pretrained_texts`.

    Exits, before any job and in a dry run, if the weights are neither read already nor can be.
    """
    if not Path(output.pretrained).is_file():
        refuse_missing_weights(wildcards.network)
    return json.dumps(PRETRAINED[wildcards.network].complete())


def per_run(pattern, experiments):
    """Fill in {experiment} and {seed} for every run of `experiments`."""
    return [
        path
        for experiment in experiments
        for path in expand(
            pattern, experiment=experiment, seed=EXPERIMENTS[experiment].seeds
        )
    ]


def projections_of(experiment, epochs):
    """Projections files of all seeds of an experiment at `epochs`."""
    return expand(
        "<results>/arrangements/measurements/projections/{experiment}/seed={seed}/epoch={epoch}.json",
        experiment=experiment,
        seed=EXPERIMENTS[experiment].seeds,
        epoch=epochs,
    )


def pretrained_projections(network):
    """Projections files of a pretrained network: its random initialisation, and itself."""
    return expand(
        "<results>/arrangements/measurements/projections/{network}/{state}.json",
        network=network,
        state=["random", "pretrained"],
    )


def experiment_projections(wildcards):
    """All projections files of this experiment, or of the pretrained network of this name."""
    if wildcards.experiment in PRETRAINED:
        return pretrained_projections(wildcards.experiment)
    return projections_of(wildcards.experiment, snapshots_of(wildcards.experiment))


def first_and_last_projections(wildcards):
    """Projections files of this experiment or network at initialisation and after training."""
    if wildcards.experiment in PRETRAINED:
        return pretrained_projections(wildcards.experiment)
    first, *_, last = snapshots_of(wildcards.experiment)
    return projections_of(wildcards.experiment, [first, last])


def experiment_histories(wildcards):
    """Training histories of this experiment, in the order of its seeds."""
    return per_run(
        "<results>/runs/{experiment}/seed={seed}/history.csv", [wildcards.experiment]
    )


def experiment_reinitialisation(wildcards):
    """Reinitialisation results of this experiment."""
    return per_run(
        "<results>/arrangements/measurements/reinitialisation/{experiment}/seed={seed}.csv",
        [wildcards.experiment],
    )


def experiment_seeds(wildcards, output):
    """Seeds of this experiment; the inputs tell when they change."""
    return list(map(str, EXPERIMENTS[wildcards.experiment].seeds))


def reset_snapshots(wildcards):
    """Snapshots to which layers of this experiment are reset."""
    return expand(
        "<results>/runs/{experiment}/seed={seed}/snapshots/epoch={epoch}.safetensors",
        experiment=wildcards.experiment,
        seed=wildcards.seed,
        epoch=EXPERIMENTS[wildcards.experiment].arrangements.reinitialise.epochs,
    )


def layer_tables(wildcards):
    """Tables of this experiment that have a number for each layer."""
    tables = ["n_l"]
    if wildcards.experiment in REINITIALISED:
        tables.append("reinitialisation")
    return expand(
        "<results>/arrangements/tables/{experiment}/{table}.csv",
        experiment=wildcards.experiment,
        table=tables,
    )


def critical_drop(wildcards=None, output=None):
    """Relative drop above which the table of criticality calls a layer critical."""
    return ARRANGEMENTS.critical_drop if ARRANGEMENTS else None


def figures_of(study):
    """Names of the figures of a study."""
    return [name for name, figure in FIGURES.items() if figure.study == study]


def no_such_target(wildcards):
    """Exit with the names of the targets that are closest to what was asked for."""
    if wildcards.target in STUDIES:
        sys.exit(f"error: study {wildcards.target} is switched off (null)")
    names = [rule.name for rule in workflow.rules if not rule.has_wildcards()]
    # figure_7 means figure_07.
    plain = [
        name for name in names if re.sub(r"_0+(?=\d)", "_", name) == wildcards.target
    ]
    close = plain or difflib.get_close_matches(wildcards.target, names, 3)
    hint = (
        f"did you mean {' or '.join(close)}?" if close else "snakemake --list lists all"
    )
    sys.exit(f"error: {wildcards.target} is no target; {hint}")
