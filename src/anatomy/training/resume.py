"""What a training needs to go on after it was stopped, kept where Snakemake does not delete it.

Snakemake deletes the outputs of a failed job. So a run works in `<run>/resume/`, which Snakemake does
not know, and its outputs appear in `<run>/` as hard links, only when all of them are there. The
working folder stays: if the outputs are deleted, the same run is restored without training again.
"""

import json
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from anatomy.runtime import fingerprints
from anatomy.runtime.files import atomic, sha256_of
from anatomy.runtime.settings import Settings
from anatomy.training.facts import FINAL_NETWORK, RUN_FILE, read_facts, require_unedited

STATE_FILE = "state.safetensors"
FINAL_FILE = "final.json"
HISTORY_FILE = "history.csv"
PROVENANCE_FILE = "provenance.json"
METADATA_KEY = "state"


def weight_files(epochs: Iterable[int]) -> list[str]:
    """Return the files with weights that a run leaves, relative to its directory; it keeps these epochs."""
    return [*(f"snapshots/epoch={epoch}.safetensors" for epoch in epochs), FINAL_NETWORK]


def save_state(
    folder: Path, tensors: Mapping[str, torch.Tensor], progress: Mapping[str, Any], fingerprint: str
) -> None:
    """Replace the state atomically: weights and momentum, and `progress` (epoch, history)."""
    metadata = {METADATA_KEY: json.dumps({"fingerprint": fingerprint, "progress": progress})}
    contiguous = {name: tensor.contiguous() for name, tensor in tensors.items()}
    with atomic(folder / STATE_FILE) as temporary:
        save_file(contiguous, temporary, metadata)


def load_state(folder: Path, fingerprint: str) -> tuple[dict[str, torch.Tensor], dict[str, Any]] | None:
    """Return (tensors, progress) of an earlier attempt at the same run, or None to start anew.

    What belongs to another configuration, code or data (another fingerprint) is removed.
    """
    found = read_progress(folder)
    if found is not None and found[0] == fingerprint:
        return load_file(folder / STATE_FILE), found[1]
    shutil.rmtree(folder, ignore_errors=True)
    return None


def read_progress(folder: Path) -> tuple[str, dict[str, Any]] | None:
    """Return (fingerprint, progress) of a working folder; None if it has no readable state."""
    try:
        with safe_open(folder / STATE_FILE, framework="pt") as file:
            content = json.loads((file.metadata() or {}).get(METADATA_KEY, "{}"))
    except (SafetensorError, OSError):
        return None
    return (content["fingerprint"], content["progress"]) if content else None


def read_state(folder: Path) -> tuple[str, dict[str, torch.Tensor], dict[str, Any]] | None:
    """Return (fingerprint, tensors, progress) of a working folder; None if it has no readable state."""
    if (found := read_progress(folder)) is None:
        return None
    return found[0], load_file(folder / STATE_FILE), found[1]


def adopt(folder: Path, fingerprint: str) -> None:
    """Let the state in a working folder belong to the run with this fingerprint from now on."""
    state = read_state(folder)
    if state is not None and state[0] != fingerprint:
        (folder / RUN_FILE).unlink(missing_ok=True)
        save_state(folder, *state[1:], fingerprint)


def extend(folder: Path, facts: Mapping[str, Any], kept: Iterable[int]) -> None:
    """Let the finished run in a working folder go on as the run with these facts, if it is that for longer.

    That is if it has kept its state and was not stopped, only `epochs` are more, and of the epochs that the
    longer run keeps it has kept all that it has reached. Otherwise nothing is changed.
    """
    if not (folder / RUN_FILE).is_file() or not (folder / STATE_FILE).is_file():
        return
    earlier = read_facts(folder)
    done = earlier["settings"]["epochs"]
    has = {*earlier["sha256"]}
    if (
        done < facts["settings"]["epochs"]
        and _but_for_length(earlier) == _but_for_length(facts)
        and has.issuperset(weight_files(epoch for epoch in kept if epoch <= done))
    ):
        adopt(folder, fingerprints.fingerprint(facts))


def _but_for_length(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts of a run without what is different in a longer one."""
    settings = dict(facts["settings"])
    del settings["epochs"]
    # The epochs that are kept are compared as such.
    if isinstance(snapshots := settings.pop("snapshots", {}), Mapping):
        settings["weights"] = snapshots.get("weights")
    same = {key: value for key, value in facts.items() if key not in ("fingerprint", "sha256", "settings")}
    return {**same, "settings": {"weights": None, **settings}}


def is_finished(folder: Path, fingerprint: str) -> bool:
    """Tell whether the working folder holds the whole, undamaged run with this fingerprint."""
    if not (folder / RUN_FILE).is_file() or not (folder / HISTORY_FILE).is_file():
        return False
    facts = read_facts(folder)
    return facts["fingerprint"] == fingerprint and all(
        (folder / name).is_file() and sha256_of(folder / name) == checksum
        for name, checksum in facts["sha256"].items()
    )


def publish(folder: Path, run: Path, program: Path, settings: Settings) -> None:
    """Link every finished output from the working folder into the run directory, run.json last.

    `InputError` if the code that `program` runs was edited since the run began: the outputs then wait in
    the working folder, for the case that the edit is undone.
    """
    facts = read_facts(folder)
    require_unedited(facts["code_sha256"], program, settings, f"{run} was trained")
    shutil.rmtree(run / "snapshots", ignore_errors=True)
    for name in [*facts["sha256"], HISTORY_FILE, PROVENANCE_FILE, RUN_FILE]:
        with atomic(run / name) as temporary:
            try:
                os.link(folder / name, temporary)
            except OSError:
                # Not every file system has hard links.
                shutil.copy2(folder / name, temporary)
