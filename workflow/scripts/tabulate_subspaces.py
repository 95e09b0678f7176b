"""Collect what was evaluated of the runs of one experiment, and evaluate ensembles of its seeds."""

import argparse
from pathlib import Path

from anatomy.runtime.errors import run_program
from anatomy.runtime.outputs import parsed


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--evaluations", required=True, type=Path, nargs="+", help="CSV of each seed")
    parser.add_argument("--predictions", required=True, type=Path, nargs="+", help="safetensors of each seed")
    parser.add_argument("--table", required=True, type=Path, help="CSV to write: all evaluations")
    parser.add_argument("--summary", required=True, type=Path, help="CSV to write: means over seeds")
    parser.add_argument("--ensembles", required=True, type=Path, help="CSV to write: ensembles of seeds")
    parser.add_argument("--plane", required=True, type=Path, help="CSV to write: points of planes, if any")
    return parsed(parser, "table", "summary", "ensembles", "plane")


def main() -> None:
    arguments = parse_arguments()
    # Importing them takes most of the time of --help.
    from anatomy.reporting.grids import read_distinct, run_of
    from anatomy.reporting.tables import read_table, write_table
    from anatomy.studies.subspaces.predictions_files import read_predictions
    from anatomy.studies.subspaces.tables import TRAINED, ensembles, evaluations, plane, summary

    frames = list(read_distinct(arguments.evaluations, read_table, run_of))
    table = evaluations(frames)
    common = table.iloc[0][["experiment", *TRAINED]].to_dict()
    found, labels = read_predictions(arguments.predictions)
    means, of_seeds = summary(table), ensembles(common, found, labels)
    write_table(table, arguments.table)
    write_table(means, arguments.summary)
    write_table(of_seeds, arguments.ensembles)
    write_table(plane(frames), arguments.plane)


if __name__ == "__main__":
    run_program(main)
