"""The options of the authors' three programs; without numpy and torch, so that --help is fast."""

import math
import os
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

from anatomy.runtime.errors import InputError
from anatomy.runtime.options import (
    add_save_every,
    add_schema,
    factor,
    log,
    natural,
    positive,
    seed,
    threads,
    workers,
)
from anatomy.runtime.schema import RUN, read_schemas
from anatomy.runtime.settings import Settings
from anatomy.studies.arrangements.reinitialisation.options import add_options
from anatomy.training.facts import code_sha256


def hashes_of_code(options: Namespace) -> dict[str, str]:
    """Return the hash of the code that a program runs, by the kind of schedule; before it runs any of it.

    A checkpoint keeps its schedule, which nothing can tell without reading it.
    """
    run = read_schemas(options.schema)["$defs"][RUN]
    kinds = run["properties"]["schedule"]["properties"]["kind"]["enum"]
    return {
        kind: code_sha256(
            options.program, Settings({"architecture": options.arch, "schedule": {"kind": kind}}, run)
        )
        for kind in kinds
    }


def parse_train(program: Path, arguments: Sequence[str] | None = None) -> Namespace:
    """Return the options of train.py, which is the file `program`, with their defaults.

    `program` is one of them: its code is part of what its results are bound to.
    """
    parser = ArgumentParser(description="Train a network and keep snapshots of its convolutions.")
    add = parser.add_argument
    add("--arch", help="network; without it the known names are printed")
    add("--dataset", help="name, or directory of a prepared data set; without it the names are printed")
    add("--data-path", type=Path, default=Path("./data"), help="directory of the official files (./data)")
    add(
        "--subsample-classes",
        type=natural,
        default=0,
        metavar="N",
        help="keep N classes; 0, the default, for all",
    )
    add("--class-sample-seed", type=seed, metavar="SEED", help="draw them; without it the first N are kept")
    add(
        "--noise",
        type=float,
        default=0.0,
        metavar="R",
        help="fraction of wrong labels (0); -1 shuffles pixels",
    )
    add("--noise-seed", type=seed, metavar="SEED", help="default: --seed")
    add("--augmentation", action="store_true", help="shifts and flips, or random crops of image files")
    add("--upscale", action="store_true", help="enlarge small images to 224 pixels")
    add("--upscale-padding", action="store_true", help="enlarge to 112 pixels in a black border of 56")
    add("--unnormalize", action="store_true", help="pixels in [0, 1], not standardised")
    add("--pretrained", action="store_true", help="begin with torchvision's ImageNet weights")
    add("--split", type=float, default=0.0, metavar="F", help="fraction of training images that validate (0)")
    add("--stratified", action="store_true", help="the same fraction of every class")
    add("--split-seed", type=seed, metavar="SEED", help="default: --seed")
    add("--shuffle", action="store_true", help="shuffle the images before the split, and in every epoch")
    add("--evaluate", action="store_true", help="measure the test images and quit")
    add("--evaluate-train", action="store_true", help="measure the training images and quit")
    add("--eval-regularization-loss", action="store_true", help="weight decay times norms, and quit")
    add("--epochs", type=positive, default=20, help="epochs to train (20)")
    add("--start-epoch", type=natural, default=0, metavar="E", help="count E epochs as done (0)")
    add("--batch-size", type=positive, default=128, help="images in a batch (128)")
    add("--optimizer", choices=("sgd", "adam"), default="sgd", help="which optimiser (sgd)")
    add("--lr", type=float, default=0.001, help="learning rate at the start (0.001)")
    add("--momentum", type=float, default=0.9, help="momentum of sgd (0.9)")
    add("--weight-decay", type=float, default=1e-4, help="weight decay of sgd (0.0001)")
    add(
        "--lr-step",
        type=natural,
        default=0,
        metavar="EPOCHS",
        help="multiply the rate after so many epochs; 0 keeps it",
    )
    add(
        "--lr-decay",
        type=float,
        default=0.0,
        metavar="FACTOR",
        help="factor of --lr-step; 0, none, by default",
    )
    add("--resume-from", default="", metavar="PATH", help="any checkpoint, or a run directory")
    add(
        "--override",
        action="store_true",
        help="rather these options than the optimiser of --resume-from or an earlier run in the directory",
    )
    add("--kill-plateaus", action="store_true", help="stop if the accuracy stands still in the first epochs")
    add("--train-acc", action="store_true", help="measure the training images with every snapshot")
    add(
        "--snapshot-every",
        type=natural,
        default=0,
        metavar="E",
        help="keep every E-th epoch; 0, the default, for the last one",
    )
    add(
        "--snapshot-all-until",
        type=natural,
        default=0,
        metavar="N",
        help="and each of the first N epochs (0)",
    )
    add("--models-path", type=Path, default=Path("./models"), help="where runs are kept (./models)")
    add(
        "--tb-logdir",
        type=Path,
        default=Path("./tensorboard"),
        help="where scalars for TensorBoard are kept (./tensorboard)",
    )
    add(
        "--log",
        type=log,
        default="train.log",
        help="log file, .log or .txt, in the run directory (train.log)",
    )
    add("--seed", type=seed, help="of everything; without it one is drawn and printed")
    add("--cuda", action="store_true", help="train on a GPU; without it on the CPU")
    add("--workers", "-j", type=workers, default=1, help="processes that read image files (1)")
    add(
        "--threads",
        type=threads,
        default=len(os.sched_getaffinity(0)),
        help="CPU threads, all by default; their number decides the bits",
    )
    add_save_every(parser)
    add_schema(parser, program)
    parser.set_defaults(program=program)
    return parser.parse_args(arguments)


