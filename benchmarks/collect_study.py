r"""Keep what a run made of a study in a folder of docs/results: one file for each table, figures and claims.

    python benchmarks/collect_study.py --study curvature --results results/paper \
        --output docs/results/curvature

Each table has the rows of all experiments, with the experiment in its first column; `runs.csv` has of every
run its final losses and accuracies, the commit, the machine, and what training took.
"""

import argparse
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from anatomy.reporting.tables import write_table
from anatomy.runtime.errors import InputError, run_program
from anatomy.runtime.files import read_json
from collect import cost

# Larger ones are for the study's own figures, not to be read; nor are those without a row.
LARGEST_BYTES = 300_000


def files(folder: Path, pattern: str, names: Sequence[str] | None) -> list[Path]:
    """Return the files of a pattern with each name, or any, in place of {}; `InputError` if one has none."""
    if names is None:
        return sorted(folder.glob(pattern.format("*")))
    found = []
    for name in dict.fromkeys(names):
        own = sorted(folder.glob(pattern.format(name)))
        if not own:
            raise InputError(f"{folder / pattern.format(name)}: there is no such file; name what is there")
        found += own
    return found


def together(paths: Iterable[Path]) -> pd.DataFrame:
    """Return the rows of a table of several experiments, each after the experiment's name."""
    parts = [(path.parent.name, pd.read_csv(path)) for path in paths]
    named = [rows if "experiment" in rows else rows.assign(experiment=name) for name, rows in parts]
    rows = pd.concat(named, ignore_index=True)
    return rows[["experiment", *rows.columns.drop("experiment")]]


def runs(paths: Iterable[Path]) -> pd.DataFrame:
    """Return one row for each final.json: how the run ended, where and when it was made, what it took."""
    return pd.DataFrame([_run(path.parent) for path in paths])


def _run(run: Path) -> dict[str, Any]:
    made, final = read_json(run / "provenance.json"), read_json(run / "final.json")
    ends = {f"{part}_{name}": value for part, own in final.items() for name, value in (own or {}).items()}
    kept = {key: made[key] for key in ("finished", "commit", "processor", "peak_memory")}
    seed = int(run.name.removeprefix("seed="))
    return {"experiment": run.parent.name, "seed": seed, **ends, **kept, **cost(run / "train.tsv")}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--study", required=True, help="curvature, for example")
    parser.add_argument("--results", required=True, type=Path, help="folder that the pipeline has written")
    parser.add_argument("--output", required=True, type=Path, help="folder to keep it in")
    parser.add_argument(
        "--experiments", nargs="+", help="these alone, without the claims, which are judged on all"
    )
    parser.add_argument("--tables", nargs="+", help="these alone")
    parser.add_argument("--figures", nargs="+", help="these alone")
    arguments = parser.parse_args()
    study = arguments.results / arguments.study
    tables = files(study, "tables/{}/*.csv", arguments.experiments)
    names = {path.stem for path in tables}
    if unknown := sorted(set(arguments.tables or ()) - names):
        raise InputError(f"{study} has no table {unknown[0]}; name some of {', '.join(sorted(names))}")
    figures = files(study, "figures/{}.png", arguments.figures)
    ended = files(arguments.results, "runs/{}/*/final.json", arguments.experiments)
    if not tables:
        raise InputError(f"{study}/tables has no table; name results in which this study has been measured")
    arguments.output.mkdir(parents=True, exist_ok=True)
    for table in sorted(arguments.tables or names):
        rows = together(path for path in tables if path.stem == table)
        if not rows.empty and len(rows.to_csv(index=False)) <= LARGEST_BYTES:
            write_table(rows, arguments.output / f"{table}.csv")
    write_table(runs(ended), arguments.output / "runs.csv")
    claims = [] if arguments.experiments else [*study.glob("claims.csv")]
    for path in [*claims, *figures]:
        shutil.copyfile(path, arguments.output / path.name)


if __name__ == "__main__":
    run_program(main)
