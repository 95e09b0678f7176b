"""Programs that run out of room, memory or permission: one line, and the same bytes once there is enough."""

import errno
import os
import resource
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import power_cut
from fault_attempts import Outcome, Stage, limited, memory_now, run
from fault_records import Plan, Record, again, told

SIZES = "limit on the size of files (RLIMIT_FSIZE)"
FULL = "full disk (tmpfs)"
MEMORY = "limit on memory (RLIMIT_AS)"
READ_ONLY = "read-only folder"

MEBIBYTE, PAGE = 2**20, 4096
# Where there is no memory for a message: libraries and the kernel then end a process.
ENDED_BY_SYSTEM = (-signal.SIGABRT, -signal.SIGSEGV, -signal.SIGBUS, -signal.SIGTRAP)


def refused(outcome: Outcome, stage: Stage, where: str) -> list[str]:
    """Say what is wrong with how a program gave up; it may also have had enough."""
    problems = [f"{problem} {where}" for problem in stage.wrong()]
    if outcome.status in (0, *ENDED_BY_SYSTEM):
        return problems
    if outcome.status != 1:
        problems.append(f"exit status {outcome.status} {where}: {outcome.last_line}")
    if len(told(outcome)) != 1:
        problems.append(f"says {len(told(outcome))} lines {where}: {outcome.last_line}")
    return problems


def how(outcome: Outcome) -> str:
    """Say how a program took a limit."""
    if outcome.status in ENDED_BY_SYSTEM:
        return f"ended by {signal.Signals(-outcome.status).name}"
    return "refused in one line" if outcome.status else "had enough"


def file_sizes(stage: Stage) -> Iterator[Record]:
    """Let no file be as large as one that the program makes."""
    record = Record(SIZES, stage.job.rule)
    for size in sorted({0, *(len(content) - 1 for content in stage.reference.values() if content)}):
        stage.reset()
        outcome = run(stage.job, stage.folder, before=limited(resource.RLIMIT_FSIZE, size))
        problems = refused(outcome, stage, f"at {size} bytes")
        record.add(f"limit of {size} bytes", problems + again(stage), how(outcome))
    yield record


def memory(stage: Stage, plan: Plan) -> Iterator[Record]:
    """Let the program have little more memory than it has when it starts."""
    record = Record(MEMORY, stage.job.rule)
    for more in (4, 32) if plan.quick else (1, 8, 32, 128):
        stage.reset()
        limit = limited(resource.RLIMIT_AS, memory_now() + more * MEBIBYTE)
        outcome = run(stage.job, stage.folder, before=limit)
        problems = refused(outcome, stage, f"with {more} MiB more")
        record.add(f"{more} MiB more", problems + again(stage), how(outcome))
    yield record


def full_disks(stage: Stage, plan: Plan) -> Iterator[Record]:
    """Run the program on a disk that has room for a part of what it makes, and on one that is read-only."""
    full, read_only = Record(FULL, stage.job.rule), Record(READ_ONLY, stage.job.rule)
    needed = sum(_blocks(content) for content in stage.inputs.values())
    makes = sum(_blocks(content) for content in stage.reference.values())
    own = stage.folder
    with tempfile.TemporaryDirectory() as place:
        for fraction in (0.5,) if plan.quick else (0.2, 0.5, 0.9):
            size = needed + int(fraction * makes) // PAGE * PAGE
            # Of nothing a tmpfs takes as much as there is.
            with _mounted(Path(place), f"size={max(size, PAGE)}"):
                stage.folder = Path(place, "stage")
                stage.reset()
                outcome = run(stage.job, stage.folder)
                problems = refused(outcome, stage, "on a full disk")
                _mount(Path(place), f"remount,size={size + 64 * makes + 64 * MEBIBYTE}")
                full.add(f"{fraction:.0%} of the room", problems + again(stage), how(outcome))
        with _mounted(Path(place), "size=1g"):
            stage.folder = Path(place, "stage")
            stage.reset()
            _mount(Path(place), "remount,ro")
            outcome = run(stage.job, stage.folder)
            problems = refused(outcome, stage, "in a read-only folder")
            if outcome.status == 0:
                problems.append("does not fail")
            if os.strerror(errno.EROFS) not in outcome.said:
                problems.append(f"does not say so: {outcome.last_line}")
            _mount(Path(place), "remount,rw")
            read_only.add("read-only", problems + again(stage), how(outcome))
    stage.folder = own
    yield full
    yield read_only


def _blocks(content: bytes) -> int:
    """Return how much of a disk a file takes."""
    return -(-len(content) // PAGE) * PAGE


def _mount(place: Path, options: str) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", place], check=True)


@contextmanager
def _mounted(place: Path, options: str) -> Iterator[None]:
    """Mount a small file system in memory at a directory while the context lasts."""
    _mount(place, options)
    try:
        yield
    finally:
        subprocess.run(["umount", place], check=True)


def limits(stage: Stage, plan: Plan) -> Iterator[Record]:
    """Let the program run into each limit; disks can be full where file systems can be mounted."""
    yield from file_sizes(stage)
    yield from memory(stage, plan)
    if power_cut.can_mount():
        yield from full_disks(stage, plan)
