"""A run from its first epoch to its last, with everything that it leaves on disk."""

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from anatomy.checkpoints.snapshots import Snapshot, save_snapshot, snapshot_sha256
from anatomy.runtime.background import BackgroundWriter
from anatomy.runtime.files import atomic, sha256_of, write_json
from anatomy.runtime.fingerprints import fingerprint
from anatomy.training import resume
from anatomy.training.facts import FINAL_NETWORK, RUN_FILE
from anatomy.training.history import describe, write_history
from anatomy.training.run import Run


def train_run(
    run: Run,
    folder: Path,
    origin: Mapping[str, Any],
    run_facts: Mapping[str, Any],
    save_every: float = 60.0,
    keep_state: bool = False,
    after_epoch: Callable[[Run], bool] | None = None,
) -> bool:
    """Train `run` to its end and leave its outputs in `folder`, or continue what is there.

    Outputs: `snapshots/epoch=<e>.safetensors`, `final.safetensors`, `final.json`, `history.csv`, `run.json`.
    `origin` goes into every snapshot, `run_facts` into run.json; run.json comes last and is the same
    for the same weights, and says after which epoch the run was stopped, if it was. The state is saved at
    the first epoch end after `save_every` seconds, and stays if `keep_state`. Returns whether the run is
    finished: not if `after_epoch` said False.
    """
    epochs = run.settings.epochs
    run_fingerprint = fingerprint(run_facts)
    if resume.is_finished(folder, run_fingerprint):
        print("this run was finished before; its outputs are restored", file=sys.stderr)
        return True
    (folder / RUN_FILE).unlink(missing_ok=True)
    if (earlier := resume.load_state(folder, run_fingerprint)) is not None:
        run.restore(earlier[0], earlier[1]["history"], earlier[1]["epoch"])
        print(f"continuing after epoch {run.epoch}", file=sys.stderr)
    saved, snapshot, going_on = time.monotonic(), None, True
    checksums: dict[str, str] = {}
    kept = frozenset(run.kept_epochs)

    def keep(name: str, snapshot: Snapshot) -> None:
        save_snapshot(folder / name, snapshot)
        checksums[name] = snapshot_sha256(snapshot)

    with BackgroundWriter() as writer:
        while not run.finished and going_on:
            if (record := run.advance()) is not None:
                print(describe(record, epochs), file=sys.stderr, flush=True)
            if run.kept_as in kept:
                writer.wait()
                snapshot = run.snapshot(origin, snapshot)
                writer.submit(keep, f"snapshots/epoch={run.kept_as}.safetensors", snapshot)
            if after_epoch is not None:
                going_on = after_epoch(run)
            last = run.finished or not going_on
            if keep_state if last else time.monotonic() - saved >= save_every:
                # Whoever continues after this epoch finds all snapshots up to it.
                writer.wait()
                progress = {"epoch": run.epoch, "history": [asdict(record) for record in run.history]}
                resume.save_state(folder, run.state(), progress, run_fingerprint)
                saved = time.monotonic()
    write_history(folder / resume.HISTORY_FILE, run.history)
    if not run.finished:
        return False
    write_json(folder / resume.FINAL_FILE, final_values(run))
    with atomic(folder / FINAL_NETWORK) as temporary:
        save_file(run.whole_state_dict(), temporary)
    files = [*resume.weight_files(run.kept_epochs), resume.FINAL_FILE]
    outputs = {name: checksums.get(name) or sha256_of(folder / name) for name in files}
    stopped = {"stopped_after": run.epoch} if run.stopped else {}
    write_json(folder / RUN_FILE, {**run_facts, **stopped, "fingerprint": run_fingerprint, "sha256": outputs})
    if not keep_state:
        (folder / resume.STATE_FILE).unlink(missing_ok=True)
    return True


def final_values(run: Run) -> dict[str, dict[str, float | int]]:
    """Return loss, accuracy and number of images of each part of the data, for the network as it is now.

    Training images are not augmented; their labels and pixels have their noise. The validation is that of
    the last epoch. `InputError` for a loss that is no number.
    """
    task, last = run.task, run.history[-1]
    values = {
        "train": (run.measure(*task.train), task.train_labels),
        "validation": ((last.validation_loss, last.validation_accuracy), task.validation[1]),
        "test": (run.measure(*task.test), task.test[1]),
    }
    for part, ((loss, _), _) in values.items():
        run.require_finite(loss, part, run.epoch)
    return {
        part: {"loss": loss, "accuracy": accuracy, "images": len(labels)}
        for part, ((loss, accuracy), labels) in values.items()
    }
