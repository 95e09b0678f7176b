"""The table of results: kept as JSON, shown as Markdown; a new row replaces its older self."""

import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from anatomy.runtime.files import read_json, write_json, write_text
from anatomy.runtime.processor import has_bfloat16_units, processor_lines
from measure import Row, number

INTRODUCTION = """\
# Benchmarks

What `make bench` measured: the project's own code against a plain reference, the same experiment written
the ordinary way ([benchmarks/reference.py](../benchmarks/reference.py)). Both take turns, in one
process or as one process after the other. A ratio is taken within each round; the table has the median,
and the smallest and largest. Times are CPU seconds unless it says wall time. Load is the load average of the
last minute at the beginning of the row's measurement, which adds to it what ran before.

"""
HEADER = ["what", "required", "measured", "range", "rounds", "reached", "threads", "load", "date", "machine"]


def conditions() -> dict[str, Any]:
    """What a result depends on besides the code: date, load, machine and versions."""
    names = (line.partition(":")[2].strip() for line in processor_lines() if line.startswith("model name"))
    processor = next(names, platform.processor() or platform.machine())
    units = "with" if has_bfloat16_units() else "without"
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "load": round(os.getloadavg()[0], 2),
        "machine": f"{os.cpu_count()} cores of {processor}, {units} bfloat16 units; "
        f"torch {version('torch')}, torchvision {version('torchvision')}, "
        f"Python {platform.python_version()}, {platform.system()}",
    }


def record(benchmark: str, row: Row, measured: dict[str, Any]) -> dict[str, Any]:
    """Return what is kept of a row."""
    return {**asdict(row), "benchmark": benchmark, "values": list(row.values), **measured}


def merge(
    old: Sequence[dict[str, Any]], new: Sequence[dict[str, Any]], order: Sequence[str]
) -> list[dict[str, Any]]:
    """Return all records, those of a benchmark that was measured again replaced, in the order of benchmarks.

    Records of a benchmark that is not in `order` are dropped.
    """
    again = {entry["benchmark"] for entry in new}
    kept = [entry for entry in old if entry["benchmark"] not in again]
    known = [entry for entry in [*kept, *new] if entry["benchmark"] in order]
    return sorted(known, key=lambda entry: order.index(entry["benchmark"]))


def _cells(entry: dict[str, Any], machines: Sequence[str]) -> list[str]:
    unit, values = entry["unit"], entry["values"]
    row = Row(**{key: entry[key] for key in Row.__dataclass_fields__})
    required = "" if row.direction is None else f"{row.direction} {number(row.limit, unit)}"
    measured, spread = "not measured", ""
    if values:
        measured = number(row.median, unit)
        spread = f"{number(min(values), '')} to {number(max(values), '')}" if len(values) > 1 else ""
    reached = {True: "yes", False: "**no**", None: ""}[row.reached]
    position = str(machines.index(entry["machine"]) + 1)
    rounds = str(len(values) or "")
    conditions = [str(entry["threads"]), f"{entry['load']:.1f}", entry["date"], position]
    return [row.what, required, measured, spread, rounds, reached, *conditions]


def markdown(records: Sequence[dict[str, Any]]) -> str:
    """Return the table, and under it the machines and the sizes of every row."""
    machines = list(dict.fromkeys(entry["machine"] for entry in records))
    rows = [HEADER, ["---"] * len(HEADER), *(_cells(entry, machines) for entry in records)]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    lines += ["", "Machines:", "", *(f"{index}. {machine}" for index, machine in enumerate(machines, 1))]
    lines += ["", "Sizes and absolute values:", ""]
    lines += [f"- {entry['what']}: {entry['details']}." for entry in records]
    return "\n".join(lines) + "\n"


def update(folder: Path, new: Sequence[dict[str, Any]], order: Sequence[str]) -> None:
    """Put new records into `benchmarks.json` in `folder`, and write `benchmarks.md` beside it."""
    path = folder / "benchmarks.json"
    records = merge(read_json(path) if path.is_file() else [], new, order)
    write_json(path, records)
    write_text(folder / "benchmarks.md", INTRODUCTION + markdown(records))
