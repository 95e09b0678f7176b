"""Put the invariance of whole networks of all experiments into one table, over seeds."""

import argparse
from pathlib import Path

from anatomy.runtime.errors import run_program


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--tables", required=True, type=Path, nargs="+", help="network_invariance.csv of each experiment"
    )
    parser.add_argument("--output", required=True, type=Path, help="CSV to write")
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    # Importing them takes most of the time of --help.
    from anatomy.reporting.tables import read_table, write_table
    from anatomy.studies.invariance.tables import networks_table

    write_table(networks_table([read_table(path) for path in arguments.tables]), arguments.output)


if __name__ == "__main__":
    run_program(main)
