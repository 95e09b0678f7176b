"""Put the invariance of whole networks of all experiments into one table, over seeds."""

import argparse
from pathlib import Path

from anatomy.runtime.errors import run_program
from anatomy.runtime.outputs import parsed


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--tables", required=True, type=Path, nargs="+", help="network_invariance.csv of each experiment"
    )
    parser.add_argument("--output", required=True, type=Path, help="CSV to write")
    return parsed(parser, "output")


def main() -> None:
    arguments = parse_arguments()
    # Importing them takes most of the time of --help.
    from anatomy.reporting.grids import read_experiments
    from anatomy.reporting.tables import write_table
    from anatomy.studies.invariance.grids import GRIDS
    from anatomy.studies.invariance.tables import networks_table

    tables = read_experiments(arguments.tables, GRIDS["network_invariance"])
    write_table(networks_table(tables), arguments.output)


if __name__ == "__main__":
    run_program(main)
