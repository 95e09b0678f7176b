import csv
import difflib
import json
import os
import re
import sys
from collections import Counter
from functools import cache
from pathlib import Path
from uuid import uuid4

import jinja2

# The project's own folder; the working directory may be another one, the importer's if this is a module.
ROOT = Path(workflow.current_basedir).parent.parent
SCRIPTS = ROOT / "workflow" / "scripts"
SCHEMA_FILE = ROOT / "workflow" / "schemas" / "config.schema.yaml"

# The checkout's own library, installed or not.
sys.path.insert(0, str(ROOT / "src"))
sys.path.append(str(ROOT))

from anatomy.configuration import labels, requests
from anatomy.configuration.files import laid_together, read_file
from anatomy.configuration.resolve import resolve
from anatomy.configuration.studies import FIGURES as PAPER_FIGURES
from anatomy.configuration.studies import STUDIES
from anatomy.configuration.texts import data_problems
from anatomy.data import presence
from anatomy.data.search_path import locate
from anatomy.data.sources import module_of as module_of_source
from anatomy.networks.family import module_of as module_of_network
from anatomy.reporting import figures
from anatomy.reporting.failures import failures
from anatomy.reporting.figures import paper_of
from anatomy.reporting.kinds import kinds
from anatomy.reporting.uses import claiming_studies, uses_of
from anatomy.runtime import imports
from anatomy.runtime.devices import visible_gpus
from anatomy.runtime.environment import variable
from anatomy.runtime.errors import InputError
from anatomy.runtime.files import sha256_of
from anatomy.runtime.own_code import is_own
from anatomy.runtime.processor import bfloat16_note
from anatomy.runtime.regular import require_file
from anatomy.runtime.schema import read_schemas
from anatomy.runtime.settings import snapshot_epochs
from anatomy.studies.arrangements.settings import (
    pretrained_label,
    pretrained_networks,
    resets,
)
from anatomy.training.modules import modules_of

# What is shipped, and over it what was given: by --configfile and --config, or by who uses this as a module.
# A rule that another workflow overrides has this file read again, with what it has added itself.
ASKED = {key: own for key, own in config.items() if key != "summary"}
OF_COMMAND_LINE = workflow.config_settings

try:
    # One file after the other, as they are merged here in another way than by Snakemake.
    OVERLAYS = [ASKED]
    if ASKED == OF_COMMAND_LINE.overwrite_config:
        OVERLAYS = [
            *map(read_file, map(Path, OF_COMMAND_LINE.configfiles)),
            OF_COMMAND_LINE.config,
        ]
    GIVEN = laid_together(OVERLAYS, ROOT)
    SCHEMA = read_schemas(SCHEMA_FILE)
    CONFIGURATION = resolve(GIVEN, SCHEMA)
    # Refused here, before any job, if only the variables of an earlier version are set.
    OUTSIDE = {name: variable(name) for name in ("DATA", "RUNS_PER_GPU")}
    for problem in data_problems(OUTSIDE["DATA"] or "", "$ANATOMY_DATA"):
        raise InputError(problem)
except InputError as error:
    sys.exit(f"error: {error}")

EXPERIMENTS = CONFIGURATION.experiments
FIGURES = CONFIGURATION.figures
ARRANGEMENTS = CONFIGURATION.studies.get("arrangements")
# Experiments whose projections are measured, those of them whose layers are reset, and pretrained networks.
MEASURED = CONFIGURATION.measured.get("arrangements", [])
REINITIALISED = [name for name in MEASURED if resets(EXPERIMENTS[name].arrangements)]
PRETRAINED = pretrained_networks(ARRANGEMENTS, SCHEMA) if ARRANGEMENTS else {}
USED_DATASETS = sorted({settings.dataset for settings in EXPERIMENTS.values()})
# Directories of archives, image folders and released weights, separated as in $PATH.
DATA = os.pathsep.join(filter(None, [CONFIGURATION.data, OUTSIDE["DATA"]]))
# Copies stand in for official files that are in none of them.
DATASETS, STAND_INS = presence.chosen(CONFIGURATION.datasets, SCHEMA["$defs"], DATA)

# For the first page of the report, once the summary is there.
SUMMARY = Path(CONFIGURATION.pathvars["results"], "summary.html")
config["summary"] = str(SUMMARY) if SUMMARY.is_file() else None

# Where jobs go to other machines Snakemake counts nodes (--jobs), whatever else the command line says: there
# `auto` asks for a GPU, as this machine's do not count.
ON_CLUSTER = workflow.resource_settings.nodes is not None
USE_GPU = CONFIGURATION.device == "cuda" or (
    CONFIGURATION.device == "auto" and (ON_CLUSTER or bool(visible_gpus()))
)

# Processes that read image files for one training or reinitialisation; --set-threads changes them.
LOADERS = 8 if USE_GPU else 1

