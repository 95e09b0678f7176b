"""Faults of a whole pipeline: all its processes killed, two in one folder, every kind of file damaged."""

import itertools
import os
import random
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import power_cut
from anatomy.runtime.run_files import RUN_FILE
from fault_attempts import CLOCKS, is_same
from fault_damage import damage_file, damages, one_of_each_kind
from fault_jobs import environment, files_in
from fault_material import run_pipeline, snakemake
from fault_records import Plan, Record
from measure import ROOT

SESSIONS = "kill -9 of Snakemake and all its jobs at random moments"
PIPELINES = "two Snakemakes in one folder"
VERIFIED = "damaged results: found by `anatomy verify`, removed as it says, made again by Snakemake"
POWER = "power cut, during a pipeline and 0 to 30 s after (loop device)"

# From data to tables, in some seconds.
TARGETS = (
    "results/arrangements/tables/grey/n_l.csv",
    "results/arrangements/measurements/reinitialisation/grey/seed=0.csv",
)
# Sessions that a pipeline is tried to be ended with in a row.
ATTEMPTS = 3


def published(results: Path) -> list[str]:
    """Return the files of a results folder, without those that runs go on from."""
    return [name for name in files_in(results) if "resume" not in Path(name).parts]


def differences(results: Path, whole: Path, complete: bool = True) -> list[str]:
    """Say what is other in a results folder than in that of an undisturbed pipeline; missing, if complete."""
    found, expected = published(results), published(whole)
    problems = []
    for name in found:
        if name not in expected:
            problems.append(f"{name} is left")
        elif not is_same(name, (whole / name).read_bytes(), (results / name).read_bytes()):
            problems.append(f"{name} is not whole")
    if complete:
        problems += [f"{name} is missing" for name in expected if name not in found]
        problems += [f"{path.relative_to(results)} is left" for path in results.rglob(".*.tmp")]
    return problems


class Checkout:
    """A checkout in which a part of the pipeline runs, again and again from nothing."""

    def __init__(self, folder: Path, work: Path):
        self.folder, self.log, self.whole = folder, work / "snakemake.log", work / "part"
        self.clear()
        began = time.monotonic()
        run_pipeline(self.folder, self.log, *TARGETS)
        self.seconds = time.monotonic() - began
        shutil.copytree(self.results, self.whole)

    @property
    def results(self) -> Path:
        """What the pipeline writes."""
        return self.folder / "results"

    def clear(self) -> None:
        """Remove all results, and what Snakemake knows of them."""
        for path in (self.results, self.folder / ".snakemake"):
            shutil.rmtree(path, ignore_errors=True)

    def end(self) -> list[str]:
        """Call Snakemake again, unlocked; say what is wrong with the results then."""
        snakemake(self.folder, self.log, "--unlock", *TARGETS).wait()
        try:
            run_pipeline(self.folder, self.log, *TARGETS)
        except RuntimeError as error:
            return [str(error)[-2000:]]
        return differences(self.results, self.whole)


def killed_sessions(checkout: Checkout, plan: Plan) -> Iterator[Record]:
    """Kill Snakemake with all its processes, some times in a row; then let it end."""
    record, draw = Record(SESSIONS, "snakemake"), random.Random(0)
    total = ATTEMPTS if plan.quick else 3 * ATTEMPTS
    for first in range(0, total, ATTEMPTS):
        checkout.clear()
        for number in range(first, first + ATTEMPTS):
            snakemake(checkout.folder, checkout.log, "--unlock", *TARGETS).wait()
            session = snakemake(checkout.folder, checkout.log, *TARGETS, cores=2, start_new_session=True)
            time.sleep(2 + draw.random() * max(1.0, checkout.seconds - 2))
            os.killpg(session.pid, signal.SIGKILL)
            session.wait()
            problems = differences(checkout.results, checkout.whole, complete=False)
            last = number == first + ATTEMPTS - 1
            record.add(f"session {number}", problems + (checkout.end() if last else []))
    yield record


def pipelines(checkout: Checkout, plan: Plan) -> Iterator[Record]:
    """Start Snakemake twice in one folder, as it is and with both told to ignore its lock."""
    record = Record(PIPELINES, "snakemake")
    ways = [("with its lock", ()), ("with --nolock", ("--nolock",))]
    for name, options in ways if plan.quick else [*ways, ways[1]]:
        checkout.clear()
        logs = [checkout.log.with_suffix(f".{index}") for index in range(2)]
        both = []
        for log in logs:
            both.append(snakemake(checkout.folder, log, *TARGETS, *options))
            time.sleep(0.3)
        statuses = [process.wait() for process in both]
        problems = differences(checkout.results, checkout.whole, complete=False)
        if not options and sorted(map(bool, statuses)) != [False, True]:
            problems.append(f"both have exit statuses {statuses}, expected one to be refused")
        note = f"{name}: {statuses.count(0)} of 2 to the end"
        record.add(name, problems + checkout.end(), note)
    yield record


def verified(folder: Path, whole: Path, log: Path) -> Iterator[Record]:
    """Damage one file of each kind in the results of the whole pipeline, all at once."""
    record, draw = Record(VERIFIED, "anatomy verify"), random.Random(0)
    results = folder / "results"
    names = [name for name in published(whole) if Path(name).name not in (*CLOCKS, "README.md")]
    kinds = [name for name in one_of_each_kind(names) if (whole / name).stat().st_size]
    # In turn, so that one more run of the pipeline makes all again.
    done = dict(zip(kinds, itertools.cycle(("one bit", "cut off")), strict=False))
    for name, damage in done.items():
        damage_file(results / name, damages((whole / name).read_bytes(), draw)[damage])
    command = [sys.executable, folder / "workflow/scripts/verify.py", "results"]
    said = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True)
    named = re.findall(r"^rm -f (.*)$", said.stdout, re.M)
    removed = set(shlex.split(named[0])) if named else set()
    for name in removed:
        (folder / name).unlink(missing_ok=True)
    try:
        run_pipeline(folder, log)
        after = differences(results, whole)
    except RuntimeError as error:
        after = [str(error)[-2000:]]
    for name, damage in done.items():
        # What stands for a file is damaged as well, and found.
        path = Path("results", name)
        stand = {str(path), *(str(folder / RUN_FILE) for folder in path.parents[:2])}
        problems = [] if stand & removed else ["is not found"]
        if said.returncode != 1:
            problems.append(f"anatomy verify exits with {said.returncode}")
        problems += [problem for problem in after if problem.startswith(f"{name} ")]
        record.add(f"{name}, {damage}", problems)
    known = tuple(f"{name} " for name in done)
    record.problems += [problem for problem in after if not problem.startswith(known)]
    yield record


def power_cuts(plan: Plan) -> Iterator[Record]:
    """Cut the power of a disk while a pipeline runs on it, and after that."""
    record = Record(POWER, "snakemake")
    if not power_cut.can_mount():
        record.notes["skipped: needs root, mkfs.ext4 and loop devices"] += 1
        yield record
        return
    command = [sys.executable, ROOT / "benchmarks/power_cut.py", *(["--cuts", "2"] if plan.quick else [])]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    for line in done.stdout.splitlines()[:-1]:
        where, _, what = line.partition(": ")
        record.add(where, [] if what == "nothing is lost" else [what])
    if not record.tried:
        record.problems.append(f"power_cut.py fails: {done.stderr[-2000:]}")
    yield record
