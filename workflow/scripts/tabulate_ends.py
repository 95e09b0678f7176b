"""Collect how far apart the ends of the subspaces of one experiment are, as a whole and layer by layer."""

import argparse
from pathlib import Path

from anatomy.runtime.errors import run_program
from anatomy.runtime.outputs import parsed


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ends", required=True, type=Path, nargs="+", help="CSV of each seed")
    parser.add_argument("--geometry", required=True, type=Path, help="CSV to write: of all convolutions")
    parser.add_argument("--layers", required=True, type=Path, help="CSV to write: layers.csv")
    return parsed(parser, "geometry", "layers")


def main() -> None:
    arguments = parse_arguments()
    # Importing them takes most of the time of --help.
    import pandas as pd

    from anatomy.reporting.grids import read_distinct, run_of
    from anatomy.reporting.tables import read_table, write_table
    from anatomy.studies.subspaces.tables import geometry, layers

    ends = pd.concat(read_distinct(arguments.ends, read_table, run_of), ignore_index=True)
    whole, by_layer = geometry(ends), layers(ends)
    write_table(whole, arguments.geometry)
    write_table(by_layer, arguments.layers)


if __name__ == "__main__":
    run_program(main)
