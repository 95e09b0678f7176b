"""Measure test accuracy with every convolution of a trained network reset, one layer at a time."""

import argparse
import csv
import io
import sys
from collections.abc import Iterator
from pathlib import Path

from hyperplanes.devices import claim_device
from hyperplanes.errors import InputError, run_program

COLUMNS = [
    "experiment",
    "seed",
    "layer",
    "name",
    "reset_to",
    "images",
    "trained_accuracy",
    "accuracy",
    "drop",
    "relative_drop",
]


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", required=True, type=Path, help="directory of a trained run")
    parser.add_argument("--dataset", required=True, type=Path, help="directory of its data set")
    parser.add_argument("--snapshots", type=Path, nargs="*", default=[], help="snapshots to reset to")
    parser.add_argument("--rand", action="store_true", help="also reset to fresh random weights")
    parser.add_argument("--output", required=True, type=Path, help="CSV to write")
    parser.add_argument("--batch-size", type=int, default=250, help="images evaluated at a time")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    parser.add_argument("--gpus", type=int, choices=(0, 1), default=0, help="1 to evaluate on a GPU")
    arguments = parser.parse_args()
    if not arguments.snapshots and not arguments.rand:
        parser.error("nothing to reset to; give --snapshots, --rand or both")
    return arguments


def measure(arguments: argparse.Namespace, device_name: str) -> None:
    import torch
    from safetensors.torch import load_file

    from hyperplanes.architectures import build_network
    from hyperplanes.augmentation import Normaliser
    from hyperplanes.datasets import read_dataset
    from hyperplanes.files import read_json, write_text
    from hyperplanes.folding import fold, foldable
    from hyperplanes.reinitialisation import count_correct, fresh_weights
    from hyperplanes.snapshots import load_snapshot
    from hyperplanes.streams import stream
    from hyperplanes.training import autocast, pixel_statistics

    torch.set_num_threads(arguments.threads)
    device = torch.device(device_name)
    facts = read_json(arguments.run / "run.json")
    settings, seed = facts["settings"], facts["seed"]
    dataset, description = read_dataset(arguments.dataset)
    if description["sha256"] != facts["dataset_sha256"]:
        raise InputError(f"{arguments.dataset} is not the data set that {arguments.run} was trained on")

    network = build_network(
        settings["architecture"],
        len(description["classes"]),
        dataset.image_shape[0],
        settings["width"],
        stream(seed, "initialisation"),
    )
    network.load_state_dict(load_file(arguments.run / "final.safetensors"))
    resets = {}
    for path in arguments.snapshots:
        snapshot = load_snapshot(path)
        resets[str(snapshot.origin["epoch"])] = {
            g.name: tuple(
                torch.from_numpy(snapshot.arrays[f"{g.name}.{part}"]) for part in ("weight", "bias")
            )
            for g in snapshot.layers
        }
    if arguments.rand:
        resets["random"] = fresh_weights(network, seed)
    if foldable(network, dataset.image_shape):
        fold(network)
    network.to(device, memory_format=torch.channels_last)

    normalise = Normaliser(*pixel_statistics(settings["pixels"], description), device)
    images = torch.from_numpy(dataset.test_images).to(device)
    labels = torch.from_numpy(dataset.test_labels).to(device)

    def batches() -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        done = 0
        for index in torch.arange(len(labels), device=device).split(arguments.batch_size):
            yield normalise(images[index]), labels[index]
            done += len(index)
            print(f"{done} of {len(labels)} images", file=sys.stderr, flush=True)

    with autocast(device, settings["precision"]):
        baseline, cells = count_correct(network, batches(), resets)

    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    trained = baseline / len(labels)
    for cell in cells:
        accuracy = cell.correct / len(labels)
        writer.writerow(
            {
                "experiment": facts["experiment"],
                "seed": seed,
                "layer": cell.layer,
                "name": cell.name,
                "reset_to": cell.reset_to,
                "images": len(labels),
                "trained_accuracy": trained,
                "accuracy": accuracy,
                "drop": trained - accuracy,
                "relative_drop": (trained - accuracy) / trained if trained else None,
            }
        )
    write_text(arguments.output, text.getvalue())


def main() -> None:
    arguments = parse_arguments()
    with claim_device(arguments.gpus) as device_name:
        measure(arguments, device_name)


if __name__ == "__main__":
    run_program(main)
