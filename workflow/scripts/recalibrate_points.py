"""Take batch normalisation's statistics at points of a trained subspace: a pass over its data for each."""

import argparse
from pathlib import Path

from anatomy.runtime.devices import claim_device, set_up_torch
from anatomy.runtime.errors import run_program
from anatomy.runtime.imports import without_collection
from anatomy.runtime.options import add_schema, fraction, natural, odd_points, workers
from anatomy.runtime.outputs import parsed
from anatomy.runtime.schema import RUN, read_schema
from anatomy.runtime.shapes import require_once


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", required=True, type=Path, help="directory of a trained run")
    parser.add_argument("--dataset", required=True, type=Path, help="directory of its prepared data set")
    add_schema(parser, Path(__file__))
    parser.add_argument(
        "--points", type=odd_points, default=21, help="points of a line or curve, an odd number"
    )
    parser.add_argument("--random-points", type=natural, default=5, help="random points of a simplex")
    parser.add_argument(
        "--average",
        type=natural,
        nargs="*",
        default=[],
        metavar="EPOCH",
        help="of a run that trains no subspace: its networks at these epochs are the corners of a simplex",
    )
    parser.add_argument(
        "--between",
        nargs="*",
        default=[],
        metavar="NAME",
        help="what else is evaluated between averaged networks: line, endpoints, layers, weights, swag",
    )
    parser.add_argument(
        "--endpoint", type=fraction, default=0.8, help="weight of one of them at its point of `endpoints`"
    )
    parser.add_argument(
        "--plane", type=natural, default=0, help="side of a grid in the plane of three corners; 0 for none"
    )
    parser.add_argument("--images", choices=("plain", "augmented"), default="plain", help="training images")
    parser.add_argument("--gpus", type=int, choices=(0, 1), default=0, help="1 to compute on a GPU")
    parser.add_argument("--workers", type=workers, default=0, help="processes that read image files")
    parser.add_argument("--output", required=True, type=Path, help="safetensors to write")
    arguments = parsed(parser, "output")
    require_once(arguments.average, "--average")
    return arguments


def main() -> None:
    arguments = parse_arguments()
    schema = read_schema(arguments.schema)["$defs"][RUN]
    with claim_device(arguments.gpus) as device_name:
        with without_collection():
            from anatomy.studies.subspaces.of_run import Asked, points_of_run, run_identity, subspace_of
            from anatomy.studies.subspaces.recalibration import recalibrated, training_batches, write_points
            from anatomy.training.evaluation import autocast
            from anatomy.training.trained import open_run

        run = open_run(arguments.run, arguments.dataset, schema, device_name, arguments.workers)
        set_up_torch(1, device_name, run.settings.precision)
        subspace = subspace_of(run, arguments.average)
        asked = Asked(**{name: getattr(arguments, name) for name in Asked.__annotations__})
        points = points_of_run(run, subspace, asked)
        with autocast(run.task.device, run.settings.precision):
            augmented = arguments.images == "augmented"
            statistics = recalibrated(subspace, points, lambda: training_batches(run.task, augmented))
        write_points(arguments.output, points, statistics, run_identity(run))


if __name__ == "__main__":
    run_program(main)
