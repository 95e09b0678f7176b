"""Evaluate a trained network, or two points of a line together, on corrupted test images."""

import argparse
from pathlib import Path

from anatomy.runtime.devices import claim_device, set_up_torch
from anatomy.runtime.errors import run_program
from anatomy.runtime.imports import without_collection
from anatomy.runtime.options import add_schema, natural, workers
from anatomy.runtime.outputs import parsed
from anatomy.runtime.schema import RUN, read_schema


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", required=True, type=Path, help="directory of a trained run")
    parser.add_argument("--dataset", required=True, type=Path, help="directory of its prepared data set")
    add_schema(parser, Path(__file__))
    parser.add_argument("--points", type=Path, help="file of recalibrate_points.py, of a subspace")
    parser.add_argument(
        "--path", required=True, help="folder of the corrupted images, found as the paths of data sets"
    )
    parser.add_argument("--types", required=True, nargs="+", help="folders of corruptions in it")
    parser.add_argument("--severities", type=natural, nargs="+", default=[1, 2, 3, 4, 5], help="in these")
    parser.add_argument("--gpus", type=int, choices=(0, 1), default=0, help="1 to evaluate on a GPU")
    parser.add_argument("--workers", type=workers, default=0, help="processes that read image files")
    parser.add_argument("--output", required=True, type=Path, help="CSV to write")
    return parsed(parser, "output")


def main() -> None:
    arguments = parse_arguments()
    schema = read_schema(arguments.schema)["$defs"][RUN]
    with claim_device(arguments.gpus) as device_name:
        with without_collection():
            from anatomy.data.search_path import locate
            from anatomy.runtime.files import write_csv
            from anatomy.studies.subspaces.corruptions import COLUMNS, rows_of_corruptions
            from anatomy.training.trained import open_run

        root = locate(arguments.path, "of --path", what="the folder")
        run = open_run(arguments.run, arguments.dataset, schema, device_name, arguments.workers)
        set_up_torch(1, device_name, run.settings.precision)
        rows = rows_of_corruptions(run, arguments.points, root, arguments.types, arguments.severities)
        write_csv(arguments.output, COLUMNS, rows)


if __name__ == "__main__":
    run_program(main)
