"""Clocks, programs as processes, and what a benchmark returns."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = ROOT / "workflow" / "scripts"


@dataclass(frozen=True)
class Options:
    """What the command line says: `rounds` None takes each benchmark's own number.

    `quick` takes the smallest sizes. `data` is a directory or archive of images, None the embedded ones.
    `device` is that of the rows about a GPU.
    """

    rounds: int | None = None
    quick: bool = False
    data: str | None = None
    device: str = "cuda"

    def rounds_of(self, default: int) -> int:
        """Number of rounds of a benchmark whose own number is `default`."""
        return self.rounds or (1 if self.quick else default)

    def size(self, full, quick):
        """Return `full`, or `quick` if that is asked for."""
        return quick if self.quick else full


@dataclass(frozen=True)
class Row:
    """One line of the table: a quantity, the bound that it must keep, and its value in every round.

    `direction` is "at least" or "at most", None if nothing is required. The median is judged. Without
    values `details` say why it was not measured.
    """

    name: str
    what: str
    values: Sequence[float]
    details: str
    direction: str | None = None
    limit: float | None = None
    unit: str = "x"
    threads: int = 1

    @property
    def median(self) -> float:
        """Median over the rounds."""
        return median(self.values)

    @property
    def reached(self) -> bool | None:
        """Whether the median keeps the bound; None without a bound or a value."""
        if self.direction is None or not self.values:
            return None
        return self.median >= self.limit if self.direction == "at least" else self.median <= self.limit


def interleaved(
    rounds: int,
    actions: Mapping[str, Callable[[], object]],
    clock: Callable[[], float] = time.process_time,
    repeats: Mapping[str, int] | None = None,
    warm_up: bool = True,
) -> dict[str, list[float]]:
    """Time every action once per round, one after the other; seconds by name, one value per round.

    An action of `repeats` runs that often in a row and its mean counts. `warm_up` runs each once before.
    """
    if warm_up:
        for action in actions.values():
            action()
    seconds: dict[str, list[float]] = {name: [] for name in actions}
    for _ in range(rounds):
        for name, action in actions.items():
            count = (repeats or {}).get(name, 1)
            start = clock()
            for _ in range(count):
                action()
            seconds[name].append((clock() - start) / count)
    return seconds


def ratios(numerator: Sequence[float], denominator: Sequence[float]) -> list[float]:
    """Return the ratio of each round."""
    return [a / b for a, b in zip(numerator, denominator, strict=True)]


def number(value: float, unit: str = "") -> str:
    """Return three digits or a whole number, and the unit, e.g. `1.52 x`."""
    return f"{value:,.0f} {unit}".strip() if abs(value) >= 1000 else f"{value:.3g} {unit}".strip()


def medians(seconds: Mapping[str, Sequence[float]], unit: str = "CPU s") -> str:
    """Return the median of each in words, e.g. `reference 4.89 CPU s, ours 3.18 CPU s`."""
    return ", ".join(f"{name} {number(median(values), unit)}" for name, values in seconds.items())


@dataclass(frozen=True)
class Usage:
    """What a process took: wall and CPU seconds, and its largest resident memory in bytes."""

    wall: float
    cpu: float
    peak: int


def run_program(*command: str | Path) -> Usage:
    """Run a Python program of the project to its end; RuntimeError with its output if it fails.

    The kernel counts the memory of the caller as the program's until that starts: call this from a
    process without large arrays.
    """
    paths = [str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    with tempfile.TemporaryFile() as output:
        start = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, *map(str, command)], stdout=output, stderr=subprocess.STDOUT, env=environment
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            text = output.read().decode(errors="replace")
            raise RuntimeError(f"{' '.join(map(str, command))} failed:\n{text}")
    # In kilobytes on Linux, in bytes on a Mac.
    peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return Usage(wall, usage.ru_utime + usage.ru_stime, peak)


def in_a_process(function: Callable, *arguments: object):
    """Return `function(*arguments)`, called in a new process that ends with it."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def side_by_side(commands: Sequence[Sequence[str | Path]], at_a_time: int) -> float:
    """Run programs, `at_a_time` of them together; return wall seconds until the last has ended."""
    start = time.perf_counter()
    with ThreadPoolExecutor(at_a_time) as pool:
        for finished in [pool.submit(run_program, *command) for command in commands]:
            finished.result()
    return time.perf_counter() - start
