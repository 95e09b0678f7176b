"""Run the experiments of a long configuration one after the other, beside other work, and keep each.

    python benchmarks/long_runs.py --list
    ANATOMY_DATA=<directory of archives> nohup python benchmarks/long_runs.py &

The next experiment that is missing in docs/results/real-images, in the order of the configuration's `only`,
is run in a worktree of git at a commit that has landed, so that other work goes on beside it. What has
finished is collected at once (benchmarks/collect.py), with figures and claims of all that is there so far.
Stopped and started again it goes on where it was: within a run by what the worktree has, between experiments
by what is collected.
"""

import argparse
import math
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import collect
from anatomy.configuration.files import read_configuration
from anatomy.configuration.resolve import Configuration
from anatomy.data.search_path import DATA_VARIABLE, search_path
from anatomy.runtime.environment import variable
from anatomy.runtime.errors import InputError, run_program
from anatomy.runtime.locks import locked

ROOT = collect.ROOT
CONFIGURATION = ROOT / "config" / "real-images.yaml"
OUTPUT = ROOT / "docs" / "results" / "real-images"
# CPU seconds of a step, and of resetting the layers of one run, on an Intel Xeon with AMX, 27 November 2026;
# of those in float32, noise and MNIST, on one at 2.5 GHz without.
EXPECTED = {
    "cifar10-step": (0.25, 150),
    "cifar10-step-full": (1.0, 600),
    "cifar10-smooth": (0.25, 150),
    "cifar10-noise": (0.04, 0),
    "cifar10-shuffle": (0.25, 0),
    "cifar10-unit": (0.25, 0),
    "mnist-smooth": (0.2, 0),
    "mnist-both": (0.2, 0),
}
# Below results, which git ignores: the worktree has no changes of its own.
LOG = Path("results", "long_runs.log")
IMAGES = {"CIFAR10": 50_000, "CIFAR100": 50_000, "MNIST": 60_000}


def expected_minutes(configuration: Configuration, experiment: str) -> float | None:
    """Return the CPU minutes that an experiment is expected to take, all seeds; None if it was not timed."""
    if experiment not in EXPECTED:
        return None
    settings, (step, resets) = configuration.experiments[experiment], EXPECTED[experiment]
    data = configuration.datasets[settings.dataset]
    images = (data.train or IMAGES[data.official]) * (1 - settings.validation_fraction)
    steps = settings.epochs * math.ceil(images / settings.batch_size)
    return len(settings.seeds) * (steps * step + resets) / 60


def taken_minutes(record: Mapping[str, Any]) -> float:
    """Return the CPU minutes that a collected experiment took."""
    parts = [own[part] for own in record["seeds"].values() for part in ("training", "reinitialisation")]
    return sum(part.get("cpu_seconds", 0.0) for part in parts) / 60


def listing(configuration: Configuration, output: Path) -> str:
    """Return one line for each experiment: seeds, epochs, CPU minutes, and whether it is collected."""
    records = collect.collected(configuration, output)
    lines = [f"{'experiment':<20} seeds epochs  CPU minutes  state"]
    for name, settings in configuration.experiments.items():
        minutes, state = expected_minutes(configuration, name), "missing"
        if name in records:
            commit = next(iter(records[name]["seeds"].values()))["made"]["commit"]
            minutes, state = taken_minutes(records[name]), f"collected, commit {(commit or 'unknown')[:7]}"
        said = "unknown" if minutes is None else f"{minutes:.0f}"
        lines.append(f"{name:<20} {len(settings.seeds):>5} {settings.epochs:>6} {said:>12}  {state}")
    return "\n".join(lines)


def prepare_worktree(folder: Path, commit: str | None) -> None:
    """Make a worktree of git at a commit that the branch main has; one that is there stays at its own."""
    if (folder / "Snakefile").is_file():
        return
    found = _git("rev-parse", "--verify", "--quiet", f"{commit or 'main'}^{{commit}}")
    if not found or _git("merge-base", "--is-ancestor", found, "main") is None:
        raise InputError(
            f"commit {commit or 'main'} has not landed: the branch main has none of that name; merge it first"
        )
    if _git("worktree", "add", "--detach", str(folder), found) is None:
        raise InputError(f"{folder}: git could not make a worktree there; name another --worktree")


