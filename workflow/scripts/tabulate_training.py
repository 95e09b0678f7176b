"""Collect the training histories of one experiment over seeds."""

import argparse
from pathlib import Path

from anatomy.reporting.tables import write_table
from anatomy.runtime.errors import run_program
from anatomy.training.tables import training_summary, training_table


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--experiment", required=True)
    parser.add_argument("--seeds", required=True, type=int, nargs="+")
    parser.add_argument("--histories", required=True, type=Path, nargs="+", help="history.csv, by seed")
    parser.add_argument("--training", required=True, type=Path, help="CSV to write: every seed")
    parser.add_argument("--summary", required=True, type=Path, help="CSV to write: over seeds")
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    histories = dict(zip(arguments.seeds, arguments.histories, strict=True))
    training = training_table(arguments.experiment, histories)
    write_table(training, arguments.training)
    write_table(training_summary(training), arguments.summary)


if __name__ == "__main__":
    run_program(main)
