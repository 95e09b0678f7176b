# Inputs and parameters of the rules that make the pages that all studies share.


def study_papers(wildcards):
    """Params function: paper of each study that is on, in words, and the claims that its summary shows, as JSON."""
    papers = {
        study: paper_of(STUDIES[study].paper, study) for study in CONFIGURATION.studies
    }
    return json.dumps(
        {
            study: {"paper": paper.in_words, "headline": list(paper.headline)}
            for study, paper in papers.items()
        }
    )


def hero_figure():
    """Name of the figure of the summary: that of the first study that has one, or the first figure; or None."""
    papers = [paper_of(STUDIES[study].paper, study) for study in CONFIGURATION.studies]
    return next(
        (paper.hero for paper in papers if paper.hero in FIGURES),
        next(iter(FIGURES), None),
    )


def hero_files(wildcards):
    """Picture of the figure of the summary, if there is any."""
    figure = hero_figure()
    return [] if figure is None else pictures([figure])[1:]


def summary_words(wildcards):
    """Params function: sentences of the summary, and its links, as JSON."""
    runs = sum(len(settings.seeds) for settings in EXPERIMENTS.values())
    data = {name: labels.dataset_label(name, DATASETS[name]) for name in USED_DATASETS}
    ran = (
        f"Published studies of trained networks, reproduced: {runs} run{'s' * (runs != 1)} of"
        f" {len(EXPERIMENTS)} experiment{'s' * (len(EXPERIMENTS) != 1)} on {', '.join(data.values())}."
    )
    embedded = [
        label for name, label in data.items() if DATASETS[name].source == "embedded"
    ]
    note = (
        f"Made from data that ship with scikit-learn: {', '.join(embedded)}. What they show need not hold for"
        " natural images."
    )
    links = {"methods and settings": "methods.html", "explore layers": "explore.html"}
    if "arrangements" in CONFIGURATION.studies and MEASURED:
        links |= {"tables": "arrangements/tables.html"}
    figure = hero_figure()
    caption = f"{figure_row(figure)}" if figure else ""
    return json.dumps(
        {"ran": ran, "note": note * bool(embedded), "links": links, "caption": caption}
    )


# The text of the page of methods, in reStructuredText.
METHODS = ROOT / "workflow/report/methods.rst"


def methods_file(wildcards, output):
    """Params function: the text of the page of methods; its content counts, not where it lies."""
    return str(METHODS)


def methods_texts():
    """Settings of all that was trained or measured, one text each; what they leave out are defaults."""
    entries = {
        **EXPERIMENTS,
        **{name: DATASETS[name] for name in USED_DATASETS},
        **PRETRAINED,
    }
    studies = [f"studies={','.join(CONFIGURATION.studies)}"]
    return studies + [
        f"{name}.{text}"
        for name, settings in entries.items()
        for text in changes(settings)
    ]


def methods_settings(wildcards, output):
    """Settings of all that was trained or measured, as JSON; what counts stands in `methods_texts`."""
    return json.dumps(
        {
            "studies": list(CONFIGURATION.studies),
            "experiments": {name: own.stored() for name, own in EXPERIMENTS.items()},
            "datasets": {name: DATASETS[name].stored() for name in USED_DATASETS},
            "pretrained": {name: own.complete() for name, own in PRETRAINED.items()},
        }
    )


def study_lines():
    """One line for each study: what there is of it now, and where to look."""
    results = CONFIGURATION.pathvars["results"]
    for study in CONFIGURATION.studies:
        names = figures_of(study)
        drawn_now = sum(
            Path(results, study, "figures", f"{name}.pdf").is_file() for name in names
        )
        parts = [f"{drawn_now} of {len(names)} figures"] if drawn_now else []
        if (table := Path(results, study, "claims.csv")).is_file():
            verdicts = ", ".join(
                f"{count} {verdict}" for verdict, count in counted(table).items()
            )
            parts.append(f"claims: {verdicts} ({table.with_suffix('.html')})")
        if parts:
            yield f"{study}: {'; '.join(parts)}; {Path(results, study)}"
    if SUMMARY.is_file():
        yield f"summary: {SUMMARY}; report: snakemake --report {Path(results, 'report.html')}"


def counted(table):
    """How many claims of a table have each verdict."""
    with open(table, newline="", encoding="utf-8") as file:
        return Counter(row["verdict"] for row in csv.DictReader(file))


# What the page is made of beside the tables; no modules, so that the code of its program does not name them.
PAGE_FILES = sorted((ROOT / "src/anatomy/reporting/explorer").glob("explore.*"))


def experiment_labels(wildcards):
    """Names of experiments for people, as JSON."""
    return json.dumps(labels.labels_of(EXPERIMENTS, DATASETS))
