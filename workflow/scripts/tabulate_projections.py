"""Collect n_l of one experiment over seeds, epochs and layers, and the cosines of its filters."""

import argparse
from pathlib import Path

from anatomy.runtime.errors import run_program
from anatomy.runtime.outputs import parsed


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--projections", required=True, type=Path, nargs="+", help="all JSON files")
    parser.add_argument("--cosines-of", required=True, type=Path, nargs="+", help="files to list filters of")
    parser.add_argument("--n-l", required=True, type=Path, help="CSV to write: n_l of every seed")
    parser.add_argument("--summary", required=True, type=Path, help="CSV to write: over seeds")
    parser.add_argument("--onset", required=True, type=Path, help="CSV to write: since when biased")
    parser.add_argument("--cosines", required=True, type=Path, help="CSV to write: one row per filter")
    parser.add_argument("--histograms", required=True, type=Path, help="CSV to write: cosines in bins")
    return parsed(parser, "n_l", "summary", "onset", "cosines", "histograms")


def main() -> None:
    arguments = parse_arguments()
    # Importing them takes most of the time of --help.
    from anatomy.reporting.tables import write_table
    from anatomy.studies.arrangements.histograms import histogram_table
    from anatomy.studies.arrangements.projections_files import read_all
    from anatomy.studies.arrangements.tables import cosine_table, n_l_summary, n_l_table, onset_table

    projections = list(read_all(arguments.projections))
    n_l = n_l_table(projections)
    summary = n_l_summary(n_l)
    tables = {
        arguments.n_l: n_l,
        arguments.summary: summary,
        arguments.onset: onset_table(summary),
        arguments.cosines: cosine_table(read_all(arguments.cosines_of)),
        arguments.histograms: histogram_table(projections),
    }
    for path, table in tables.items():
        write_table(table, path)


if __name__ == "__main__":
    run_program(main)
