"""Correlate over layers the bias of a layer with the drop in accuracy when it is reset."""

import argparse
from pathlib import Path

from hyperplanes.errors import run_program
from hyperplanes.tables import criticality_table, read_table, write_table


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n-l", required=True, type=Path, nargs="*", help="n_l.csv of each experiment")
    parser.add_argument("--reinit", required=True, type=Path, nargs="*", help="reinit.csv of each")
    parser.add_argument("--output", required=True, type=Path, help="CSV to write")
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    n_l, reinit = map(read_table, arguments.n_l), map(read_table, arguments.reinit)
    write_table(criticality_table(n_l, reinit), arguments.output)


if __name__ == "__main__":
    run_program(main)
