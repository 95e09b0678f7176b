"""Meet the programs of the pipeline, and the pipeline itself, with faults, and see what becomes of results.

Prints a table, and keeps it with --output. Exit status 1 if anything ended in other bytes than without a
fault, was measured of a damaged file in silence, or was refused without a line that says why.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import fault_sessions
import table
from anatomy.runtime.files import read_json, write_json, write_text
from fault_jobs import Job, jobs_by_hand, jobs_of
from fault_material import new_checkout, run_pipeline
from fault_program import FAULTS as OF_PROGRAMS
from fault_records import Plan, Record
from measure import ROOT

OF_PIPELINES = ("sessions", "pipelines", "verify", "power-cuts")
FAULTS = (*OF_PROGRAMS, *OF_PIPELINES)
HEADER = ("fault", "tried", "same bytes", "remarks")
# Of one kind of fault so many problems are listed.
LISTED = 20
# The program that saves its state after every step, and is killed at random moments, too.
TRAINER = "train_network_grey"
# Programs that take a second or more, after all imports, are killed at every so many operations.
SLOW = {"import_pretrained": 5, "render_explorer": 5, "tabulate_curvature": 7}
# Programs that write no results.
READERS = ("compare", "status", "verify")

INTRODUCTION = """\
# Faults

What `make faults` measured. A pipeline of all four studies runs at the smallest size; then each of its
programs, and the three with the options of the authors', is met with faults in a folder that has its inputs
alone, and so is the pipeline. After each the same command runs again, undisturbed. Counted are attempts after
which

- every result that was there was whole,
- who refused did so with one line, which names the file at fault, and exit status 1 (of a signal 128 + its
  number),
- nothing had been measured of damaged files,
- the same command again ended in the same bytes as without a fault, but for times of clocks (`seconds` in
  `history.csv`, all of `provenance.json`), and left nothing beside them.

[reruns.md](reruns.md) says how that is reached. `make faults ONLY=damage` tries a part, `QUICK=1` less of
everything. Remarks begin with the number of jobs that a row has met, each of another program or, of
trainings, another network: a row of fewer than there are was tried in part. "Not needed" are files without
which the results are the same. Of programs that take seconds every so many operations are tried, as it says.

"""


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=FAULTS, metavar="FAULT", default=list(FAULTS))
    parser.add_argument("--programs", nargs="+", metavar="RULE", help="rules whose programs are tried; all")
    parser.add_argument("--quick", action="store_true", help="every seventh operation, fewer of all else")
    parser.add_argument("--output", type=Path, help="directory in which the table is kept")
    parser.epilog = f"Faults: {', '.join(FAULTS)}."
    return parser.parse_args()


def representatives(jobs: Iterable[Job]) -> list[Job]:
    """Return one job of each program and set of options, and of each kind of network that is trained.

    Of programs that read no file of another they are all there.
    """
    found: dict[tuple, Job] = {}
    for job in jobs:
        kind = [word for word in job.arguments if word.startswith("--")] if job.inputs else job.arguments
        if job.name == "train_network":
            settings = json.loads(job.arguments[job.arguments.index("--settings") + 1])
            kind = [*kind, settings["architecture"]]
        found.setdefault((job.name, *kind), job)
    return list(found.values())


def of_program(job: Job, faults: Sequence[str], plan: Plan, work: Path) -> Iterator[Record]:
    """Yield what faults do to one program, in a process that imports the checkout's library."""
    paths = [str(Path(job.folder, "src")), str(ROOT / "benchmarks")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(ROOT / "benchmarks/fault_program.py")]
    command += ["--job", str(job.write(work / "job.json")), "--faults", *faults]
    command += ["--stride", str(plan.stride * SLOW.get(job.rule, 1))]
    command += ["--moments", str(plan.moments if job.rule == TRAINER else 0)]
    command += ["--signals", str(plan.signals), *(["--quick"] if plan.quick else [])]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    for line in done.stdout.splitlines():
        yield Record.of_line(line)
    if done.returncode:
        problem = f"{job.rule}: the campaign itself fails: {done.stderr.strip()[-2000:]}"
        yield Record("campaign", job.name, problems=[problem])


