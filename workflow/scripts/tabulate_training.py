"""Collect the training histories of one experiment over seeds."""

import argparse
from pathlib import Path

from anatomy.runtime.errors import InputError, run_program
from anatomy.runtime.outputs import parsed


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--experiment", required=True)
    parser.add_argument("--seeds", required=True, type=int, nargs="+")
    parser.add_argument("--histories", required=True, type=Path, nargs="+", help="history.csv, by seed")
    parser.add_argument("--training", required=True, type=Path, help="CSV to write: every seed")
    parser.add_argument("--summary", required=True, type=Path, help="CSV to write: over seeds")
    return parsed(parser, "training", "summary")


def main() -> None:
    arguments = parse_arguments()
    # Importing them takes most of the time of --help.
    from anatomy.reporting.grids import TRAINING, require_grid
    from anatomy.reporting.tables import write_table
    from anatomy.training.tables import training_summary, training_table

    if len(arguments.seeds) != len(arguments.histories):
        raise InputError(f"{len(arguments.histories)} --histories for {len(arguments.seeds)} --seeds")
    if len({*arguments.seeds}) < len(arguments.seeds) or len({*arguments.histories}) < len(arguments.seeds):
        raise InputError("--seeds or --histories have one twice; give each run once")
    histories = dict(zip(arguments.seeds, arguments.histories, strict=True))
    training = training_table(arguments.experiment, histories)
    for seed, path in histories.items():
        require_grid(training[training["seed"] == seed], TRAINING, path)
    summary = training_summary(training)
    write_table(training, arguments.training)
    write_table(summary, arguments.summary)


if __name__ == "__main__":
    run_program(main)
