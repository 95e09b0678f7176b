import json
import shlex
import sys
from pathlib import Path

import yaml

# The checkout's own library, installed or not.
sys.path.insert(0, str(Path(workflow.basedir) / "src"))

from hyperplanes import configuration
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

USE_GPU = CONFIGURATION.device == "cuda" or (
    CONFIGURATION.device == "auto" and bool(visible_gpus())
)


wildcard_constraints:
    dataset="[a-z0-9-]+",
    experiment="[a-z0-9-]+",
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
    "folder": library("folder"),
}
NETWORK_CODE = DATASET_CODE + library(
    "architectures",
    "augmentation",
    "devices",
    "folding",
    "snapshots",
    "streams",
    "vision",
)
TRAINING_CODE = NETWORK_CODE + library("provenance", "resume", "schedules", "training")
PROJECTION_CODE = BASE_CODE + library("projections", "snapshots")
REINIT_CODE = TRAINING_CODE + library("reinitialisation")


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
