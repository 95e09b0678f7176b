import json
import shlex
import sys
from pathlib import Path

import jinja2
import yaml

# The checkout's own library, installed or not.
sys.path.insert(0, str(Path(workflow.basedir) / "src"))

from anatomy.configuration import labels
from anatomy.configuration.resolve import resolve, training_settings
from anatomy.configuration.studies import FIGURES as PAPER_FIGURES
from anatomy.reporting import figures, kinds
from anatomy.runtime import imports
from anatomy.runtime.devices import visible_gpus
from anatomy.runtime.environment import variable
from anatomy.runtime.errors import InputError
from anatomy.studies.arrangements.settings import pretrained_label, resets

try:
    SCHEMA = yaml.safe_load(
        Path(workflow.basedir, "workflow/schemas/config.schema.yaml").read_text()
    )
    CONFIGURATION = resolve(config, SCHEMA)
    # Before any job: the prefix sets the new names, which would hide that an old one is set.
    for name in ("DATA", "RUNS_PER_GPU"):
        variable(name)
except InputError as error:
    sys.exit(f"error: {error}")

# Programs use the checkout's library, and look for data in the configured directory first.
shell.prefix(
    "set -euo pipefail; export PYTHONPATH=src${{PYTHONPATH:+:$PYTHONPATH}}"
    f" ANATOMY_DATA={shlex.quote(CONFIGURATION.data)}${{{{ANATOMY_DATA:+:$ANATOMY_DATA}}}}"
    f" ANATOMY_RUNS_PER_GPU={CONFIGURATION.runs_per_gpu}; "
)

DATASETS = CONFIGURATION.datasets
EXPERIMENTS = CONFIGURATION.experiments
FIGURES = CONFIGURATION.figures
PRETRAINED = CONFIGURATION.pretrained
USED_DATASETS = sorted({settings["dataset"] for settings in EXPERIMENTS.values()})
REINITIALISED = [name for name, settings in EXPERIMENTS.items() if resets(settings)]

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
    "reinitialisation": ["figure_02", "figure_16", "figure_18", "figure_19"],
}
CLAIM_FIGURES["training"] = sorted(
    {*CLAIM_FIGURES["n_l"], *CLAIM_FIGURES["reinitialisation"]}
)

# What is switched off takes its figures along.
LEFT_OUT = figures.left_out(FIGURES, CONFIGURATION.switched_off)
if LEFT_OUT and workflow.is_main_process:
    print(LEFT_OUT, file=sys.stderr)

USE_GPU = CONFIGURATION.device == "cuda" or (
    CONFIGURATION.device == "auto" and bool(visible_gpus())
)

# Processes that read image files for one training or reinitialisation; --set-threads changes them.
LOADERS = 8 if USE_GPU else 1


wildcard_constraints:
    dataset="[a-z0-9-]+",
    experiment="[a-z0-9-]+",
    network="|".join(PRETRAINED) or "(?!)",
    seed=r"\d+",
    epoch=r"\d+",


def code_of(program, *modules):
    """Source files of a program of workflow/scripts, of all that it imports, and of `modules`."""
    return imports.code_of(Path("workflow/scripts", program), Path("src"), *modules)
