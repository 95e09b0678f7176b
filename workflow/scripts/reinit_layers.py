"""Measure test accuracy with every convolution of a trained network reset, one layer at a time."""

import argparse
from functools import partial
from pathlib import Path

from hyperplanes.devices import claim_device, processor, set_up_torch
from hyperplanes.errors import run_program


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", required=True, type=Path, help="directory of a trained run")
    parser.add_argument("--dataset", required=True, type=Path, help="directory of its data set")
    parser.add_argument("--snapshots", type=Path, nargs="*", default=[], help="snapshots to reset to")
    parser.add_argument("--output", required=True, type=Path, help="CSV to write")
    parser.add_argument(
        "--rand",
        type=int,
        nargs="?",
        const=1,
        default=0,
        metavar="N",
        help="also reset to fresh random weights, in N independent draws; 1 if N is absent",
    )
    parser.add_argument("--with-linear", action="store_true", help="reset the linear layers as well")
    parser.add_argument("--batch-size", type=int, default=128, help="most images evaluated at a time")
    parser.add_argument(
        "--memory", type=int, metavar="MIB", help="bounds the activations; 512 on a CPU, 8192 on a GPU"
    )
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    parser.add_argument("--workers", type=int, default=0, help="processes that read image files")
    parser.add_argument("--gpus", type=int, choices=(0, 1), default=0, help="1 to evaluate on a GPU")
    arguments = parser.parse_args()
    if not arguments.snapshots and not arguments.rand:
        parser.error("nothing to reset to; give --snapshots, --rand or both")
    return arguments


def measure_run(arguments: argparse.Namespace, device_name: str) -> None:
    """Reset the layers of a run of the pipeline."""
    import torch

    from hyperplanes import reinitialisation, resume
    from hyperplanes.augmentation import Normaliser
    from hyperplanes.evaluation import autocast, pixel_statistics
    from hyperplanes.files import sha256_of
    from hyperplanes.loading import open_dataset, open_images
    from hyperplanes.records import Records, discard
    from hyperplanes.reset_weights import fold_all, trained_network, weights_of_run

    dataset, description = open_dataset(Path(arguments.dataset))
    network, facts = trained_network(arguments.run, description)
    settings, linear = facts["settings"], arguments.with_linear
    set_up_torch(arguments.threads, device_name, settings["precision"])
    device = torch.device(device_name)
    memory = arguments.memory or reinitialisation.MEMORY[device_name]
    resets = weights_of_run(network, facts, description, arguments.snapshots, arguments.rand, linear)
    resets = fold_all(network, resets, dataset.image_shape)
    network.to(device, memory_format=torch.channels_last)
    resetter = reinitialisation.Resetter(network, resets, dataset.image_shape, linear)

    size = resetter.batch_size(arguments.batch_size, memory)
    weights = [arguments.run / "final.safetensors", *arguments.snapshots]
    mark = resume.fingerprint(
        {
            "run": facts,
            "weights": [sha256_of(path) for path in weights],
            "resets": list(resets),
            "linear": linear,
            "data": description["sha256"],
            "code": resume.code_hash(),
            "torch": torch.__version__,
            "processor": processor(device_name),
            "threads": arguments.threads,
            "images at a time": [size, memory],
        }
    )
    # Snakemake deletes the output of a job that failed, and nothing else.
    folder = arguments.output.with_name(f".{arguments.output.stem}.progress")
    with resume.locked(folder, "evaluated"):
        records = Records(folder, mark)
        labels = torch.from_numpy(dataset.test_labels).to(device)
        normalise = Normaliser(*pixel_statistics(settings["pixels"], description), device)
        open_from = partial(open_images, dataset, "test", device, arguments.workers)
        batches = reinitialisation.remaining_batches(open_from, labels, normalise, records.images, size)
        with autocast(device, settings["precision"]):
            baseline, cells = reinitialisation.count_correct(resetter, batches, records, memory)
        rows = reinitialisation.reinit_rows(baseline, cells, len(labels), facts)
        reinitialisation.write_rows(arguments.output, rows)
        records.close()
    discard(folder)


def main() -> None:
    arguments = parse_arguments()
    with claim_device(arguments.gpus) as device_name:
        measure_run(arguments, device_name)


if __name__ == "__main__":
    run_program(main)
