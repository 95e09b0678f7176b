"""Evaluate a trained network, or the recalibrated points of a subspace, on the test images."""

import argparse
from pathlib import Path

from anatomy.runtime.devices import claim_device, set_up_torch
from anatomy.runtime.errors import run_program
from anatomy.runtime.imports import without_collection
from anatomy.runtime.options import add_schema, workers
from anatomy.runtime.outputs import parsed
from anatomy.runtime.schema import RUN, read_schema


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", required=True, type=Path, help="directory of a trained run")
    parser.add_argument("--dataset", required=True, type=Path, help="directory of its prepared data set")
    add_schema(parser, Path(__file__))
    parser.add_argument(
        "--points", type=Path, help="file of recalibrate_points.py, if a subspace was trained"
    )
    parser.add_argument("--gpus", type=int, choices=(0, 1), default=0, help="1 to evaluate on a GPU")
    parser.add_argument("--workers", type=workers, default=0, help="processes that read image files")
    parser.add_argument("--table", required=True, type=Path, help="CSV to write")
    parser.add_argument(
        "--predictions", required=True, type=Path, help="safetensors to write, of the network"
    )
    return parsed(parser, "table", "predictions")


def main() -> None:
    arguments = parse_arguments()
    schema = read_schema(arguments.schema)["$defs"][RUN]
    with claim_device(arguments.gpus) as device_name:
        with without_collection():
            from anatomy.runtime.files import write_csv
            from anatomy.studies.subspaces.of_run import EVALUATIONS, evaluate_run
            from anatomy.studies.subspaces.predictions_files import write_predictions
            from anatomy.training.trained import open_run

        run = open_run(arguments.run, arguments.dataset, schema, device_name, arguments.workers)
        set_up_torch(1, device_name, run.settings.precision)
        rows, network = evaluate_run(run, arguments.points)
        write_predictions(arguments.predictions, run.seed, network, run.task.test[1].cpu().numpy())
        write_csv(arguments.table, EVALUATIONS, rows)


if __name__ == "__main__":
    run_program(main)
