"""Write the tables of all experiments as one page for reading."""

import argparse
from pathlib import Path

from anatomy.runtime.errors import run_program
from anatomy.runtime.files import write_text
from anatomy.runtime.outputs import parsed


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accuracies", required=True, type=Path, help="accuracies.csv")
    parser.add_argument("--summaries", required=True, type=Path, nargs="*", help="n_l_summary.csv of each")
    parser.add_argument("--onsets", required=True, type=Path, nargs="*", help="bias_onset.csv of each")
    parser.add_argument(
        "--drops", required=True, type=Path, nargs="*", help="reinitialisation_summary.csv of each"
    )
    parser.add_argument("--criticality", required=True, type=Path, help="criticality.csv")
    parser.add_argument("--layers", required=True, type=Path, help="critical_layers.csv")
    parser.add_argument("--output", required=True, type=Path, help="HTML to write")
    return parsed(parser, "output")


def main() -> None:
    arguments = parse_arguments()
    # Importing them takes most of the time of --help.
    from anatomy.reporting.tables import read_table
    from anatomy.studies.arrangements.tables_page import tables_page

    lists = (arguments.summaries, arguments.onsets, arguments.drops)
    summaries, onsets, drops = ([read_table(path) for path in paths] for paths in lists)
    accuracies, criticality = read_table(arguments.accuracies), read_table(arguments.criticality)
    layers = read_table(arguments.layers)
    write_text(arguments.output, tables_page(accuracies, summaries, onsets, drops, criticality, layers))


if __name__ == "__main__":
    run_program(main)
