"""Collect the reinitialisation results of one experiment over seeds."""

import argparse
from pathlib import Path

from anatomy.runtime.errors import run_program
from anatomy.runtime.outputs import parsed


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reinitialisation", required=True, type=Path, nargs="+", help="CSV of each seed")
    parser.add_argument("--table", required=True, type=Path, help="CSV to write: every seed")
    parser.add_argument("--summary", required=True, type=Path, help="CSV to write: over seeds")
    return parsed(parser, "table", "summary")


def main() -> None:
    arguments = parse_arguments()
    # Importing them takes most of the time of --help.
    import pandas as pd

    from anatomy.reporting.grids import read_distinct, read_grid, require_grid, run_of
    from anatomy.reporting.tables import mean_over_seeds, write_table
    from anatomy.studies.arrangements.grids import RESETS
    from anatomy.studies.arrangements.tables import mean_over_draws

    seeds = read_distinct(arguments.reinitialisation, lambda path: read_grid(path, RESETS), run_of)
    table = pd.concat(seeds, ignore_index=True)
    require_grid(table, RESETS, "--reinitialisation")
    drops = mean_over_seeds(mean_over_draws(table), ["experiment", "layer", "name", "reset_to"], "drop")
    write_table(table, arguments.table)
    write_table(drops, arguments.summary)


if __name__ == "__main__":
    run_program(main)
