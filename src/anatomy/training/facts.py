"""What decides the weights of a run: its facts, in run.json, and its origin, in its snapshots.

Imports no torch, so that a program can hash its code before it runs any of it.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from anatomy.runtime.devices import processor
from anatomy.runtime.errors import InputError
from anatomy.runtime.fingerprints import fingerprint
from anatomy.runtime.imports import code_of, hash_of_code
from anatomy.runtime.settings import Settings
from anatomy.training.modules import modules_of

# What of the description of a data set decides weights, beside the data.
DESCRIBED = ("classes", "mean", "std")


def origin_of(architecture: str, dataset: str, experiment: str, seed: int) -> dict[str, Any]:
    """Return where weights come from; a snapshot adds its epoch."""
    return {"architecture": architecture, "dataset": dataset, "experiment": experiment, "seed": seed}


def code_sha256(program: Path, settings: Settings) -> str:
    """Return a hash of what the code does that `program` runs for a run with these settings."""
    return hash_of_code(code_of(program, modules_of(settings)))


def require_unedited(before: str, program: Path, settings: Settings, done: str) -> None:
    """Raise `InputError` if the code that `program` runs is not what had the hash `before`.

    `done` says what was done meanwhile.
    """
    if code_sha256(program, settings) != before:
        raise InputError(f"the code was edited while {done}; run again to do so with the new code")


def facts_of_data(description: Mapping[str, Any]) -> dict[str, str]:
    """Return what of a data set decides the weights of a run, from its description.

    Not where it was read from: the same data may lie elsewhere.
    """
    described = {key: description.get(key) for key in DESCRIBED}
    # Those that are given hold for enlarged images as well.
    described["given"] = "mean" in description.get("source", ())
    return {"dataset_sha256": description["sha256"], "description_sha256": fingerprint(described)}


def facts_of(
    origin: Mapping[str, Any],
    settings: Settings,
    description: Mapping[str, Any],
    code: str,
    device_name: str,
    threads: int,
    statistics: Sequence[Sequence[float]] | None = None,
) -> dict[str, Any]:
    """Return all that decides the weights of a run.

    `description` is that of the data set, `code` the `code_sha256` of before any of it was run; `statistics`
    are what pixels are standardised with, mean and standard deviation per channel, unless it is the data
    set's own.
    """
    import torch

    facts = {
        **origin,
        "settings": settings.stored(),
        **facts_of_data(description),
        "code_sha256": code,
        "torch": torch.__version__,
        "device": device_name,
        "processor": processor(device_name),
        "threads": threads,
    }
    return facts if statistics is None else {**facts, "statistics": [list(each) for each in statistics]}
