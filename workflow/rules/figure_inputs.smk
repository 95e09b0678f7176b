# Inputs and parameters of the rules that draw figures and judge claims.

# Figures by where they lie: those of the configuration, and those of the papers that it could have.
STUDY_OF = {name: kinds()[paper.kind].study for name, paper in PAPER_FIGURES.items()}
STUDY_OF |= {name: figure.study for name, figure in FIGURES.items()}
STUDIES_WITH_FIGURES = sorted(set(STUDY_OF.values()))


def drawn(name):
    """The figure of this name; exits if the configuration does not have it."""
    if name not in FIGURES:
        study = STUDY_OF[name]
        off = None if study in CONFIGURATION.studies else study
        asked, missing = PAPER_FIGURES[name], CONFIGURATION.switched_off
        sys.exit(f"error: {figures.refusal(name, asked, missing, off)}")
    return FIGURES[name]


def kind_of(name):
    """The kind of a figure: its module, and what that says of itself."""
    return kinds()[FIGURES[name].kind]


def labels_of(figure):
    """Network and data set of everything that a figure draws, in words."""
    names = FIGURES[figure].draws
    shown = labels.labels_of(experiments_among(names), DATASETS)
    return [shown.get(name) or pretrained_label(PRETRAINED[name]) for name in names]


def experiments_among(names):
    """Settings of those of the names that are experiments."""
    return {name: EXPERIMENTS[name] for name in names if name in EXPERIMENTS}


def schedules_of(figure):
    """Schedule of each experiment that a figure draws."""
    return [EXPERIMENTS[name].schedule.kind for name in FIGURES[figure].draws]


def seed_of(figure):
    """Seed that a figure draws: the one asked for, or the first; none of a pretrained network."""
    name = FIGURES[figure].draws[0]
    if name not in EXPERIMENTS:
        return None
    return FIGURES[figure].options.get("seed", EXPERIMENTS[name].seeds[0])


def runs_of(figure):
    """Number of runs that a figure draws."""
    seeds = EXPERIMENTS[FIGURES[figure].draws[0]].seeds
    return FIGURES[figure].options.get("runs", len(seeds))


def positions_of(figure):
    """Position of each experiment among those of all figures of its kind: the same curve everywhere.

    The papers' figures come first, so that a figure of one's own changes none of them.
    """
    alike = [
        name for name, other in FIGURES.items() if other.kind == FIGURES[figure].kind
    ]
    alike.sort(key=order_of_figure)
    names = dict.fromkeys(name for other in alike for name in FIGURES[other].draws)
    positions = {name: position for position, name in enumerate(names)}
    return [positions[name] for name in FIGURES[figure].draws]


def order_of_figure(name):
    """Key that sorts figures of the papers, in their order, before all others."""
    known = list(PAPER_FIGURES)
    return known.index(name) if name in known else len(known)


def is_stand_in(figure):
    """Whether a figure shows a network trained here in place of a pretrained one."""
    own = FIGURES[figure]
    return (
        own.paper is not None and own.paper.pretrained and own.draws[0] in EXPERIMENTS
    )


# What the module of a kind may name in its TAKES.
FIGURE_OPTIONS = {
    "labels": labels_of,
    "positions": positions_of,
    "runs": runs_of,
    "schedules": schedules_of,
    "seed": seed_of,
    "stand_in": is_stand_in,
}


def option_of(figure, name):
    """An option of a figure: worked out from what it draws, or as the configuration has it."""
    if name in FIGURE_OPTIONS:
        return FIGURE_OPTIONS[name](figure)
    return FIGURES[figure].options.get(name)


def options_of(figure):
    """Options of a figure that its kind takes, by name."""
    return {name: option_of(figure, name) for name in kind_of(figure).takes}


def refuse_names_of_rules(names):
    """Exit if a figure is called as a study, another target or a rule, and would mean two things."""
    taken = set(STUDIES)
    for file in [ROOT / "Snakefile", *(ROOT / "workflow" / "rules").glob("*.smk")]:
        text = file.read_text()
        taken.update(re.findall(r"^\s*rule\s(\w+):", text, re.MULTILINE))
        for start in re.findall(r'\sname:\s+f"(\w+)\{experiment\}"', text):
            own = [f"{start}{experiment}" for experiment in EXPERIMENTS]
            taken.update(filter(rules.has, own))
    if both := sorted(taken.intersection(names)):
        sys.exit(
            f"error: configuration: figures.{both[0]}: {both[0]} is the name of a target; "
            "give the figure another name"
        )


def figure_files(figure):
    """Input function: the pictures of this figure."""

    def files(wildcards):
        drawn(figure)
        return pictures([figure])

    return files


def pictures(names):
    """Pictures of figures, as PDF and PNG."""
    return [
        f"<results>/{STUDY_OF[name]}/figures/{name}.{suffix}"
        for name in names
        for suffix in ("pdf", "png")
    ]


def figure_texts(figure):
    """Code that draws this figure, and its options; code of other kinds does not concern it."""
    options = [f"{key}={value}" for key, value in options_of(figure).items()]
    kind = kind_of(figure)
    studies = dict.fromkeys(map(kind.study_of, kind.tables))
    modules = [kind.module, *(f"anatomy.studies.{study}.grids" for study in studies)]
    return [*code("plot_figure.py", *modules), *options]


