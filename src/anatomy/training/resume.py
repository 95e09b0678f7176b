"""What a training needs to go on after it was stopped, kept where Snakemake does not delete it.

Snakemake deletes the outputs of a failed job. So a run works in `<run>/resume/`, which Snakemake does
not know, and its outputs appear in `<run>/` as hard links, only when all of them are there. The
working folder stays: if the outputs are deleted, the same run is restored without training again.
"""

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from anatomy.runtime import fingerprints
from anatomy.runtime.checksums import recorded_in, require_recorded
from anatomy.runtime.errors import InputError
from anatomy.runtime.files import atomic, sha256_of, sync
from anatomy.runtime.run_files import BESIDE_FACTS, FINAL_NETWORK, RUN_FILE, STOPPED_AFTER, read_facts
from anatomy.runtime.settings import Settings
from anatomy.training.facts import require_unedited

STATE_FILE = "state.safetensors"
# The state of a run that makes snapshots again which were damaged, while the one above is further.
AGAIN_FILE = "again.safetensors"
HISTORY_FILE = "history.csv"
PROVENANCE_FILE = "provenance.json"
METADATA_KEY, CHECKSUM_KEY = "state", "sha256"


def weight_files(epochs: Iterable[int]) -> list[str]:
    """Return the files with weights that a run leaves, relative to its directory; it keeps these epochs."""
    return [*map(snapshot_file, epochs), FINAL_NETWORK]


def snapshot_file(epoch: int) -> str:
    """Return the file of a snapshot, relative to the directory of its run."""
    return f"snapshots/epoch={epoch}.safetensors"


def save_state(
    folder: Path,
    tensors: Mapping[str, torch.Tensor],
    progress: Mapping[str, Any],
    fingerprint: str,
    name: str = STATE_FILE,
) -> None:
    """Replace the state atomically: `tensors` of a `Run.state`, and `progress` as JSON takes it.

    Progress is the last epoch that is done, history, and the checksums of the snapshots up to there.
    """
    text = json.dumps({"fingerprint": fingerprint, "progress": progress})
    own = {key: tensor.detach().cpu().contiguous() for key, tensor in tensors.items()}
    with atomic(folder / name, recorded=False) as temporary:
        save_file(own, temporary, {METADATA_KEY: text, CHECKSUM_KEY: _checksum(own, text)})


def _checksum(tensors: Mapping[str, torch.Tensor], text: str) -> str:
    """Return the SHA-256 of all that a state holds."""
    digest = hashlib.sha256(text.encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def read_state(
    folder: Path, name: str = STATE_FILE
) -> tuple[str, dict[str, torch.Tensor], dict[str, Any]] | None:
    """Return (fingerprint, tensors, progress) of a working folder; None if it has no undamaged state.

    A line says so if it is damaged.
    """
    file = folder / name
    if not file.is_file():
        return None
    try:
        with safe_open(file, framework="pt") as content:
            metadata = content.metadata() or {}
            tensors = {key: content.get_tensor(key) for key in content.keys()}  # noqa: SIM118
        if _checksum(tensors, metadata[METADATA_KEY]) != metadata[CHECKSUM_KEY]:
            raise ValueError
    except (SafetensorError, OSError, KeyError, ValueError):
        print(f"{file} is damaged and of no use", file=sys.stderr)
        return None
    state = json.loads(metadata[METADATA_KEY])
    return state["fingerprint"], tensors, state["progress"]


def load_state(folder: Path, fingerprint: str) -> tuple[dict[str, torch.Tensor], dict[str, Any]] | None:
    """Return (tensors, progress) of an earlier attempt at the same run, or None to start anew.

    What belongs to another configuration, code or data (another fingerprint) is removed.
    """
    found = read_state(folder)
    if found is not None and found[0] == fingerprint:
        return found[1:]
    shutil.rmtree(folder, ignore_errors=True)
    return None


def is_whole(file: Path, checksum: str) -> bool:
    """Tell whether there is a file with this SHA-256."""
    return file.is_file() and sha256_of(file) == checksum


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
    earlier = _finished_facts(folder)
    if earlier is None or not (folder / STATE_FILE).is_file():
        return
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
    same = {key: value for key, value in facts.items() if key not in (*BESIDE_FACTS, "settings")}
    return {**same, "settings": {"weights": None, **settings}}


def _finished_facts(folder: Path) -> dict[str, Any] | None:
    """Return the facts in a working folder; None if there are none, or damaged ones, which a line says."""
    if not (folder / RUN_FILE).is_file():
        return None
    try:
        return read_facts(folder, whole=False)
    except InputError:
        print(f"{folder / RUN_FILE} is damaged and of no use", file=sys.stderr)
        return None


def is_finished(folder: Path, fingerprint: str) -> bool:
    """Tell whether the working folder holds the whole, undamaged run with this fingerprint.

    A line names the first file of it that is missing or damaged.
    """
    facts = _finished_facts(folder)
    if facts is None or facts["fingerprint"] != fingerprint:
        return False
    whole = {name: is_whole(folder / name, checksum) for name, checksum in facts["sha256"].items()}
    whole[HISTORY_FILE] = _is_history(folder / HISTORY_FILE, facts)
    for name in (name for name, is_so in whole.items() if not is_so):
        print(f"{folder / name} is missing or damaged", file=sys.stderr)
        return False
    return True


def _is_history(file: Path, facts: Mapping[str, Any]) -> bool:
    """Tell whether a history is what is recorded of it; where nothing is, whether it ends with the run."""
    try:
        require_recorded(file)
        content = file.read_bytes()
    except (InputError, OSError):
        return False
    last = facts.get(STOPPED_AFTER, facts.get("settings", {}).get("epochs"))
    ends = content.endswith(b"\n") and content.splitlines()[-1].startswith(f"{last},".encode())
    return ends or file.name in recorded_in(file.parent)


def publish(folder: Path, run: Path, program: Path, settings: Settings) -> None:
    """Link every finished output from the working folder into the run directory, run.json last.

    `InputError` if the code that `program` runs was edited since the run began: the outputs then wait in
    the working folder, for the case that the edit is undone.
    """
    facts = read_facts(folder, whole=False)
    require_unedited(facts["code_sha256"], program, settings, f"{run} was trained")
    shutil.rmtree(run / "snapshots", ignore_errors=True)
    names = [*facts["sha256"], HISTORY_FILE, PROVENANCE_FILE]
    for name in names:
        _link(folder / name, run / name, durable=False, recorded=name not in facts["sha256"])
    sync({run, *((run / name).parent for name in names)})
    _link(folder / RUN_FILE, run / RUN_FILE, durable=True, recorded=False)


def _link(file: Path, other: Path, durable: bool, recorded: bool) -> None:
    """Let another name have the content of a file."""
    with atomic(other, durable, recorded) as temporary:
        try:
            os.link(file, temporary)
        except OSError:
            # Not every file system has hard links.
            shutil.copy2(file, temporary)
            sync([temporary])
