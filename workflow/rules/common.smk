import json
import shlex
import sys
from pathlib import Path

import yaml

# The checkout's own library, installed or not.
sys.path.insert(0, str(Path(workflow.basedir) / "src"))

from hyperplanes import configuration, figures
from hyperplanes.devices import visible_gpus
from hyperplanes.errors import InputError

try:
    SCHEMA = yaml.safe_load(
        Path(workflow.basedir, "workflow/schemas/config.schema.yaml").read_text()
    )
    CONFIGURATION = configuration.resolve(config, SCHEMA)
except InputError as error:
    sys.exit(f"error: {error}")

# Programs use the checkout's library, and look for data in the configured place first.
shell.prefix(
    "set -euo pipefail; export PYTHONPATH=src${{PYTHONPATH:+:$PYTHONPATH}}"
    f" HYPERPLANES_DATA={shlex.quote(CONFIGURATION.data)}${{{{HYPERPLANES_DATA:+:$HYPERPLANES_DATA}}}}; "
)

DATASETS = CONFIGURATION.datasets
EXPERIMENTS = CONFIGURATION.experiments
FIGURES = CONFIGURATION.figures
PRETRAINED = CONFIGURATION.pretrained
USED_DATASETS = sorted({settings["dataset"] for settings in EXPERIMENTS.values()})
REINITIALISED = [
    name for name, settings in EXPERIMENTS.items() if configuration.resets(settings)
]

# For the methods text of the report.
config["resolved"] = {
    "experiments": EXPERIMENTS,
    "datasets": {name: DATASETS[name] for name in USED_DATASETS},
}

# Figures whose experiments the claims are judged on, by the table that they need of them.
CLAIM_FIGURES = {
    "n_l": [
        *("figure_02", "figure_05", "figure_06", "figure_07", "figure_08", "figure_15"),
        *("figure_17", "figure_20", "figure_21", "figure_22", "figure_polarity"),
    ],
    "reinit": ["figure_02", "figure_16", "figure_18", "figure_19"],
}
CLAIM_FIGURES["training"] = sorted({*CLAIM_FIGURES["n_l"], *CLAIM_FIGURES["reinit"]})

# What is switched off takes its figures along.
LEFT_OUT = figures.left_out(FIGURES, CONFIGURATION.switched_off)
if LEFT_OUT and workflow.is_main_process:
    print(LEFT_OUT, file=sys.stderr)

USE_GPU = CONFIGURATION.device == "cuda" or (
    CONFIGURATION.device == "auto" and bool(visible_gpus())
)

# Processes that read image files for one training or re-initialisation; --set-threads changes them.
LOADERS = 8 if USE_GPU else 1


wildcard_constraints:
    dataset="[a-z0-9-]+",
    experiment="[a-z0-9-]+",
    network="|".join(PRETRAINED) or "(?!)",
    seed=r"\d+",
    epoch=r"\d+",


def library(*modules):
    """Source files of library modules; an edit to one reruns the rules that name it."""
    return [f"src/hyperplanes/{module}.py" for module in modules]


BASE_CODE = library("__init__", "errors", "files")
DATASET_CODE = BASE_CODE + library("datasets")
PREPARE_CODE = DATASET_CODE + library("places")
SOURCE_CODE = {
    "embedded": library("embedded"),
    "torchvision": library("official", "vision"),
    "folder": library("decoding", "folder"),
    "images": library("decoding", "image_files", "progress"),
}
NETWORK_CODE = DATASET_CODE + library(
    "architectures",
    "augmentation",
    "decoding",
    "devices",
    "evaluation",
    "folding",
    "image_files",
    "loading",
    "places",
    "progress",
    "snapshots",
    "streams",
    "vision",
)
TRAINING_CODE = NETWORK_CODE + library(
    "noise", "provenance", "resume", "schedules", "training"
)
REINIT_CODE = NETWORK_CODE + library("reinitialisation")
PRETRAINED_CODE = BASE_CODE + library(
    "architectures",
    "matconvnet",
    "places",
    "pretrained",
    "snapshots",
    "streams",
    "vision",
)
PROJECTION_CODE = BASE_CODE + library("projections", "snapshots")
TABLE_CODE = BASE_CODE + library("statistics", "tables")
RENDER_CODE = TABLE_CODE + library("rendering")
CLAIM_CODE = RENDER_CODE + library("claims", "evidence", "judging")
FIGURE_CODE = BASE_CODE + library("plotting")
ARRANGEMENT_CODE = FIGURE_CODE + library("arrangement")


def dataset_code(wildcards):
    """Library modules that prepare this data set; those of other sources do not concern it."""
    return PREPARE_CODE + SOURCE_CODE[DATASETS[wildcards.dataset]["source"]]


def dataset_settings(wildcards):
    """Entry of this data set as JSON, without what is only shown."""
    shown = {"label"}
    settings = DATASETS[wildcards.dataset]
    return json.dumps({key: settings[key] for key in sorted(settings.keys() - shown)})


def training_settings(experiment):
    """The part of an experiment that decides its weights, as JSON."""
    return json.dumps(
        configuration.training_settings(EXPERIMENTS[experiment]), sort_keys=True
    )


def experiment_dataset(wildcards):
    """Description of the data set of this experiment."""
    return f"<results>/datasets/{EXPERIMENTS[wildcards.experiment]['dataset']}/dataset.json"


def experiment_data(wildcards):
    """Images and labels of the data set of this experiment."""
    return f"<results>/datasets/{EXPERIMENTS[wildcards.experiment]['dataset']}/data.safetensors"


def compute_and_load(dataset):
    """Threads of a job that trains or evaluates: one computes, the others read images from files."""
    return 1 + LOADERS if DATASETS[dataset]["source"] == "images" else 1


def reinit_threads(wildcards):
    """Threads of the re-initialisation of this experiment."""
    return compute_and_load(EXPERIMENTS[wildcards.experiment]["dataset"])


def pretrained_settings(wildcards):
    """Entry of this pretrained network as JSON, without what is only shown."""
    settings = PRETRAINED[wildcards.network]
    return json.dumps(
        {key: settings[key] for key in sorted(settings.keys() - {"label"})}
    )


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


def experiment_reinit(wildcards):
    """Re-initialisation results of this experiment."""
    return per_run(
        "<results>/reinit/{experiment}/seed={seed}.csv", [wildcards.experiment]
    )


def experiment_seeds(wildcards):
    """Seeds of this experiment."""
    return EXPERIMENTS[wildcards.experiment]["seeds"]


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
    drawn = (FIGURES.get(figure, []) for figure in CLAIM_FIGURES[table])
    names = dict.fromkeys(name for names in drawn for name in names)
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


def reset_snapshots(wildcards):
    """Snapshots to which layers of this experiment are reset."""
    return expand(
        "<results>/runs/{experiment}/seed={seed}/snapshots/epoch={epoch}.safetensors",
        experiment=wildcards.experiment,
        seed=wildcards.seed,
        epoch=EXPERIMENTS[wildcards.experiment]["reinitialise"]["epochs"],
    )


def reset_options(wildcards):
    """Options of reinit_layers.py that say what layers are reset to."""
    return (
        "--rand" if EXPERIMENTS[wildcards.experiment]["reinitialise"]["random"] else ""
    )