IN_BFLOAT16 = [name for name, own in EXPERIMENTS.items() if own.precision == "bf16"]
NOTES = [
    *CONFIGURATION.notes,
    *(line for name, line in STAND_INS.items() if name in USED_DATASETS),
    None if USE_GPU else bfloat16_note(IN_BFLOAT16),
]
if workflow.is_main_process:
    # Jobs inherit it, on a cluster as well: what one call refuses it does not compute again.
    os.environ.update(ANATOMY_CALL=uuid4().hex)
    for line in filter(None, NOTES):
        print(line, file=sys.stderr)


# Snakemake limits how many jobs start in a second, and for that looks at all jobs once more each second for every job
# that has ended: of a few hundred it took a fifth of a core. Another limit stays.
onstart:
    limit = workflow.scheduling_settings.max_jobs_per_timespan
    if limit and (limit.max_jobs, limit.timespan) == (100, 1):
        workflow.scheduler.job_rate_limiter = None


# Studies that are on whose papers' sentences are judged.
CLAIMING = [study for study in CONFIGURATION.studies if study in claiming_studies()]

# Files of each study that its rules add: `tables` asks for the tables, `all` and the target of a study's name for both.
MEASUREMENTS = {study: [] for study in CONFIGURATION.studies}
TABLES = {study: [] for study in CONFIGURATION.studies}

# Tables layers.csv and histograms.csv of all studies, which the page to explore shows; their rules add them.
LAYER_TABLES, HISTOGRAM_TABLES = [], []


wildcard_constraints:
    dataset="[a-z0-9-]+",
    experiment="[a-z0-9-]+",
    network="|".join(PRETRAINED) or "(?!)",
    seed=r"\d+",
    epoch=r"\d+",


def program(name):
    """Params function: the command that starts a program of workflow/scripts, with its environment.

    It takes `output`, so that it is no reason to run a job again: a project may move.
    """

    def command(wildcards, output):
        # The project's folder comes last: code of a user's own lies there or in the working directory.
        paths = [str(ROOT / "src"), os.environ.get("PYTHONPATH"), str(ROOT)]
        return [
            "env",
            f"PYTHONPATH={os.pathsep.join(filter(None, paths))}",
            f"ANATOMY_DATA={DATA}",
            f"ANATOMY_RUNS_PER_GPU={CONFIGURATION.runs_per_gpu}",
            # Without it a job has nobody to work for, and stops.
            f"ANATOMY_SNAKEMAKE={os.getpid()}",
            "python",
            str(SCRIPTS / name),
        ]

    return command


def schema_file(wildcards, output):
    """Params function: the schema of the engine, no reason to run a job again."""
    return str(SCHEMA_FILE)


@cache
def code(name, *modules):
    """What a program of workflow/scripts runs, one text for each source file: its name and a hash.

    `modules` are those that it finds by a name in the configuration.
    """
    try:
        found = imports.code_of(SCRIPTS / name, modules)
    except InputError as error:
        sys.exit(f"error: {error}")
    return [f"{own}:{source.hash[: imports.DIGITS]}" for own, source in found.items()]


def changes(settings, left_out=()):
    """What settings say beside their schema's defaults, one text for each key, `key=value`."""
    return [
        # Doubled as in what finished runs have recorded.
        f"{key}={value}".replace("{", "{{").replace("}", "}}")
        for key, value in settings.differences().items()
        if key not in left_out
    ]


def one_by_one(texts, entities, wildcard=None):
    """Params of a rule with wildcards, one for each text that `texts` gives for an entity.

    So the reason of a dry run names the text that changed; as one list it would print all of them. What all
    entities have is plain text, which is quicker to plan; of the rest there are as many functions as any of
    `entities` needs.
    """
    found = {entity: texts(entity) for entity in entities}
    alike = set.intersection(*map(set, found.values())) if found else set()
    # Those with braces would be filled in.
    alike = {text for text in alike if not {*text} & {*"{}"}}
    plain = sorted(alike)
    own = {
        entity: [text for text in each if text not in alike] or plain[-1:]
        for entity, each in found.items()
    }
    count = max(map(len, own.values()), default=0)
    return [
        *plain,
        *(text_at(own.__getitem__, position, wildcard) for position in range(count)),
    ]


def as_it_is(text):
    """Param that is this text: a function where it has braces, in which Snakemake looks for no wildcards."""

    def fixed(wildcards):
        return text

    return fixed if "{" in text else text


def text_at(texts, position, wildcard):
    """Params function: the text at this position for an entity, its last one again if that has fewer.

    Snakemake compares params as a set: so it does not count how many other entities have. The entity is what
    `wildcard` is, the first wildcard of the rule if it has no name.
    """

    def text(wildcards):
        entity = wildcards[0] if wildcard is None else getattr(wildcards, wildcard)
        found = texts(entity)
        return found[min(position, len(found) - 1)]

    return text
