# Inputs and parameters of the rules that draw figures and judge claims.


def figures_of(kind):
    """Names of the figures that plot_{kind}.py draws, as a constraint of the wildcard."""
    return "|".join(figures.of_kind(kind))


def drawn(figure):
    """Everything that a figure draws; exits if the configuration does not have the figure."""
    if figure not in FIGURES:
        sys.exit(f"error: {figures.refusal(figure, CONFIGURATION.switched_off)}")
    return FIGURES[figure]


def arrangement_code(wildcards):
    """Library modules that draw this figure, which has no tables; exits if it is switched off."""
    drawn(wildcards.figure)
    return ARRANGEMENT_CODE


def figure_file(figure):
    """Input function: the picture of this figure."""

    def file(wildcards):
        drawn(figure)
        return f"<results>/figures/{figure}.pdf"

    return file


def figure_tables(table):
    """Input function: this table of everything that the figure draws."""

    def tables(wildcards):
        return expand(
            "<results>/tables/{experiment}/{table}.csv",
            experiment=drawn(wildcards.figure),
            table=table,
        )

    return tables


def figure_section(wildcards):
    """Section of the paper that the figure belongs to."""
    return figures.FIGURES[wildcards.figure].section


def figure_paper(wildcards):
    """Networks and data that the paper shows in the figure, for its caption."""
    return figures.FIGURES[wildcards.figure].shows


def figure_label(wildcards):
    """Network and data set of everything that the figure draws, in words."""
    return [
        (
            configuration.label(EXPERIMENTS[name], DATASETS)
            if name in EXPERIMENTS
            else configuration.pretrained_label(PRETRAINED[name])
        )
        for name in FIGURES[wildcards.figure]
    ]


def figure_is_stand_in(wildcards):
    """Whether the figure shows a network trained here in place of a pretrained one."""
    return (
        figures.FIGURES[wildcards.figure].pretrained
        and FIGURES[wildcards.figure][0] in EXPERIMENTS
    )


def figure_is_embedded(wildcards):
    """Whether the figure shows embedded data only, for its caption."""
    names = FIGURES[wildcards.figure]
    return all(
        name in EXPERIMENTS
        and DATASETS[EXPERIMENTS[name]["dataset"]]["source"] == "embedded"
        for name in names
    )


def figure_schedules(wildcards):
    """Schedule of each experiment that the figure draws."""
    return [EXPERIMENTS[name]["schedule"]["kind"] for name in FIGURES[wildcards.figure]]


def figure_seed(wildcards):
    """Seed that the figure draws: the one asked for, or the first; none of a pretrained network."""
    name = FIGURES[wildcards.figure][0]
    if name not in EXPERIMENTS:
        return []
    options = CONFIGURATION.figure_options[wildcards.figure]
    return options.get("seed", EXPERIMENTS[name]["seeds"][0])


def figure_runs(wildcards):
    """Number of runs that the figure draws."""
    seeds = EXPERIMENTS[FIGURES[wildcards.figure][0]]["seeds"]
    return CONFIGURATION.figure_options[wildcards.figure].get("runs", len(seeds))


def figure_places(wildcards):
    """Place of each experiment among those of all figures of its kind: the same curve everywhere."""
    kind = figures.FIGURES[wildcards.figure].kind
    names = [
        name for figure in figures.of_kind(kind) for name in FIGURES.get(figure, [])
    ]
    places = {name: place for place, name in enumerate(dict.fromkeys(names))}
    return [places[name] for name in FIGURES[wildcards.figure]]


def claim_experiments(table):
    """Experiments that the claims use this table of, each once."""
    names = dict.fromkeys(
        name for figure in CLAIM_FIGURES[table] for name in FIGURES.get(figure, [])
    )
    return [name for name in names if table != "reinit" or name in REINITIALISED]


def claim_datasets(wildcards):
    """Descriptions of the data sets of the experiments that the claims use."""
    names = {EXPERIMENTS[name]["dataset"] for name in claim_experiments("training")}
    return expand("<results>/datasets/{dataset}/dataset.json", dataset=sorted(names))


def claim_settings(wildcards):
    """Label and data set of the experiments that the claims use, as JSON."""
    return json.dumps(
        {
            name: {
                "label": configuration.label(EXPERIMENTS[name], DATASETS),
                "dataset": EXPERIMENTS[name]["dataset"],
            }
            for name in claim_experiments("training")
        }
    )


def claim_figures(wildcards):
    """Experiments of the figures that the claims use, as JSON."""
    return json.dumps(
        {
            figure: list(FIGURES[figure])
            for figure in CLAIM_FIGURES["training"]
            if figure in FIGURES
        }
    )
