"""Collect n_l and drops of one experiment layer by layer, in the columns that all studies share."""

import argparse
from pathlib import Path

from anatomy.reporting.tables import read_grid, write_table
from anatomy.runtime.errors import InputError, run_program
from anatomy.studies.arrangements.tables import N_L_GRID, RESET_GRID, layers_table


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--tables",
        required=True,
        type=Path,
        nargs="+",
        help="n_l.csv of the experiment; reinitialisation.csv too, if it resets layers",
    )
    parser.add_argument("--output", required=True, type=Path, help="CSV to write: layers.csv")
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    paths = {path.stem: path for path in arguments.tables}
    if "n_l" not in paths:
        raise InputError("--tables lacks n_l.csv")
    n_l, drops = read_grid(paths["n_l"], N_L_GRID), None
    if "reinitialisation" in paths:
        drops = read_grid(paths["reinitialisation"], RESET_GRID, "kind")
    write_table(layers_table(n_l, drops), arguments.output)


if __name__ == "__main__":
    run_program(main)
