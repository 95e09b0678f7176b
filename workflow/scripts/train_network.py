"""Train one seed of one experiment and keep snapshots of its convolutions."""

import argparse
from pathlib import Path

from anatomy.runtime.devices import claim_device, set_up_torch
from anatomy.runtime.errors import InputError, run_program
from anatomy.runtime.imports import without_collection
from anatomy.runtime.options import add_save_every, add_schema, entry, seed, threads, workers
from anatomy.runtime.outputs import check_outputs
from anatomy.runtime.run_files import FINAL_NETWORK
from anatomy.runtime.schema import RUN, read_schema
from anatomy.runtime.settings import Settings
from anatomy.training.facts import code_sha256, facts_of, origin_of, require_unedited
from anatomy.training.refusals import refused_once


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--experiment", required=True, help="name of the experiment")
    parser.add_argument("--settings", required=True, type=entry, help="what differs from defaults, as JSON")
    add_schema(parser, Path(__file__))
    parser.add_argument("--dataset", required=True, type=Path, help="directory of a prepared data set")
    parser.add_argument("--seed", required=True, type=seed)
    parser.add_argument(
        "--start", type=Path, help="what `start` names: the directory of the other run, or the file"
    )
    parser.add_argument("--output", required=True, type=Path, help="run directory to write to")
    parser.add_argument("--threads", type=threads, default=1, help="CPU threads; decides the bits")
    parser.add_argument("--gpus", type=int, choices=(0, 1), default=0, help="1 to train on a GPU")
    parser.add_argument(
        "--workers",
        type=workers,
        default=0,
        help="processes that read image files; change nothing but the speed",
    )
    add_save_every(parser)
    return parser.parse_args()


def train(arguments: argparse.Namespace, settings: Settings, code: str, device_name: str) -> None:
    """Train on a device with code that had the hash `code` before any of it was imported here."""
    with without_collection():
        import torch

        from anatomy.data.dataset import open_dataset
        from anatomy.runtime import provenance
        from anatomy.runtime.locks import locked
        from anatomy.training import resume
        from anatomy.training.loop import train_run
        from anatomy.training.run import begin_run
        from anatomy.training.schedules import is_extendable
        from anatomy.training.start import start_of
        from anatomy.training.task import Task

    program, output = Path(__file__), arguments.output
    set_up_torch(arguments.threads, device_name, settings.precision)
    dataset, description = open_dataset(arguments.dataset)
    device = torch.device(device_name)
    task = Task(settings, dataset, description, arguments.seed, device, arguments.workers)
    begin = start_of(task, arguments.start)
    run = begin_run(task, begin)
    # Now and not only at the end, which may be hours away.
    require_unedited(code, program, settings, f"{output} was prepared")
    origin = origin_of(settings.architecture, description["name"], arguments.experiment, arguments.seed)
    facts = facts_of(origin, settings, description, code, device_name, arguments.threads)
    if begin.source:
        facts["start"] = {"sha256": begin.source["sha256"]}
    with locked(output):
        keep_state = settings.keep_state
        if keep_state and is_extendable(settings.schedule.kind):
            resume.extend(output / "resume", facts, run.kept_epochs)
        train_run(run, output / "resume", origin, facts, arguments.save_every, keep_state)
        provenance.write(output / "resume" / resume.PROVENANCE_FILE, device_name, run.gpu_seconds)
        resume.publish(output / "resume", output, program, settings)


def main() -> None:
    arguments = parse_arguments()
    settings = Settings(arguments.settings, read_schema(arguments.schema)["$defs"][RUN])
    settings.require("architecture", "epochs")
    if (settings.start is None) != (arguments.start is None):
        raise InputError("--start and the key `start` of the settings go together; give both or neither")
    output = arguments.output
    written = [("--output", output), ("--output", output / FINAL_NETWORK)]
    check_outputs(written, [arguments.start, arguments.dataset, arguments.schema])
    code = code_sha256(Path(__file__), settings)
    with refused_once(output), claim_device(arguments.gpus) as device_name:
        train(arguments, settings, code, device_name)


if __name__ == "__main__":
    run_program(main)
