"""Collect the final accuracies of all experiments."""

import argparse
from collections import Counter
from pathlib import Path

from anatomy.runtime.errors import InputError, run_program
from anatomy.runtime.outputs import parsed


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--training", required=True, type=Path, nargs="+", help="training.csv of each")
    parser.add_argument(
        "--final",
        required=True,
        type=Path,
        nargs="+",
        help="final.json of every run, EXPERIMENT/seed=SEED/final.json",
    )
    parser.add_argument("--output", required=True, type=Path, help="CSV to write")
    return parsed(parser, "output")


def main() -> None:
    arguments = parse_arguments()
    # Importing them takes most of the time of --help.
    from anatomy.reporting.grids import TRAINING, read_experiments
    from anatomy.reporting.tables import write_table
    from anatomy.training.tables import accuracy_table

    training = read_experiments(arguments.training, TRAINING)
    if twice := [path for path, count in Counter(arguments.final).items() if count > 1]:
        raise InputError(f"--final has {twice[0]} twice; give each run once")
    write_table(accuracy_table(training, arguments.final), arguments.output)


if __name__ == "__main__":
    run_program(main)
