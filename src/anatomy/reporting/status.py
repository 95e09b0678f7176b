"""How far a pipeline is: what of each run exists, what is missing, and when a running one will end.

Reads what runs leave on disk while they go on, and writes nothing; imports neither torch nor pandas, so that
the answer comes at once.
"""

import os
import re
import socket
import statistics
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from anatomy.runtime.files import read_json, understood
from anatomy.runtime.signals import is_there

# A run of another machine counts as running if its log was written to within so many seconds, or so many of
# its epochs; what a process leaves behind that is killed does not change any more.
FRESH_SECONDS, FRESH_EPOCHS = 120.0, 3.0
# The end of a log that is read: some 100 epochs.
TAIL_BYTES = 16_384
# Epochs whose time the rate is the median of.
RECENT = 10

FINISHED, INCOMPLETE, RUNNING, STOPPED, WAITING = "finished", "incomplete", "running", "stopped", "waiting"

_EPOCH = re.compile(
    r"^epoch (?P<epoch>\d+)/\d+, .*validation \S+ (?P<accuracy>[\d.]+)%.*, (?P<seconds>[\d.]+) s$", re.M
)
_OWNER = re.compile(r"process (\d+) on (.+)")


@dataclass(frozen=True)
class PlannedRun:
    """A run that a configuration asks for, and the epochs whose snapshots it keeps."""

    experiment: str
    seed: int
    epochs: int
    snapshots: Sequence[int]

    def folder(self, results: Path) -> Path:
        """Return the directory of the run."""
        return results / "runs" / self.experiment / f"seed={self.seed}"


@dataclass(frozen=True)
class RunStatus:
    """How far a run is; what is not known is None.

    `accuracy` is that of the validation after `epoch`, as a fraction of one, `test_accuracy` that of the
    finished network; `seconds` are those of an epoch, `left` those to the end. `missing` counts files.
    """

    run: PlannedRun
    state: str
    epoch: int | None = None
    accuracy: float | None = None
    test_accuracy: float | None = None
    seconds: float | None = None
    left: float | None = None
    missing: int = 0


def run_status(run: PlannedRun, results: Path, now: float | None = None) -> RunStatus:
    """Return how far a run is; `now` is the time, in seconds since 1970, that a log's age is counted to."""
    folder = run.folder(results)
    expected = [f"snapshots/epoch={epoch}.safetensors" for epoch in run.snapshots]
    expected += ["final.safetensors", "final.json", "history.csv", "run.json"]
    found = _files_in(folder)
    missing = sum(name not in found for name in expected)
    status = _from_log(RunStatus(run, WAITING, missing=missing), folder / "train.log")
    if "run.json" in found:
        if "final.json" in found:
            with understood(folder / "final.json", "the final.json of a run"):
                accuracy = float(read_json(folder / "final.json")["test"]["accuracy"])
            status = replace(status, test_accuracy=accuracy)
        state = INCOMPLETE if missing else FINISHED
        return replace(status, state=state, left=None)
    if _is_running(folder, status, time.time() if now is None else now):
        left = None
        if status.seconds is not None and status.epoch is not None:
            left = status.seconds * (run.epochs - status.epoch)
        return replace(status, state=RUNNING, left=left)
    return replace(status, state=STOPPED if status.epoch is not None else WAITING)


def _files_in(folder: Path) -> set[str]:
    """Return the files of a run, relative to its directory."""
    found = set()
    for prefix, part in (("", folder), ("snapshots/", folder / "snapshots")):
        if part.is_dir():
            found |= {prefix + entry.name for entry in os.scandir(part) if entry.is_file()}
    return found


def _from_log(status: RunStatus, log: Path) -> RunStatus:
    """Return the status with epoch, accuracy and seconds per epoch by the lines that a training prints."""
    if not log.is_file():
        return status
    with open(log, "rb") as file:
        file.seek(max(0, log.stat().st_size - TAIL_BYTES))
        lines = list(_EPOCH.finditer(file.read().decode(errors="replace")))
    if not lines:
        return status
    epochs = [int(line["epoch"]) for line in lines]
    # An epoch without evaluation prints no line: its time is in the next one's.
    paces = [
        float(line["seconds"]) / (epoch - before)
        for line, epoch, before in zip(lines[1:], epochs[1:], epochs, strict=False)
        if epoch > before
    ]
    seconds = statistics.median(paces[-RECENT:]) if paces else None
    accuracy = float(lines[-1]["accuracy"]) / 100
    return replace(status, epoch=epochs[-1], accuracy=accuracy, seconds=seconds)


def _is_running(folder: Path, status: RunStatus, now: float) -> bool:
    """Tell whether a process works in the directory of a run."""
    try:
        owner = _OWNER.match((folder / ".owner").read_text())
    except OSError:
        return False
    if owner is not None and owner[2] == socket.gethostname():
        return is_there(int(owner[1]))
    log = folder / "train.log"
    age = now - log.stat().st_mtime if log.is_file() else float("inf")
    return age < max(FRESH_SECONDS, FRESH_EPOCHS * (status.seconds or 0))


def duration(seconds: float) -> str:
    """Return a time in its two largest units: 45 s, 12 min, 3 h 05 min, 2 d 4 h."""
    minutes = round(seconds / 60)
    if seconds < 100:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def _row(status: RunStatus) -> tuple[str, ...]:
    run = status.run
    known = {
        "accuracy": status.accuracy if status.test_accuracy is None else status.test_accuracy,
        "seconds": status.seconds,
        "left": status.left,
    }
    accuracy = "" if known["accuracy"] is None else f"{known['accuracy']:.1%}"
    if status.test_accuracy is not None:
        accuracy += " test"
    epoch = "-" if status.epoch is None else str(status.epoch)
    return (
        run.experiment,
        str(run.seed),
        status.state,
        f"{epoch}/{run.epochs}",
        accuracy,
        "" if status.seconds is None else duration(status.seconds),
        "" if status.left is None else duration(status.left),
        str(status.missing) if status.missing and status.state == INCOMPLETE else "",
    )


COLUMNS = ("experiment", "seed", "state", "epoch", "accuracy", "per epoch", "left", "missing files")


def status_text(statuses: Iterable[RunStatus], files: dict[str, Sequence[Path]], results: Path) -> str:
    """Return a table of runs for a terminal, and below it how many are in each state.

    Of each group of `files` relative to `results`, e.g. the figures of a study, it says how many there are.
    """
    statuses = list(statuses)
    rows = [COLUMNS, *map(_row, statuses)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    states = [status.state for status in statuses]
    counts = [f"{states.count(state)} {state}" for state in dict.fromkeys(states)]
    lines += ["", f"{len(statuses)} runs: {', '.join(counts)}" if statuses else "no runs"]
    for group, paths in files.items():
        there = sum((results / path).is_file() for path in paths)
        lines.append(f"{group}: {there} of {len(paths)}" + ("" if there else ", none yet"))
    return "\n".join(lines)
