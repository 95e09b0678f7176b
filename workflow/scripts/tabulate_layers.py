"""Collect n_l and drops of one experiment layer by layer, in the columns that all studies share."""

import argparse
from pathlib import Path

from anatomy.runtime.errors import InputError, run_program


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
    # Importing them takes most of the time of --help.
    from anatomy.reporting.tables import read_table, write_table
    from anatomy.studies.arrangements.tables import layers_table

    tables = {path.stem: read_table(path) for path in arguments.tables}
    if "n_l" not in tables:
        raise InputError("--tables lacks n_l.csv")
    write_table(layers_table(tables["n_l"], tables.get("reinitialisation")), arguments.output)


if __name__ == "__main__":
    run_program(main)
