"""Compare the layers that are biased with those whose reset costs accuracy."""

import argparse
from pathlib import Path

from anatomy.runtime.errors import InputError, run_program
from anatomy.runtime.options import number
from anatomy.runtime.outputs import parsed


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
    return parsed(parser, "output", "layers")


def main() -> None:
    arguments = parse_arguments()
    # Importing them takes most of the time of --help.
    from anatomy.reporting.grids import read_experiments
    from anatomy.reporting.tables import write_table
    from anatomy.studies.arrangements.grids import N_L, RESETS
    from anatomy.studies.arrangements.tables import criticality_tables

    n_l = read_experiments(arguments.n_l, N_L)
    reinitialisation = read_experiments(arguments.reinitialisation, RESETS)
    measured = {frame["experiment"].iloc[0] for frame in n_l}
    for path, frame in zip(arguments.reinitialisation, reinitialisation, strict=True):
        if (experiment := frame["experiment"].iloc[0]) not in measured:
            raise InputError(f"{path} is of {experiment}, of which --n-l has no table; give its n_l.csv too")
    table, layers = criticality_tables(n_l, reinitialisation, arguments.critical_drop)
    write_table(table, arguments.output)
    write_table(layers, arguments.layers)


if __name__ == "__main__":
    run_program(main)
