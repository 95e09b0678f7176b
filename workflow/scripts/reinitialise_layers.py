"""Measure test accuracy with every convolution of a trained run reset, one layer at a time."""

import argparse
from pathlib import Path

from anatomy.runtime.devices import claim_device, set_up_torch
from anatomy.runtime.errors import run_program
from anatomy.runtime.imports import without_collection
from anatomy.runtime.options import add_schema
from anatomy.runtime.outputs import parsed
from anatomy.runtime.run_files import FINAL_NETWORK, read_facts
from anatomy.runtime.schema import RUN, read_schema
from anatomy.runtime.settings import Settings
from anatomy.studies.arrangements.reinitialisation.options import add_options
from anatomy.training.facts import code_sha256, require_unedited


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", required=True, type=Path, help="directory of a trained run")
    parser.add_argument("--dataset", required=True, type=Path, help="directory of its prepared data set")
    add_schema(parser, Path(__file__))
    parser.add_argument("--snapshots", type=Path, nargs="*", default=[], help="snapshots to reset to")
    add_options(parser)
    parser.add_argument("--gpus", type=int, choices=(0, 1), default=0, help="1 to evaluate on a GPU")
    parser.add_argument("--output", required=True, type=Path, help="CSV to write")
    arguments = parsed(parser, "output")
    if not arguments.snapshots and not arguments.rand:
        parser.error("nothing to reset to; give --snapshots, --rand or both")
    return arguments


def measure(arguments: argparse.Namespace, schema: dict, code: str, device_name: str) -> None:
    """Measure on a device with code that had the hash `code` before any of it was imported here."""
    with without_collection():
        from anatomy.runtime.files import sha256_of, write_csv
        from anatomy.studies.arrangements.reinitialisation.measure import COLUMNS, Effort, measured
        from anatomy.studies.arrangements.reinitialisation.weights import weights_of_run
        from anatomy.training.trained import open_run

    run = open_run(arguments.run, arguments.dataset, schema, device_name, arguments.workers)
    set_up_torch(arguments.threads, device_name, run.settings.precision)
    network, linear = run.network(), arguments.with_linear
    resets = weights_of_run(network, run, arguments.snapshots, arguments.rand, linear)
    weights = [arguments.run / FINAL_NETWORK, *arguments.snapshots]
    decisive = {
        "run": run.facts,
        "weights": [sha256_of(path) for path in weights],
        "code": code,
    }
    effort = Effort(arguments.threads, arguments.batch_size, arguments.memory)
    # Snakemake deletes the output of a job that failed, and nothing else.
    folder = arguments.output.with_name(f".{arguments.output.stem}.progress")
    with measured(network, resets, linear, run.task, effort, run.facts, decisive, folder) as (rows, _):
        require_unedited(code, Path(__file__), run.settings, f"{arguments.run} was measured")
        write_csv(arguments.output, COLUMNS, rows)


def main() -> None:
    arguments = parse_arguments()
    schema = read_schema(arguments.schema)["$defs"][RUN]
    code = code_sha256(Path(__file__), Settings(read_facts(arguments.run)["settings"], schema))
    with claim_device(arguments.gpus) as device_name:
        measure(arguments, schema, code, device_name)


if __name__ == "__main__":
    run_program(main)
