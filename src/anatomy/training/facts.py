"""What decides the weights of a run: its facts, in run.json, and its origin, in its snapshots.

Imports no torch, so that a program can hash its code before it runs any of it.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from anatomy.runtime.devices import processor
from anatomy.runtime.errors import InputError
from anatomy.runtime.files import read_json
from anatomy.runtime.imports import code_of, hash_of_code
from anatomy.runtime.settings import Settings
from anatomy.training.modules import modules_of

RUN_FILE = "run.json"
FINAL_NETWORK = "final.safetensors"
# What the facts of a finished run say at least, and of what kind it is.
KINDS = {
    **{"experiment": str, "dataset": str, "seed": int, "settings": dict, "sha256": dict},
    **{"dataset_sha256": str, "code_sha256": str, "fingerprint": str},
}


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


def facts_of(
    origin: Mapping[str, Any],
    settings: Settings,
    dataset_sha256: str,
    code: str,
    device_name: str,
    threads: int,
    statistics: Sequence[Sequence[float]] | None = None,
) -> dict[str, Any]:
    """Return all that decides the weights of a run.

    `code` is the `code_sha256` of before any of it was run; `statistics` are what pixels are standardised
    with, mean and standard deviation per channel, unless it is the data set's own.
    """
    import torch

    facts = {
        **origin,
        "settings": settings.stored(),
        "dataset_sha256": dataset_sha256,
        "code_sha256": code,
        "torch": torch.__version__,
        "device": device_name,
        "processor": processor(device_name),
        "threads": threads,
    }
    return facts if statistics is None else {**facts, "statistics": [list(each) for each in statistics]}


def read_facts(run: Path, whole: bool = True) -> dict[str, Any]:
    """Return the facts of a finished run, and the checksums of its files, from its directory.

    `InputError` if it is not finished, or the file is damaged, or is not `whole`: has none of `KINDS`.
    """
    file = run / RUN_FILE
    if not file.is_file():
        raise InputError(f"{run} is no finished run: it has no {RUN_FILE}")
    try:
        facts = read_json(file)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{file} is damaged ({error}); delete it, and train that network again") from error
    if not isinstance(facts, dict) or not {"fingerprint", "sha256"} <= facts.keys():
        raise InputError(f"{file} is damaged (it says no checksums); delete it, and train that network again")
    for key, kind in KINDS.items():
        if (whole or key in facts) and not isinstance(facts.get(key), kind):
            said = repr(facts[key]) if key in facts else "missing"
            raise InputError(
                f"{file} is damaged (its {key} is {said}); delete it, and train that network again"
            )
    return facts
