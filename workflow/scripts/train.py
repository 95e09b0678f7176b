"""Train one seed of one experiment and keep snapshots of its convolutions."""

import argparse
import json
from pathlib import Path

from hyperplanes.devices import claim_device, processor, set_up_torch
from hyperplanes.errors import run_program


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--experiment", required=True, help="name of the experiment")
    parser.add_argument("--settings", required=True, type=json.loads, help="its training settings, as JSON")
    parser.add_argument("--dataset", required=True, type=Path, help="directory of a prepared data set")
    parser.add_argument("--seed", required=True, type=int)
    parser.add_argument("--output", required=True, type=Path, help="run directory to write to")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads; decides the bits")
    parser.add_argument("--gpus", type=int, choices=(0, 1), default=0, help="1 to train on a GPU")
    parser.add_argument(
        "--workers", type=int, default=0, help="processes that read image files; change nothing but the speed"
    )
    parser.add_argument(
        "--save-every",
        type=float,
        default=60,
        metavar="SECONDS",
        help="how often to save what a stopped training needs to go on",
    )
    return parser.parse_args()


def train(arguments: argparse.Namespace, device_name: str) -> None:
    import torch

    from hyperplanes import provenance, resume
    from hyperplanes.loading import open_dataset
    from hyperplanes.training import Run, train_run

    set_up_torch(arguments.threads, device_name, arguments.settings["precision"])
    dataset, description = open_dataset(arguments.dataset)
    device = torch.device(device_name)
    run = Run(arguments.settings, dataset, description, arguments.seed, device, arguments.workers)
    origin = {
        "architecture": arguments.settings["architecture"],
        "dataset": description["name"],
        "experiment": arguments.experiment,
        "seed": arguments.seed,
    }
    facts = {
        **origin,
        "settings": arguments.settings,
        "dataset_sha256": description["sha256"],
        "code_sha256": resume.code_hash(),
        "torch": torch.__version__,
        "device": device_name,
        "processor": processor(device_name),
        "threads": arguments.threads,
    }
    folder = arguments.output / "resume"
    with resume.locked(arguments.output):
        train_run(run, folder, origin, facts, arguments.save_every)
        provenance.write(folder / resume.PROVENANCE_FILE, device_name, run.gpu_seconds)
        resume.publish(folder, arguments.output)


def main() -> None:
    arguments = parse_arguments()
    with claim_device(arguments.gpus) as device_name:
        train(arguments, device_name)


if __name__ == "__main__":
    run_program(main)
