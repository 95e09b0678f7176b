"""Measure test accuracy with every convolution of a trained network reset, one layer at a time."""

import argparse
import csv
import io
from pathlib import Path

from hyperplanes.devices import claim_device, set_up_torch
from hyperplanes.errors import InputError, run_program


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", required=True, type=Path, help="directory of a trained run")
    parser.add_argument("--dataset", required=True, type=Path, help="directory of its data set")
    parser.add_argument("--snapshots", type=Path, nargs="*", default=[], help="snapshots to reset to")
    parser.add_argument("--rand", action="store_true", help="also reset to fresh random weights")
    parser.add_argument("--output", required=True, type=Path, help="CSV to write")
    parser.add_argument("--batch-size", type=int, default=250, help="most images evaluated at a time")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    parser.add_argument("--workers", type=int, default=0, help="processes that read image files")
    parser.add_argument("--gpus", type=int, choices=(0, 1), default=0, help="1 to evaluate on a GPU")
    arguments = parser.parse_args()
    if not arguments.snapshots and not arguments.rand:
        parser.error("nothing to reset to; give --snapshots, --rand or both")
    return arguments


def measure(arguments: argparse.Namespace, device_name: str) -> None:
    import torch

    from hyperplanes import reinitialisation
    from hyperplanes.augmentation import Normaliser
    from hyperplanes.evaluation import autocast, pixel_statistics
    from hyperplanes.files import write_text
    from hyperplanes.folding import fold, foldable
    from hyperplanes.loading import evaluation_batch, open_dataset, open_images
    from hyperplanes.progress import progress
    from hyperplanes.snapshots import load_snapshot

    set_up_torch(arguments.threads, device_name)
    device = torch.device(device_name)
    dataset, description = open_dataset(arguments.dataset)
    network, facts = reinitialisation.trained_network(
        arguments.run, len(description["classes"]), dataset.image_shape[0]
    )
    if description["sha256"] != facts["dataset_sha256"]:
        raise InputError(f"{arguments.dataset} is not the data set that {arguments.run} was trained on")

    snapshots = map(load_snapshot, arguments.snapshots)
    resets = {str(s.origin["epoch"]): reinitialisation.snapshot_weights(s) for s in snapshots}
    settings = facts["settings"]
    if arguments.rand:
        resets["random"] = reinitialisation.fresh_weights(network, settings, facts["seed"])
    if foldable(network, dataset.image_shape):
        fold(network)
    network.to(device, memory_format=torch.channels_last)

    normalise = Normaliser(*pixel_statistics(settings["pixels"], description), device)
    size = evaluation_batch(dataset.image_shape, arguments.batch_size)
    images = open_images(dataset, "test", device, arguments.workers).plain(size)
    labels = progress(torch.from_numpy(dataset.test_labels).to(device).split(size), "batches of test images")
    batches = ((normalise(batch), target) for target, batch in zip(labels, images, strict=True))
    with autocast(device, settings["precision"]):
        baseline, cells = reinitialisation.count_correct(network, batches, resets)

    text = io.StringIO()
    writer = csv.DictWriter(text, reinitialisation.COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(reinitialisation.reinit_rows(baseline, cells, len(dataset.test_labels), facts))
    write_text(arguments.output, text.getvalue())


def main() -> None:
    arguments = parse_arguments()
    with claim_device(arguments.gpus) as device_name:
        measure(arguments, device_name)


if __name__ == "__main__":
    run_program(main)
