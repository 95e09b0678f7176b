"""Measure the invariance to rotation of every unit of a trained run, and its scores on rotated images."""

import argparse
from pathlib import Path

from anatomy.runtime.devices import claim_device, set_up_torch
from anatomy.runtime.errors import InputError, run_program
from anatomy.runtime.imports import without_collection
from anatomy.runtime.options import add_schema, entry, threads, workers
from anatomy.runtime.outputs import parsed
from anatomy.runtime.schema import RUN, read_schemas
from anatomy.runtime.settings import Settings


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", required=True, type=Path, help="directory of a trained run")
    parser.add_argument("--dataset", required=True, type=Path, help="directory of its prepared data set")
    add_schema(parser, Path(__file__))
    parser.add_argument("--settings", type=entry, default={}, help="keys of `invariance`, as JSON")
    parser.add_argument("--threads", type=threads, default=1, help="CPU threads that compute")
    parser.add_argument("--workers", type=workers, default=0, help="processes that read image files")
    parser.add_argument("--gpus", type=int, choices=(0, 1), default=0, help="1 to measure on a GPU")
    parser.add_argument("--output", required=True, type=Path, help="safetensors file to write")
    return parsed(parser, "output")


def main() -> None:
    arguments = parse_arguments()
    schema = read_schemas(arguments.schema)["$defs"]
    study = schema["experiment"]["properties"].get("invariance")
    if study is None:
        raise InputError(f"{arguments.schema} has no invariance.schema.yaml beside it")
    settings = Settings(arguments.settings, study)
    with claim_device(arguments.gpus) as device:
        with without_collection():
            from anatomy.studies.invariance.run import measure_run
            from anatomy.training.trained import open_run

        run = open_run(arguments.run, arguments.dataset, schema[RUN], device, arguments.workers)
        set_up_torch(arguments.threads, device, run.settings.precision)
        measure_run(run, settings).write(arguments.output)


if __name__ == "__main__":
    run_program(main)
