"""Collect the reinitialisation results of one experiment over seeds."""

import argparse
from pathlib import Path

import pandas as pd

from anatomy.reporting.tables import mean_over_seeds, read_grid, write_table
from anatomy.runtime.errors import run_program
from anatomy.studies.arrangements.tables import RESET_GRID, mean_over_draws


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reinitialisation", required=True, type=Path, nargs="+", help="CSV of each seed")
    parser.add_argument("--table", required=True, type=Path, help="CSV to write: every seed")
    parser.add_argument("--summary", required=True, type=Path, help="CSV to write: over seeds")
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    parts = [read_grid(path, RESET_GRID, "kind") for path in arguments.reinitialisation]
    table = pd.concat(parts, ignore_index=True)
    write_table(table, arguments.table)
    drops = mean_over_draws(table)
    write_table(
        mean_over_seeds(drops, ["experiment", "layer", "name", "reset_to"], "drop"), arguments.summary
    )


if __name__ == "__main__":
    run_program(main)
