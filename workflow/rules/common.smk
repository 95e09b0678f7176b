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
    f" HYPERPLANES_DATA={shlex.quote(CONFIGURATION.data)}${{{{HYPERPLANES_DATA:+:$HYPERPLANES_DATA}}}}"
    f" HYPERPLANES_RUNS_PER_GPU={CONFIGURATION.runs_per_gpu}; "
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
    "layers",
    "layouts",
    "loading",
    "mapped",
    "networks",
    "packed",
    "places",
    "progress",
    "snapshots",
    "streams",
    "upscaling",
    "vision",
)
TRAINING_CODE = NETWORK_CODE + library(
    "checkpoints",
    "gpu",
    "history",
    "importing",
    "noise",
    "optimisers",
    "options",
    "provenance",
    "resume",
    "running",
    "schedules",
    "splits",
    "starts",
    "training",
    "writing",
)
REINIT_CODE = NETWORK_CODE + library(
    "epochs",
    "importing",
    "options",
    "records",
    "reinitialisation",
    "reset_weights",
    "resets",
    "resume",
    "statistics",
)
PRETRAINED_CODE = BASE_CODE + library(
    "architectures",
    "checkpoints",
    "cosines",
    "epochs",
    "foreign",
    "layers",
    "layouts",
    "mapped",
    "matconvnet",
    "networks",
    "packed",
    "places",
    "pretrained",
    "snapshots",
    "streams",
    "vision",
)
PROJECTION_CODE = BASE_CODE + library(
    "cosines", "layouts", "mapped", "options", "packed", "snapshots"
)
TABLE_CODE = BASE_CODE + library("epochs", "statistics", "tables")
REINIT_TABLE_CODE = TABLE_CODE + library("reset_tables", "resets")
RENDER_CODE = TABLE_CODE + library("rendering")
CLAIM_CODE = RENDER_CODE + library(
    "claims", "evidence", "judging", "reset_tables", "resets"
)
FIGURE_CODE = BASE_CODE + library("plotting")
HEAT_MAP_CODE = FIGURE_CODE + library("epochs", "reset_tables", "resets")
HISTOGRAM_CODE = FIGURE_CODE + library("epochs")
ARRANGEMENT_CODE = FIGURE_CODE + library("arrangement")
