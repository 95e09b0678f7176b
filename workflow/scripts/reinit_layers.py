"""Measure test accuracy with every convolution of a trained network reset, one layer at a time.

A run of the pipeline is given as --run, --dataset DIRECTORY, --snapshots and --output; any checkpoint as
--arch, --dataset, --load-from and --inits-from, the options of the authors' program. Without --run, and
without --arch or --dataset, the choices of both are listed.
"""

import argparse
import logging
import sys
from functools import partial
from pathlib import Path

from hyperplanes.devices import claim_device, processor, set_up_torch
from hyperplanes.errors import InputError, run_program
from hyperplanes.importing import without_collection
from hyperplanes.options import factor, given, natural, positive, seed


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dataset", help="directory of a prepared data set, or a name (see --data-path)")
    parser.add_argument(
        "--rand",
        type=natural,
        nargs="?",
        const=1,
        default=0,
        metavar="N",
        help="also reset to fresh random weights, in N independent draws; 1 if N is absent",
    )
    parser.add_argument("--with-linear", action="store_true", help="reset the linear layers as well")
    parser.add_argument("--batch-size", type=positive, default=128, help="most images evaluated at a time")
    parser.add_argument(
        "--memory", type=positive, metavar="MIB", help="bounds the activations; 512 on a CPU, 8192 on a GPU"
    )
    parser.add_argument("--threads", type=positive, default=1, help="CPU threads")
    parser.add_argument("-j", "--workers", type=natural, default=1, help="processes that read image files")
    parser.add_argument("--gpus", type=int, choices=(0, 1), default=0, help="1 to evaluate on a GPU")
    parser.add_argument("--cuda", dest="gpus", action="store_const", const=1, help="the same as --gpus 1")

    run = parser.add_argument_group("a run of the pipeline")
    run.add_argument("--run", type=Path, help="directory of a trained run")
    run.add_argument("--snapshots", type=Path, nargs="*", default=[], help="snapshots to reset to")
    run.add_argument("--output", type=Path, help="CSV to write")

    other = parser.add_argument_group("any checkpoint")
    other.add_argument("--arch", help="architecture; absent, the choices are listed")
    other.add_argument("--width", type=factor, default=1.0, help="factor on its number of channels")
    other.add_argument("--load-from", type=Path, help="trained network: safetensors or a state dict")
    other.add_argument(
        "--inits-from", type=Path, help="text file with one checkpoint per line, to reset layers to"
    )
    other.add_argument("--data-path", type=Path, default=Path("data"), help="where the images of a name lie")
    upscaling = other.add_mutually_exclusive_group()
    upscaling.add_argument("--upscale", action="store_true", help="scale small images to 224 px")
    upscaling.add_argument(
        "--upscale-padding", action="store_true", help="scale small images to 112 px, black around them"
    )
    other.add_argument("--unnormalize", action="store_true", help="pixels in [0, 1], not standardised")
    other.add_argument(
        "--subsample-classes",
        type=natural,
        default=0,
        metavar="N",
        help="only images of N classes; 0 for all",
    )
    other.add_argument(
        "--class-sample-seed", type=seed, help="shuffle the classes before the first N are taken"
    )
    other.add_argument("--seed", type=seed, help="seed of --rand, 0 if absent; part of the JSON file")
    other.add_argument("--results", type=Path, default=Path("results"), help="folder of the JSON file")
    other.add_argument("--plots", type=Path, default=Path("plots"), help="folder of the heat map")
    other.add_argument("--log", type=Path, default=Path("reinit_weights.log"), help="log file to add to")
    arguments = parser.parse_args()
    if arguments.run:
        if not arguments.dataset or not arguments.output:
            parser.error("--run needs --dataset and --output")
        if not arguments.snapshots and not arguments.rand:
            parser.error("nothing to reset to; give --snapshots, --rand or both")
        if others := given(arguments, other):
            parser.error(f"--run excludes {', '.join(others)}")
    elif others := given(arguments, run):
        parser.error(f"--run is needed for {', '.join(others)}")
    elif arguments.arch and arguments.dataset and not arguments.load_from:
        parser.error("--load-from is needed; give the trained network")
    return arguments


def measure_run(arguments: argparse.Namespace, device_name: str) -> None:
    """Reset the layers of a run of the pipeline."""
    with without_collection():
        import torch

        from hyperplanes import reinitialisation, resume
        from hyperplanes.augmentation import Normaliser
        from hyperplanes.evaluation import autocast, pixel_statistics
        from hyperplanes.files import sha256_of, write_csv
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
        write_csv(arguments.output, reinitialisation.COLUMNS, rows)
        records.close()
    discard(folder)


def measure_checkpoint(arguments: argparse.Namespace, device_name: str) -> None:
    """Reset the layers of any checkpoint, as the authors' program does."""
    listing = not arguments.arch or not arguments.dataset
    if not listing and not arguments.load_from.is_file():
        raise InputError(f"--load-from {arguments.load_from} does not exist; give the trained network")
    with without_collection():
        from hyperplanes import authors_reinit

    if listing:
        print(authors_reinit.choices())
        return
    arguments.log.parent.mkdir(parents=True, exist_ok=True)
    handlers = [logging.StreamHandler(sys.stderr), logging.FileHandler(arguments.log)]
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", handlers=handlers)
    authors_reinit.measure(arguments, device_name)


def main() -> None:
    arguments = parse_arguments()
    measure = measure_run if arguments.run else measure_checkpoint
    with claim_device(arguments.gpus) as device_name:
        measure(arguments, device_name)


if __name__ == "__main__":
    run_program(main)
