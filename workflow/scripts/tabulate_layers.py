"""Collect n_l and drops of one experiment layer by layer, in the columns that all studies share."""

import argparse
from pathlib import Path

from anatomy.runtime.errors import InputError, run_program
from anatomy.runtime.outputs import parsed


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
    return parsed(parser, "output")


def main() -> None:
    arguments = parse_arguments()
    # Importing them takes most of the time of --help.
    from anatomy.reporting.grids import read_grid
    from anatomy.reporting.tables import write_table
    from anatomy.studies.arrangements.grids import N_L, RESETS
    from anatomy.studies.arrangements.tables import layers_table

    paths = {path.stem: path for path in arguments.tables}
    if "n_l" not in paths:
        raise InputError("--tables lacks n_l.csv")
    if len(paths) < len(arguments.tables):
        raise InputError("--tables has two of one name; expected those of one experiment")
    n_l, resets = read_grid(paths["n_l"], N_L), paths.get("reinitialisation")
    write_table(layers_table(n_l, resets and read_grid(resets, RESETS)), arguments.output)


if __name__ == "__main__":
    run_program(main)
