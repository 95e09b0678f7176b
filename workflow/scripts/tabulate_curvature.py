"""Collect what was measured of the curvature of one experiment's runs into tidy tables."""

import argparse
from pathlib import Path

from anatomy.runtime.errors import run_program
from anatomy.runtime.outputs import parsed


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--measurements", required=True, type=Path, nargs="+", help="directory of each run, in their order"
    )
    parser.add_argument("--output", required=True, type=Path, help="directory to write the tables to")
    return parsed(parser, "output")


def main() -> None:
    arguments = parse_arguments()
    # Importing them takes most of the time of --help.
    from anatomy.reporting.tables import write_table
    from anatomy.studies.curvature.tables import TABLES, read_runs

    runs = read_runs(arguments.measurements)
    tables = {name: table(runs) for name, table in TABLES.items()}
    for name, table in tables.items():
        write_table(table, arguments.output / f"{name}.csv")


if __name__ == "__main__":
    run_program(main)
