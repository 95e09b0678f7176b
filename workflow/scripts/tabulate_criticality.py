"""Compare the layers that are biased with those whose reset costs accuracy."""

import argparse
from pathlib import Path

from anatomy.runtime.errors import InputError, run_program
from anatomy.runtime.options import number


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n-l", required=True, type=Path, nargs="*", help="n_l.csv of each experiment")
    parser.add_argument(
        "--reinitialisation", required=True, type=Path, nargs="*", help="reinitialisation.csv of each"
    )
    parser.add_argument("--output", required=True, type=Path, help="CSV to write: every experiment")
    parser.add_argument("--layers", required=True, type=Path, help="CSV to write: every layer")
    parser.add_argument(
        "--critical-drop",
        required=True,
        type=number,
        help="relative drop in test accuracy above which a layer is called critical",
    )
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    # Importing them takes most of the time of --help.
    from anatomy.reporting.grids import read_grid
    from anatomy.reporting.tables import write_table
    from anatomy.studies.arrangements.grids import N_L, RESETS
    from anatomy.studies.arrangements.tables import criticality_tables

    n_l = [read_grid(path, N_L) for path in arguments.n_l]
    reinitialisation = [read_grid(path, RESETS) for path in arguments.reinitialisation]
    for option, frames in (("--n-l", n_l), ("--reinitialisation", reinitialisation)):
        names = [frame["experiment"].iloc[0] for frame in frames]
        if twice := [name for name in names if names.count(name) > 1]:
            raise InputError(f"{option}: two tables are of {twice[0]}; give each experiment once")
    measured = {frame["experiment"].iloc[0] for frame in n_l}
    for path, frame in zip(arguments.reinitialisation, reinitialisation, strict=True):
        if (experiment := frame["experiment"].iloc[0]) not in measured:
            raise InputError(f"{path} is of {experiment}, of which --n-l has no table; give its n_l.csv too")
    table, layers = criticality_tables(n_l, reinitialisation, arguments.critical_drop)
    write_table(table, arguments.output)
    write_table(layers, arguments.layers)


if __name__ == "__main__":
    run_program(main)
