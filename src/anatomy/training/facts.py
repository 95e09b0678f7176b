"""What decides the weights of a run: its facts, in run.json, and its origin, in its snapshots."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from anatomy.runtime.devices import processor
from anatomy.runtime.files import read_json
from anatomy.runtime.imports import code_hash

RUN_FILE = "run.json"


def origin_of(architecture: str, dataset: str, experiment: str, seed: int) -> dict[str, Any]:
    """Return where weights come from; a snapshot adds its epoch."""
    return {"architecture": architecture, "dataset": dataset, "experiment": experiment, "seed": seed}


def facts_of(
    origin: Mapping[str, Any],
    settings: Mapping[str, Any],
    dataset_sha256: str,
    device_name: str,
    threads: int,
) -> dict[str, Any]:
    """Return all that decides the weights of a run, of what is imported by now."""
    return {
        **origin,
        "settings": settings,
        "dataset_sha256": dataset_sha256,
        "code_sha256": code_hash(),
        "torch": torch.__version__,
        "device": device_name,
        "processor": processor(device_name),
        "threads": threads,
    }


def read_facts(run: Path) -> dict[str, Any]:
    """Return the facts of a finished run, and the checksums of its weights, from its directory."""
    return read_json(run / RUN_FILE)