def of_programs(work: Path, checkout: Path, arguments: argparse.Namespace, plan: Plan) -> Iterator[Record]:
    """Yield what faults do to each program."""
    asked = [fault for fault in arguments.only if fault in OF_PROGRAMS]
    if not asked:
        return
    jobs = representatives(jobs_of(checkout)) + jobs_by_hand(checkout)
    scripts = {path.stem for path in (checkout / "workflow/scripts").rglob("*.py")}
    for name in sorted(scripts - {job.name for job in jobs} - {*READERS}):
        yield Record("programs", name, problems=[f"{name}.py is no job of the pipeline of fault_material.py"])
    for job in jobs:
        if job.rule == TRAINER:
            job = replace(job, arguments=[*job.arguments, "--save-every", "0"])
        if arguments.programs is None or job.rule in arguments.programs:
            began = time.monotonic()
            faults = [fault for fault in asked if fault != "random-kills" or job.rule == TRAINER]
            if faults:
                yield from of_program(job, faults, plan, work)
            print(f"{job.rule}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)


def of_pipelines(work: Path, checkout: Path, asked: Sequence[str], plan: Plan) -> Iterator[Record]:
    """Yield what faults do to the pipeline."""
    if {"sessions", "pipelines"} & {*asked}:
        part = fault_sessions.Checkout(checkout, work)
        if "sessions" in asked:
            yield from fault_sessions.killed_sessions(part, plan)
        if "pipelines" in asked:
            yield from fault_sessions.pipelines(part, plan)
    if "power-cuts" in asked:
        yield from fault_sessions.power_cuts(plan)


def campaign(arguments: argparse.Namespace) -> Iterator[Record]:
    """Yield what is found, fault by fault and program by program."""
    plan = Plan(stride=7, moments=10, signals=4, quick=True) if arguments.quick else Plan(moments=50)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        checkout = new_checkout(work / "checkout")
        if {*arguments.only} & {*OF_PROGRAMS, "verify"}:
            run_pipeline(checkout, work / "snakemake.log")
        # First, while there is nothing but what Snakemake has made.
        if "verify" in arguments.only:
            whole = shutil.copytree(checkout / "results", work / "whole")
            yield from fault_sessions.verified(checkout, whole, work / "snakemake.log")
        yield from of_programs(work, checkout, arguments, plan)
        yield from of_pipelines(work, checkout, arguments.only, plan)


def merged(old: Sequence[Record], new: Sequence[Record]) -> list[Record]:
    """Return all records, those of a fault and program that was tried again replaced, fault by fault."""
    again = {(record.fault, record.program) for record in new}
    both = [record for record in old if (record.fault, record.program) not in again] + [*new]
    order = list(dict.fromkeys(record.fault for record in both))
    return sorted(both, key=lambda record: order.index(record.fault))


def keep(folder: Path, new: Sequence[Record]) -> None:
    """Put new records into `faults.json` in a folder, and write `faults.md` beside it."""
    path = folder / "faults.json"
    old = [Record.of(content) for content in read_json(path)] if path.is_file() else []
    records = merged(old, new)
    write_json(path, [vars(record) for record in records])
    origins = dict.fromkeys(record.origin for record in records)
    page = [INTRODUCTION + markdown(added(records)), "Measured on", "", *(f"- {own}" for own in origins)]
    write_text(folder / "faults.md", "\n".join(page) + "\n")


def added(records: Iterable[Record]) -> list[Record]:
    """Return one record for each fault, in the order of their first ones."""
    sums: dict[str, Record] = {}
    programs: dict[str, set[str]] = {}
    for record in records:
        total = sums.setdefault(record.fault, Record(record.fault, record.program))
        programs.setdefault(record.fault, set()).add(record.program)
        total.tried += record.tried
        total.same += record.same
        total.notes += record.notes
        total.problems += record.problems
        if len(own := programs[record.fault]) > 1:
            total.program = f"{len(own)} jobs"
    return list(sums.values())


def markdown(records: Sequence[Record]) -> str:
    """Return the table, and under it what went wrong."""
    rows = [HEADER, ("---",) * len(HEADER)]
    for record in records:
        notes = [f"{note} {count}" if record.tried else note for note, count in record.notes.most_common()]
        notes.insert(0, record.program)
        same = str(record.same) if record.same == record.tried else f"**{record.same}**"
        rows.append((record.fault, str(record.tried), same if record.tried else "", ", ".join(notes)))
    lines = [f"| {' | '.join(row)} |" for row in rows]
    for record in records:
        if record.problems:
            lines += ["", f"{record.fault}:", "", *(f"- {line}" for line in record.problems[:LISTED])]
            if len(record.problems) > LISTED:
                lines.append(f"- and {len(record.problems) - LISTED} more")
    return "\n".join(lines) + "\n"


def origin() -> str:
    """Say when, on which machine and of which commit the table is."""
    command = ["git", "describe", "--always", "--dirty", "--exclude", "*"]
    commit = subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout.strip()
    conditions = table.conditions()
    return f"{conditions['date']}, commit {commit or 'unknown'}, {conditions['machine']}"


def main() -> None:
    arguments = parse_arguments()
    of = origin()
    records = []
    for record in campaign(arguments):
        records.append(replace(record, origin=of))
        for problem in record.problems:
            print(f"{record.fault}: {problem}", file=sys.stderr, flush=True)
        if arguments.output is not None:
            keep(arguments.output, records)
    print(markdown(added(records)))
    sys.exit(any(record.problems or record.same < record.tried for record in records))


if __name__ == "__main__":
    main()