def _git(*arguments: str) -> str | None:
    """Return what git prints in this checkout, None if it fails."""
    finished = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True)
    return finished.stdout.strip() if finished.returncode == 0 else None


def run(configuration: Configuration, overlays: list[Path], worktree: Path, experiment: str) -> int:
    """Run one experiment in the worktree up to its tables; return Snakemake's exit status."""
    results = Path(configuration.pathvars["results"])
    targets = [
        collect.place_of(results, experiment, table) for table in collect.tables_of(configuration, experiment)
    ]
    data = [str(path.resolve()) for path in [*search_path(variable("DATA")), ROOT / "data"]]
    environment = {**os.environ, DATA_VARIABLE: os.pathsep.join(dict.fromkeys(data))}
    files = [str(path.resolve().relative_to(ROOT)) for path in overlays]
    polite = ["nice", "-n", "10", "snakemake", "--cores", "3"]
    command = [*polite, "--configfile", *files, "--", *map(str, targets)]
    with open(worktree / LOG, "a", encoding="utf-8") as log:
        print(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {experiment}", file=log, flush=True)
        # What was killed has left Snakemake's lock; ours says that nobody else is there.
        for each in (["snakemake", "--unlock", "--configfile", *files], command):
            status = subprocess.run(each, cwd=worktree, env=environment, stdout=log, stderr=log).returncode
        print(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {experiment}: status {status}", file=log, flush=True)
    return status


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    collect.add_options(parser, CONFIGURATION, OUTPUT)
    parser.add_argument(
        "--list", action="store_true", help="say what is collected, and what the rest will take"
    )
    parser.add_argument("--only", nargs="+", help="of these experiments alone")
    parser.add_argument("--count", type=int, help="end after so many experiments")
    worktree = ROOT / "results" / "long-runs"
    parser.add_argument(
        "--worktree", type=Path, default=worktree, help="where to run; its log is results/long_runs.log"
    )
    parser.add_argument(
        "--commit", help="to run, if there is no worktree yet; that of the branch main if absent"
    )
    arguments = parser.parse_args()
    for path in arguments.configfile:
        if not path.resolve().is_relative_to(ROOT):
            raise InputError(
                f"--configfile {path}: the worktree has files of the project only; put it into config/"
            )
    configuration = read_configuration(ROOT, arguments.configfile)
    if arguments.list:
        print(listing(configuration, arguments.output))
        return
    wanted = arguments.only or list(configuration.experiments)
    if unknown := [name for name in wanted if name not in configuration.experiments]:
        allowed = ", ".join(configuration.experiments)
        raise InputError(f"--only: {unknown[0]} is not an experiment; allowed: {allowed}")
    records = collect.collected(configuration, arguments.output)
    missing = [name for name in wanted if name not in records][: arguments.count]
    worktree = arguments.worktree.resolve()
    prepare_worktree(worktree, arguments.commit)
    there = read_configuration(
        worktree, [worktree / path.resolve().relative_to(ROOT) for path in arguments.configfile]
    )
    with locked(worktree / "results", "used for long runs"):
        for name in missing:
            here = collect.asked(configuration, name)
            if name not in there.experiments or collect.asked(there, name) != here:
                raise InputError(
                    f"{name} has other settings in {worktree} than here; remove that worktree (git worktree "
                    "remove), so that it is made again"
                )
            print(f"{name}: running in {worktree}", file=sys.stderr, flush=True)
            if status := run(there, arguments.configfile, worktree, name):
                raise InputError(f"{name}: Snakemake ended with {status}; see {worktree / LOG}")
            results = worktree / there.pathvars["results"]
            collect.collect(configuration, results, name, arguments.output)
            collect.redraw(configuration, arguments.configfile, arguments.output)
            collect.write_page(configuration, arguments.configfile, arguments.output)
    print(listing(configuration, arguments.output))


if __name__ == "__main__":
    run_program(main)