def table_of(study, experiment, table):
    """Where a table lies that a study has of an experiment, or another one (`study/table`), or that every run has."""
    other, _, table = table.rpartition("/")
    study = other or study
    of_runs = [Path(file).stem for file in rules.tabulate_training.output]
    folder = "runs" if table in of_runs else f"{study}/tables"
    return f"<results>/{folder}/{experiment}/{table}.csv"


def figure_tables(wildcards):
    """Tables that the kind of this figure names, of everything that the figure draws."""
    figure = drawn(wildcards.figure)
    return [
        table_of(figure.study, experiment, table)
        for table in kind_of(wildcards.figure).tables
        for experiment in figure.draws
    ]


def figure_kind(wildcards, output):
    """Name of the kind of this figure."""
    return FIGURES[wildcards.figure].kind


def figure_options(wildcards, output):
    """Options of this figure that its kind takes, as JSON; what counts stands in `figure_texts`."""
    return json.dumps(options_of(wildcards.figure))


def figure_section(wildcards):
    """Section of the paper that the figure belongs to, under the name of its study where there are several."""
    figure = FIGURES[wildcards.figure]
    section = figure.paper.section if figure.paper else "Figures of your own"
    several = len(CONFIGURATION.studies) > 1
    # Snakemake makes a link of the name, which for docutils would end at a colon.
    return f"{figure.study} · {section}" if several else section


def figure_words(wildcards):
    """Label of this figure in the report; of two labels Snakemake makes a switch, with gaps if there are two results."""
    # Snakemake takes {x} for a wildcard, but not with a character of no width in it.
    return {"figure": figure_row(wildcards.figure).replace("{", "{\u2060")}


def figure_row(figure):
    """Name of a figure, what it shows, networks and data, in one line."""
    drawn = list(dict.fromkeys(labels_of(figure)))
    more = [f"{len(drawn) - 2} more"] * (len(drawn) > 2)
    return " · ".join([figure, kind_of(figure).shows, *drawn[:2], *more])


# What takes `output` makes no job run again: these are for the report alone.
def figure_caption(wildcards, output):
    """What the kind of this figure says of it."""
    caption = jinja2.Template(kind_of(wildcards.figure).caption)
    return caption.render(options_of(wildcards.figure))


def figure_paper(wildcards, output):
    """What the paper shows in this figure."""
    paper = FIGURES[wildcards.figure].paper
    return figures.in_the_paper(wildcards.figure, paper) if paper else ""


def figure_is_embedded(wildcards, output):
    """Whether this figure shows data, and embedded data only."""
    names = FIGURES[wildcards.figure].draws
    return bool(names) and all(
        name in EXPERIMENTS and DATASETS[EXPERIMENTS[name].dataset].source == "embedded"
        for name in names
    )


def claim_tables(study):
    """Experiments of the figures that claims of a study use, by the table that they need of them."""
    needed = {}
    for uses in uses_of(study).values():
        for figure, tables in uses.items():
            if figure in FIGURES:
                for table in tables:
                    names = needed.setdefault(table, {})
                    names |= dict.fromkeys(FIGURES[figure].draws)
    return {
        table: [
            name
            for name in names
            if name in EXPERIMENTS and table not in missing_tables(study, name)
        ]
        for table, names in needed.items()
    }


def missing_tables(study, experiment):
    """Tables of a study that it does not make of this experiment."""
    own = getattr(EXPERIMENTS[experiment], study)
    return STUDIES[study].settings.missing_tables(own) if own else ()


def claim_files(wildcards):
    """Tables that the claims of this study use."""
    return [
        table_of(wildcards.study, name, table)
        for table, names in claim_tables(wildcards.study).items()
        for name in names
    ]


def claim_experiments(study):
    """Experiments that the claims of a study are judged on, each once."""
    names = [
        name for experiments in claim_tables(study).values() for name in experiments
    ]
    return list(dict.fromkeys(names))


def claim_datasets(wildcards):
    """Descriptions of the data sets of the experiments that the claims use."""
    names = {EXPERIMENTS[name].dataset for name in claim_experiments(wildcards.study)}
    return expand("<results>/datasets/{dataset}/dataset.json", dataset=sorted(names))


def claim_settings(study):
    """Label and data set of the experiments that the claims use, as JSON."""
    names = claim_experiments(study)
    shown = labels.labels_of(experiments_among(names), DATASETS)
    return json.dumps(
        {
            name: {"label": shown[name], "dataset": EXPERIMENTS[name].dataset}
            for name in names
        }
    )


def claim_figures(study):
    """Experiments of the papers' figures that the claims use, as JSON."""
    used = dict.fromkeys(figure for uses in uses_of(study).values() for figure in uses)
    return json.dumps(
        {
            figure: list(FIGURES[figure].draws)
            for figure in sorted(used)
            if figure in FIGURES
        }
    )


def claim_texts(study):
    """Code that judges the claims of a study, and what they are judged on."""
    return [
        *code(
            "judge_claims.py",
            *(f"anatomy.studies.{study}.{of}" for of in ("claims", "paper", "grids")),
        ),
        f"figures={claim_figures(study)}",
        f"experiments={claim_settings(study)}",
    ]


def claim_arguments(wildcards, output):
    """Options of judge_claims.py; what counts stands in `claim_texts`."""
    study = wildcards.study
    return [
        *("--study", study, "--figures", claim_figures(study)),
        *("--experiments", claim_settings(study)),
    ]
