"""Collect how far apart the ends of the subspaces of one experiment are, as a whole and layer by layer."""

import argparse
from pathlib import Path

import pandas as pd

from anatomy.reporting.tables import read_table, write_table
from anatomy.runtime.errors import run_program
from anatomy.studies.subspaces.tables import geometry, layers


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ends", required=True, type=Path, nargs="+", help="CSV of each seed")
    parser.add_argument("--geometry", required=True, type=Path, help="CSV to write: of all convolutions")
    parser.add_argument("--layers", required=True, type=Path, help="CSV to write: layers.csv")
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    ends = pd.concat([read_table(path) for path in arguments.ends], ignore_index=True)
    write_table(geometry(ends), arguments.geometry)
    write_table(layers(ends), arguments.layers)


if __name__ == "__main__":
    run_program(main)
