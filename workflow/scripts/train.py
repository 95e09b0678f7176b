"""Train one seed of one experiment and keep snapshots of its convolutions.

With --settings as the rules of the pipeline call it; otherwise with the options of the authors' train.py.
"""

import argparse
import json
import os
import sys
from contextlib import redirect_stderr
from pathlib import Path

from hyperplanes.devices import claim_device, processor, set_up_torch
from hyperplanes.errors import run_program
from hyperplanes.importing import without_collection
from hyperplanes.options import natural, positive, seed

PIPELINE_OPTIONS = ("--settings", "--experiment", "--output")


def pipeline_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--experiment", required=True, help="name of the experiment")
    parser.add_argument("--settings", required=True, type=json.loads, help="its training settings, as JSON")
    parser.add_argument("--dataset", required=True, type=Path, help="directory of a prepared data set")
    parser.add_argument("--seed", required=True, type=seed)
    parser.add_argument("--output", required=True, type=Path, help="run directory to write to")
    parser.add_argument("--threads", type=positive, default=1, help="CPU threads; decides the bits")
    parser.add_argument("--gpus", type=int, choices=(0, 1), default=0, help="1 to train on a GPU")
    parser.add_argument(
        "--workers",
        type=natural,
        default=0,
        help="processes that read image files; change nothing but the speed",
    )
    add_save_every(parser)
    return parser


def add_save_every(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--save-every",
        type=float,
        default=60,
        metavar="SECONDS",
        help="how often to save what a stopped training needs to go on",
    )


def options_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Train a network and keep snapshots of its convolutions.",
        epilog="Called with --settings, as by the rules of the pipeline, it has other options: "
        "train.py --settings '{}' --help lists them.",
    )
    add = parser.add_argument
    add("--arch", help="network; without it the known names are printed")
    add("--dataset", help="name, or directory of a prepared data set; without it the names are printed")
    add("--data-path", type=Path, default=Path("./data"), help="directory of the official files")
    add("--subsample-classes", type=natural, default=0, metavar="N", help="keep N classes; 0 for all")
    add("--class-sample-seed", type=seed, metavar="SEED", help="draw them; without it the first N are kept")
    add("--noise", type=float, default=0.0, metavar="R", help="share of wrong labels; -1 shuffles pixels")
    add("--noise-seed", type=seed, metavar="SEED", help="default: --seed")
    add("--augmentation", action="store_true", help="shifts and flips, or random crops of image files")
    add("--upscale", action="store_true", help="enlarge small images to 224 pixels")
    add("--upscale-padding", action="store_true", help="enlarge to 112 pixels in a black border of 56")
    add("--unnormalize", action="store_true", help="pixels in [0, 1], not standardised")
    add("--pretrained", action="store_true", help="begin with torchvision's ImageNet weights")
    add("--split", type=float, default=0.0, metavar="F", help="share of training images that validate")
    add("--stratified", action="store_true", help="the same share of every class")
    add("--split-seed", type=seed, metavar="SEED", help="default: --seed")
    add("--shuffle", action="store_true", help="shuffle the images before the split, and in every epoch")
    add("--evaluate", action="store_true", help="measure the test images and quit")
    add("--evaluate-train", action="store_true", help="measure the training images and quit")
    add("--eval-regularization-loss", action="store_true", help="weight decay times norms, and quit")
    add("--epochs", type=positive, default=20)
    add("--start-epoch", type=natural, default=0, metavar="E", help="count E epochs as done")
    add("--batch-size", type=positive, default=128)
    add("--optimizer", choices=("sgd", "adam"), default="sgd")
    add("--lr", type=float, default=0.001)
    add("--momentum", type=float, default=0.9, help="of sgd")
    add("--weight-decay", type=float, default=1e-4, help="of sgd")
    add("--lr-step", type=natural, default=0, metavar="EPOCHS", help="multiply the rate after so many epochs")
    add("--lr-decay", type=float, default=0.0, metavar="FACTOR", help="by this")
    add("--resume-from", default="", metavar="PATH", help="checkpoint of any kind, or a run directory")
    add(
        "--override",
        action="store_true",
        help="rather these options than the optimiser of --resume-from or an earlier run in the directory",
    )
    add("--kill-plateaus", action="store_true", help="stop if the accuracy stands still in the first epochs")
    add("--train-acc", action="store_true", help="measure the training images with every snapshot")
    add("--snapshot-every", type=natural, default=0, metavar="E", help="0 for the last epoch only")
    add("--snapshot-all-until", type=natural, default=0, metavar="N", help="and each of the first N epochs")
    add("--models-path", type=Path, default=Path("./models"), help="where runs are kept")
    add("--tb-logdir", type=Path, default=Path("./tensorboard"), help="where TensorBoard scalars are kept")
    add("--log", default="train.log", help="log file, in the run directory")
    add("--seed", type=seed, help="of everything; without it one is drawn and printed")
    add("--cuda", action="store_true", help="train on a GPU")
    add("--workers", "-j", type=natural, default=1, help="processes that read image files")
    add(
        "--threads",
        type=positive,
        default=len(os.sched_getaffinity(0)),
        help="CPU threads, all by default; their number decides the bits",
    )
    add_save_every(parser)
    return parser


def train(arguments: argparse.Namespace, device_name: str) -> None:
    with without_collection():
        import torch

        from hyperplanes import provenance, resume
        from hyperplanes.loading import open_dataset
        from hyperplanes.running import train_run
        from hyperplanes.training import Run

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


def train_by_options(options: argparse.Namespace, device_name: str) -> None:
    with without_collection():
        from hyperplanes import resume
        from hyperplanes.authors_training import AuthoredRun
        from hyperplanes.writing import Copied

    set_up_torch(options.threads, device_name)
    run = AuthoredRun(options, device_name)
    if options.evaluate or options.evaluate_train or options.eval_regularization_loss:
        print(*run.evaluate(), sep="\n")
        return
    with resume.locked(run.folder), Copied(sys.stderr, run.folder / options.log) as log, redirect_stderr(log):
        run.train()


def main() -> None:
    given = {argument.partition("=")[0] for argument in sys.argv[1:]}
    if given.intersection(PIPELINE_OPTIONS):
        arguments = pipeline_parser().parse_args()
        with claim_device(arguments.gpus) as device_name:
            train(arguments, device_name)
        return
    options = options_parser().parse_args()
    if options.arch is None or options.dataset is None:
        from hyperplanes.authors_training import choices

        print(choices(options))
        return
    with claim_device(int(options.cuda)) as device_name:
        train_by_options(options, device_name)


if __name__ == "__main__":
    run_program(main)
