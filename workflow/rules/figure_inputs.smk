# Inputs and parameters of the rules that draw figures and judge claims.


def drawn(figure):
    """Everything that a figure draws; exits if the configuration does not have the figure."""
    if figure not in FIGURES:
        asked = PAPER_FIGURES[figure]
        sys.exit(f"error: {figures.refusal(figure, asked, CONFIGURATION.switched_off)}")
    return FIGURES[figure]


def kind_of(figure):
    """The kind of a figure: its module, and what that says of itself."""
    return kinds.kind_of(PAPER_FIGURES[figure].kind)


def labels_of(figure):
    """Network and data set of everything that a figure draws, in words."""
    return [
        (
            labels.label(EXPERIMENTS[name], DATASETS)
            if name in EXPERIMENTS
            else pretrained_label(PRETRAINED[name])
        )
        for name in FIGURES[figure]
    ]


def schedules_of(figure):
    """Schedule of each experiment that a figure draws."""
    return [EXPERIMENTS[name]["schedule"]["kind"] for name in FIGURES[figure]]


def seed_of(figure):
    """Seed that a figure draws: the one asked for, or the first; none of a pretrained network."""
    name = FIGURES[figure][0]
    if name not in EXPERIMENTS:
        return None
    options = CONFIGURATION.figure_options[figure]
    return options.get("seed", EXPERIMENTS[name]["seeds"][0])


def runs_of(figure):
    """Number of runs that a figure draws."""
    seeds = EXPERIMENTS[FIGURES[figure][0]]["seeds"]
    return CONFIGURATION.figure_options[figure].get("runs", len(seeds))


def positions_of(figure):
    """Position of each experiment among those of all figures of its kind: the same curve everywhere."""
    alike = figures.of_kind(PAPER_FIGURES[figure].kind, PAPER_FIGURES)
    names = [name for other in alike for name in FIGURES.get(other, [])]
    positions = {name: position for position, name in enumerate(dict.fromkeys(names))}
    return [positions[name] for name in FIGURES[figure]]


def is_stand_in(figure):
    """Whether a figure shows a network trained here in place of a pretrained one."""
    return PAPER_FIGURES[figure].pretrained and FIGURES[figure][0] in EXPERIMENTS


# What the module of a kind may name in its TAKES.
FIGURE_OPTIONS = {
    "labels": labels_of,
    "positions": positions_of,
    "runs": runs_of,
    "schedules": schedules_of,
    "seed": seed_of,
    "stand_in": is_stand_in,
}


def options_of(figure):
    """Options of a figure that its kind takes, by name."""
    return {name: FIGURE_OPTIONS[name](figure) for name in kind_of(figure).takes}


def figure_file(figure):
    """Input function: the picture of this figure."""

    def file(wildcards):
        drawn(figure)
        return f"<results>/figures/{figure}.pdf"

    return file


def figure_code(wildcards):
    """Code that draws this figure; that of other kinds does not concern it."""
    return code_of("plot_figure.py", kind_of(wildcards.figure).module)


def figure_tables(wildcards):
    """Tables that the kind of this figure names, of everything that the figure draws."""
    return expand(
        "<results>/tables/{experiment}/{table}.csv",
        table=kind_of(wildcards.figure).tables,
        experiment=drawn(wildcards.figure),
    )


def figure_kind(wildcards):
    """Name of the kind of this figure."""
    return PAPER_FIGURES[wildcards.figure].kind


def figure_options(wildcards):
    """Options of this figure that its kind takes, as JSON."""
    return json.dumps(options_of(wildcards.figure))


def figure_section(wildcards):
    """Section of the paper that the figure belongs to."""
    return PAPER_FIGURES[wildcards.figure].section


def figure_words(wildcards):
    """Labels of this figure in the report."""
    return {"figure": wildcards.figure, "shows": kind_of(wildcards.figure).shows}


# What takes `output` makes no job run again: these are for the report alone.
def figure_caption(wildcards, output):
    """What the kind of this figure says of it."""
    caption = jinja2.Template(kind_of(wildcards.figure).caption)
    return caption.render(options_of(wildcards.figure))


def figure_paper(wildcards, output):
    """What the paper shows in this figure."""
    return figures.in_the_paper(wildcards.figure, PAPER_FIGURES[wildcards.figure])


def figure_is_embedded(wildcards, output):
    """Whether this figure shows data, and embedded data only."""
    names = FIGURES[wildcards.figure]
    return bool(names) and all(
        name in EXPERIMENTS
        and DATASETS[EXPERIMENTS[name]["dataset"]]["source"] == "embedded"
        for name in names
    )


def claim_experiments(table):
    """Experiments that the claims use this table of, each once."""
    names = dict.fromkeys(
        name for figure in CLAIM_FIGURES[table] for name in FIGURES.get(figure, [])
    )
    return [
        name for name in names if table != "reinitialisation" or name in REINITIALISED
    ]


def claim_datasets(wildcards):
    """Descriptions of the data sets of the experiments that the claims use."""
    names = {EXPERIMENTS[name]["dataset"] for name in claim_experiments("training")}
    return expand("<results>/datasets/{dataset}/dataset.json", dataset=sorted(names))


def claim_settings(wildcards):
    """Label and data set of the experiments that the claims use, as JSON."""
    return json.dumps(
        {
            name: {
                "label": labels.label(EXPERIMENTS[name], DATASETS),
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