def parse_compute_projections(arguments: Sequence[str] | None = None) -> Namespace:
    """Return the options of compute_projections.py, with their defaults."""
    parser = ArgumentParser(description="Compute the projection statistics of any network.")
    add = parser.add_argument
    add("--arch", help="network; without it all names are listed")
    add("--dataset", help="name, or directory of a prepared data set; without it all names are listed")
    add(
        "--subsample-classes",
        type=natural,
        default=0,
        metavar="N",
        help="classes that the network tells apart; 0, the default, for those of the data set",
    )
    add(
        "--load-from", type=Path, nargs="+", metavar="FILE", help="checkpoint: safetensors, .pt, .pth or .tar"
    )
    add("--init-from", type=Path, metavar="FILE", help="also measure distances from this one")
    add("--pretrained", action="store_true", help="measure the weights that torchvision has")
    add("--cuda", action="store_true", help="accepted; the statistics need no GPU")
    add("--normalize", action="store_true", help="write cosines; otherwise sums of weights")
    add("--with-linear", action="store_true", help="measure fully connected layers as well")
    add("--results", type=Path, default=Path("./results"), help="where to write (./results)")
    add(
        "--log",
        type=log,
        default="positive_orthant.log",
        help="name of the log file, .log or .txt (positive_orthant.log)",
    )
    add("--seed", type=seed, help="seed that the network was trained with, or is drawn with")
    add("--width", type=factor, default=1.0, help="factor on the channels of the network (1)")
    return parser.parse_args(arguments)


def parse_reinit_layers(program: Path, arguments: Sequence[str] | None = None) -> Namespace:
    """Return the options of reinit_layers.py, which is the file `program`, with their defaults.

    `InputError` if --load-from is no file.
    """
    parser = ArgumentParser(
        description="Measure test accuracy with every convolution of a checkpoint reset, one at a time."
    )
    add = parser.add_argument
    add("--arch", help="architecture; absent, the choices are listed")
    add("--dataset", help="directory of a prepared data set, or a name (see --data-path); absent, as above")
    add("--width", type=factor, default=1.0, help="factor on its number of channels (1)")
    add("--load-from", type=Path, help="trained network: safetensors or a state dict")
    add("--inits-from", type=Path, help="text file with one checkpoint per line, to reset layers to")
    add_options(parser)
    add("--data-path", type=Path, default=Path("data"), help="where the images of a name lie (data)")
    upscaling = parser.add_mutually_exclusive_group()
    upscaling.add_argument("--upscale", action="store_true", help="scale small images to 224 px")
    upscaling.add_argument(
        "--upscale-padding", action="store_true", help="scale small images to 112 px, black around them"
    )
    add("--unnormalize", action="store_true", help="pixels in [0, 1], not standardised")
    add(
        "--subsample-classes",
        type=natural,
        default=0,
        metavar="N",
        help="only images of N classes; 0, the default, for all",
    )
    add("--class-sample-seed", type=seed, help="shuffle the classes before the first N are taken")
    add("--cuda", action="store_true", help="evaluate on a GPU; without it on the CPU")
    add("--seed", type=seed, help="seed of --rand, 0 if absent; part of the JSON file")
    add("--results", type=Path, default=Path("results"), help="folder of the JSON file (results)")
    add("--plots", type=Path, default=Path("plots"), help="folder of the heat map (plots)")
    add(
        "--log",
        type=log,
        default="reinit_weights.log",
        help="log file to add to, .log or .txt (reinit_weights.log)",
    )
    add_schema(parser, program)
    parser.set_defaults(program=program)
    options = parser.parse_args(arguments)
    if options.arch and options.dataset:
        if not options.load_from:
            parser.error("--load-from is needed; give the trained network")
        if not options.load_from.is_file():
            raise InputError(f"--load-from {options.load_from} does not exist; give the trained network")
    return options


def check_options(options: Namespace) -> None:
    """Raise `InputError` for values that make no sense, before any data is read."""
    noise, lr_decay = options.noise, options.lr_decay
    problems = {
        "--noise": (noise == -1 or 0 <= noise <= 1, noise, "0 to 1, or -1 to shuffle pixels"),
        "--split": (0 <= options.split < 1, options.split, "at least 0 and less than 1"),
        "--lr": (0 < options.lr < math.inf, options.lr, "a number of more than 0"),
        "--momentum": (0 <= options.momentum < 1, options.momentum, "at least 0 and less than 1"),
        "--weight-decay": (
            0 <= options.weight_decay < math.inf,
            options.weight_decay,
            "a number of at least 0",
        ),
        "--lr-decay": (0 <= lr_decay < math.inf, lr_decay, "a factor, or 0 for a constant rate"),
    }
    for option, (right, value, expected) in problems.items():
        if not right:
            raise InputError(f"{option} is {value}; expected {expected}")
    if bool(options.lr_step) != bool(lr_decay):
        raise InputError("--lr-step and --lr-decay go together; one of them alone changes no rate")
    if options.upscale and options.upscale_padding:
        raise InputError("--upscale and --upscale-padding exclude each other; give one")
