"""A run from its first epoch to its last, with everything that it leaves on disk."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from anatomy.runtime import signals
from anatomy.runtime.background import BackgroundWriter
from anatomy.runtime.checksums import xxh3_of
from anatomy.runtime.files import atomic, sha256_of, write_json
from anatomy.runtime.fingerprints import fingerprint
from anatomy.runtime.run_files import (
    FINAL_FILE,
    FINAL_NETWORK,
    FINGERPRINT,
    RUN_FILE,
    SHA256,
    STOPPED_AFTER,
    XXH3,
    signed,
)
from anatomy.training import resume
from anatomy.training.history import write_history
from anatomy.training.run import Run
from anatomy.training.working_folder import WorkingFolder


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
    for the same weights, and says after which epoch the run was stopped, if it was. The state is saved after
    the first step or epoch after `save_every` seconds, and when a signal comes; its `Stopped` says how
    far the run is. It stays if `keep_state`. Returns whether the run is finished: not if `after_epoch` said
    False.
    """
    run_fingerprint = fingerprint(run_facts)
    if resume.is_finished(folder, run_fingerprint):
        print("this run was finished before; its outputs are restored", file=sys.stderr)
        return True
    (folder / RUN_FILE).unlink(missing_ok=True)
    going_on = True
    with BackgroundWriter() as writer, signals.held():
        work = WorkingFolder(run, folder, writer, origin, run_fingerprint, save_every)
        with work.saved_if_stopped():
            work.take_up()
            while not run.finished and going_on:
                signals.check()
                work.advance(run.kept_epochs)
                if after_epoch is not None:
                    going_on = after_epoch(run)
                last = run.finished or not going_on
                if keep_state if last else work.is_due:
                    work.save()
            write_history(folder / resume.HISTORY_FILE, run.history)
            if not run.finished:
                return False
            write_json(folder / FINAL_FILE, final_values(run))
        with atomic(folder / FINAL_NETWORK, recorded=False) as temporary:
            save_file(run.whole_state_dict(), temporary)
        work.sync()
        own = {STOPPED_AFTER: run.epoch} if run.stopped else {}
        own[FINGERPRINT] = run_fingerprint
        snapshots = list(map(resume.snapshot_file, run.kept_epochs))
        for key, known, of_file in ((SHA256, work.sha256, sha256_of), (XXH3, work.xxh3, xxh3_of)):
            own[key] = {name: known[name] for name in snapshots}
            own[key] |= {name: of_file(folder / name) for name in (FINAL_NETWORK, FINAL_FILE)}
        write_json(folder / RUN_FILE, signed({**run_facts, **own}))
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
