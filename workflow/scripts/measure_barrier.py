"""Evaluate lines between networks of different seeds, as trained and with their units matched."""

import argparse
from pathlib import Path

from anatomy.runtime.devices import claim_device, set_up_torch
from anatomy.runtime.errors import run_program
from anatomy.runtime.imports import without_collection
from anatomy.runtime.options import add_schema, odd_points, workers
from anatomy.runtime.outputs import parsed
from anatomy.runtime.schema import RUN, read_schema
from anatomy.runtime.shapes import require_once


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--runs", required=True, type=Path, nargs="+", help="directories of runs: the first, and the others"
    )
    parser.add_argument("--dataset", required=True, type=Path, help="directory of their prepared data set")
    add_schema(parser, Path(__file__))
    parser.add_argument("--points", type=odd_points, default=11, help="points of each line, an odd number")
    parser.add_argument("--gpus", type=int, choices=(0, 1), default=0, help="1 to evaluate on a GPU")
    parser.add_argument("--workers", type=workers, default=0, help="processes that read image files")
    parser.add_argument("--output", required=True, type=Path, help="CSV to write")
    arguments = parsed(parser, "output")
    require_once([run.resolve() for run in arguments.runs], "--runs")
    return arguments


def main() -> None:
    arguments = parse_arguments()
    schema = read_schema(arguments.schema)["$defs"][RUN]
    with claim_device(arguments.gpus) as device_name:
        with without_collection():
            from anatomy.runtime.files import write_csv
            from anatomy.studies.subspaces.barrier import COLUMNS, rows_of_runs
            from anatomy.training.trained import open_run

        runs = [
            open_run(run, arguments.dataset, schema, device_name, arguments.workers) for run in arguments.runs
        ]
        set_up_torch(1, device_name, runs[0].settings.precision)
        write_csv(arguments.output, COLUMNS, rows_of_runs(runs, arguments.points))


if __name__ == "__main__":
    run_program(main)
