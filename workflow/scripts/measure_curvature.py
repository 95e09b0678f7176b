"""Measure the curvature of a trained run: eigenpairs of the Hessian, layers, alignments, boundary."""

import argparse
from pathlib import Path

from anatomy.runtime.devices import claim_device, limit_numpy, set_up_torch
from anatomy.runtime.errors import run_program
from anatomy.runtime.files import atomic, read_json, write_json
from anatomy.runtime.imports import without_collection
from anatomy.runtime.options import add_schema, entry, threads
from anatomy.runtime.outputs import parsed
from anatomy.runtime.schema import RUN, read_schemas
from anatomy.runtime.settings import Settings


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", required=True, type=Path, help="directory of a trained run")
    parser.add_argument("--dataset", required=True, type=Path, help="directory of its prepared data set")
    parser.add_argument("--settings", type=entry, default={}, help="`curvature` of the experiment, as JSON")
    add_schema(parser, Path(__file__))
    parser.add_argument("--threads", type=threads, default=1, help="CPU threads")
    parser.add_argument("--gpus", type=int, choices=(0, 1), default=0, help="1 to measure on a GPU")
    parser.add_argument("--output", required=True, type=Path, help="directory to write to")
    return parsed(parser, "output")


def main() -> None:
    arguments = parse_arguments()
    schema = read_schemas(arguments.schema)["$defs"]
    own = Settings(arguments.settings, schema["experiment"]["properties"]["curvature"])
    limit_numpy(arguments.threads)
    with claim_device(arguments.gpus) as device:
        with without_collection():
            import numpy
            from safetensors.numpy import save_file

            from anatomy.studies.curvature.measure import measure_run
            from anatomy.training.trained import open_run

        set_up_torch(arguments.threads, device)
        run = open_run(arguments.run, arguments.dataset, schema[RUN], device)
        grid = read_json(arguments.dataset / "dataset.json").get("grid", ())
        measured = measure_run(run, own, grid)
    write_json(arguments.output / "curvature.json", measured.facts, None)
    with atomic(arguments.output / "eigenpairs.safetensors") as temporary:
        save_file(measured.pairs, temporary)
    with atomic(arguments.output / "arrays.npz") as temporary, open(temporary, "wb") as file:
        numpy.savez_compressed(file, **measured.arrays)


if __name__ == "__main__":
    run_program(main)
