"""Compare what two versions of the code make of the default configuration: weights, tables and figures.

Of two results directories: same_results.py BEFORE AFTER. Of a commit and this checkout: --commit COMMIT,
which runs the default configuration of both in clones of their own, with this environment; 15 minutes.

Weights are equal if every array has the same bits; tables if every value is, whatever a column or a key is
called; figures if their bytes are. Files and texts of BEFORE may have names that RENAMED and WORDS translate.
How many files have the very same bytes is told beside it. Results that only one side has are named. Exit
status 1 unless all that the first has is in the second, and equal.
"""

import argparse
import csv
import json
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from safetensors.numpy import load_file

from measure import ROOT

# What is compared, by the ends of file names; the working folders of runs hold the same files again.
COMPARED = {
    ".safetensors": "weights",
    ".csv": "tables",
    ".json": "tables",
    ".png": "figures",
    ".pdf": "figures",
}
LEFT_OUT = ("resume", "provenance.json", "run.json", "dataset.json", "data.safetensors")
# Wall times are never the same, and why a claim has its threshold is said in more words.
NOT_COMPARED = {"seconds", "gpu_seconds", "reason"}
# Claims that are judged by them.
TIMED = {"cost-of-one-network"}
# Values that have become one of several.
DIVIDED = {"not tested by this configuration": ("not tested", "inconclusive")}
# Columns that have another name now, where another column has got theirs.
COLUMNS = {"threshold": ("criterion",)}
# What paths, and texts in tables, were called before: regular expressions, and what replaces them.
RENAMED = {
    r"^tables/([^/]+)/(training(_summary)?\.csv)$": r"runs/\1/\2",
    r"^tables/(accuracies\.csv)$": r"\1",
    r"^tables/(claims\.csv)$": r"arrangements/\1",
    r"^(tables|figures|pretrained)/": r"arrangements/\1/",
    r"^(projections|reinit|reinitialisation)/": r"arrangements/measurements/\1/",
    r"\breinit(?=/)": "reinitialisation",
    r"\breinit(?=(_summary)?\.csv$)": "reinitialisation",
}
WORDS = {
    r"\bshare(s?)\b": r"fraction\1",
    r"\bShare(s?)\b": r"Fraction\1",
    r"\breinit\b": "reinitialisation",
    r"\b([Rr])e-initialis": r"\1einitialis",
}


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("results", nargs="*", type=Path, help="two results directories, before and after")
    parser.add_argument("--commit", help="compare this commit with the checkout as it is committed")
    arguments = parser.parse_args()
    if bool(arguments.commit) == bool(arguments.results) or len(arguments.results) not in (0, 2):
        parser.error("give either two results directories or --commit")
    return arguments


def results_in(folder: Path) -> dict[Path, Path]:
    """Return the files of a results directory that are compared, by their paths within it."""
    files = {path.relative_to(folder): path for path in sorted(folder.rglob("*")) if path.suffix in COMPARED}
    return {name: path for name, path in files.items() if not set(name.parts) & set(LEFT_OUT)}


def same_values(before: Path, after: Path) -> bool:
    """Tell whether two files hold the same values, whatever these are called."""
    match before.suffix:
        case ".safetensors":
            arrays, others = load_file(before), load_file(after)
            return arrays.keys() == others.keys() and all(
                (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())
                for one, other in ((arrays[name], others[name]) for name in arrays)
            )
        case ".csv":
            return _holds(_rows(after), _rows(before))
        case ".json":
            return _same_words(*(json.loads(path.read_text()) for path in (before, after)))
    return before.read_bytes() == after.read_bytes()


def renamed(text: str, table: Mapping[str, str]) -> str:
    """Return a path or a text with the names of today."""
    for pattern, replacement in table.items():
        text = re.sub(pattern, replacement, text)
    return text


def _same_words(before: Any, after: Any) -> bool:
    """Tell whether nested values are equal in their order, texts also in the words of today."""
    values, others = list(_leaves(before)), list(_leaves(after))
    return len(values) == len(others) and all(map(_same, values, others))


def _same(value: Any, other: Any) -> bool:
    if value == other:
        return True
    return isinstance(value, str) and other in (renamed(value, WORDS), *DIVIDED.get(value, ()))


def _rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of a table by the names of its columns, without those that are not compared."""
    with path.open(newline="", encoding="utf-8") as file:
        return [
            {name: value for name, value in row.items() if name not in NOT_COMPARED}
            for row in csv.DictReader(file)
            if row.get("id") not in TIMED
        ]


def _holds(after: list[dict[str, str]], before: list[dict[str, str]]) -> bool:
    """Tell whether a table has all rows of an earlier one, in their order; it may have more rows and columns.

    A column is found by its name, as it is or was, or by its position in a table with as many columns.
    """
    waiting = iter(after)
    for row in before:
        for other in waiting:
            names = {name: _name_in(other, name) for name in row}
            if None in names.values() and len(row) == len(other):
                names = dict(zip(row, other, strict=True))
            if None not in names.values() and all(_same(row[n], other[names[n]]) for n in row):
                break
        else:
            return False
    return True


def _name_in(row: Mapping[str, str], name: str) -> str | None:
    """Return what a column is called in a row of today; None if it is not there."""
    return next((own for own in (*COLUMNS.get(name, ()), name) if own in row), None)


def _leaves(content: Any) -> Iterator[Any]:
    """Yield the values inside nested containers in their order."""
    if isinstance(content, dict | list | tuple):
        for part in content.values() if isinstance(content, dict) else content:
            yield from _leaves(part)
    else:
        yield content


def compare(before: Path, after: Path) -> bool:
    """Print how the results of two directories compare; tell whether all of `before` is in `after`, equal."""
    new = results_in(after)
    old = {_path_in(new, name): path for name, path in results_in(before).items()}
    counts: Counter[tuple[str, str]] = Counter()
    right = bool(old)
    for name, path in old.items():
        if name not in new:
            verdict = "missing"
        elif path.read_bytes() == new[name].read_bytes():
            verdict = "same bytes"
        else:
            verdict = "same values" if same_values(path, new[name]) else "different"
        counts[COMPARED[path.suffix], verdict] += 1
        if verdict in ("missing", "different"):
            right = False
            print(f"{verdict}: {name}")
    for name in new.keys() - old.keys():
        print(f"new: {name}")
    for (files, verdict), count in sorted(counts.items()):
        print(f"{files}: {count} {verdict}")
    return right


def _path_in(new: Mapping[Path, Path], name: Path) -> Path:
    """Return where a file of before is found today: where it was, or where it is called to be."""
    today = Path(renamed(name.as_posix(), RENAMED))
    return today if name not in new and today in new else name


def made_by(commit: str, folder: Path) -> Path:
    """Run the default configuration of a commit in a clone below `folder`; return its results directory."""
    clone = folder / commit
    subprocess.run(["git", "clone", "--quiet", "--no-checkout", ROOT, clone], check=True)
    subprocess.run(["git", "checkout", "--quiet", "--detach", commit], cwd=clone, check=True)
    subprocess.run(["snakemake", "--cores", "all", "--quiet", "all"], cwd=clone, check=True)
    return clone / "results"


def main() -> None:
    arguments = parse_arguments()
    if arguments.results:
        sys.exit(not compare(*arguments.results))
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(not compare(*(made_by(commit, Path(folder)) for commit in (arguments.commit, "HEAD"))))


if __name__ == "__main__":
    main()
