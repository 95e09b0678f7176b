"""Collect what was evaluated on corrupted images of the runs of one experiment."""

import argparse
from pathlib import Path

import pandas as pd

from anatomy.reporting.grids import read_distinct, run_of
from anatomy.reporting.tables import read_table, write_table
from anatomy.runtime.errors import run_program
from anatomy.runtime.outputs import parsed


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corruptions", required=True, type=Path, nargs="+", help="CSV of each seed")
    parser.add_argument("--table", required=True, type=Path, help="CSV to write")
    return parsed(parser, "table")


def main() -> None:
    arguments = parse_arguments()
    frames = list(read_distinct(arguments.corruptions, read_table, run_of))
    for frame in frames:
        # A table of others lacks one of them, and is named.
        frame[["experiment", "seed", "type", "severity"]]
    write_table(pd.concat(frames, ignore_index=True), arguments.table)


if __name__ == "__main__":
    run_program(main)
