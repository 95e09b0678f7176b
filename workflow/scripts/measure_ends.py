"""Measure how far apart the ends of a subspace are in every snapshot of its run, layer by layer."""

import argparse
from pathlib import Path

from anatomy.runtime.errors import run_program
from anatomy.runtime.files import write_csv
from anatomy.runtime.outputs import parsed


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--snapshots", required=True, type=Path, nargs="+", help="safetensors of a training")
    parser.add_argument(
        "--kind", required=True, choices=("line", "bezier", "simplex"), help="of the subspace"
    )
    parser.add_argument("--output", required=True, type=Path, help="CSV to write")
    return parsed(parser, "output")


def main() -> None:
    arguments = parse_arguments()
    # Importing numpy takes most of the time of --help.
    from anatomy.studies.subspaces.geometry import COLUMNS, rows_of_snapshot

    curve = arguments.kind == "bezier"
    rows = [row for path in arguments.snapshots for row in rows_of_snapshot(path, curve)]
    write_csv(arguments.output, COLUMNS, rows)


if __name__ == "__main__":
    run_program(main)
