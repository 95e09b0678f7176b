"""The options of the authors' train.py as settings of a run, its data, and its directory."""

import re
import sys
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from anatomy.data.image_files import IndexedDataset
from anatomy.runtime.errors import InputError
from anatomy.studies.arrangements.hp_arrangements.checkpoint import read_start
from anatomy.studies.arrangements.hp_arrangements.data import AnyDataset, DataChoice
from anatomy.studies.arrangements.pretrained.read import obtain, official_url
from anatomy.training.start import Start

SHIFT = 4  # pixels
IMAGENET_CLASSES = 1000
CONSTANT = {"kind": "step", "every": 1, "factor": 1.0}
# Options by the settings that they decide; longer ones first.
OPTION_OF = {
    "settings.optimiser.kind": "--optimizer",
    "settings.optimiser.learning_rate": "--lr",
    "settings.optimiser.momentum": "--momentum",
    "settings.optimiser.weight_decay": "--weight-decay",
    "settings.schedule.every": "--lr-step",
    "settings.schedule.factor": "--lr-decay",
    "settings.split.stratified": "--stratified",
    "settings.split.shuffle": "--shuffle",
    "settings.order": "--shuffle",
    "settings.validation_fraction": "--split",
    "settings.split_seed": "--split-seed",
    "settings.noise_seed": "--noise-seed",
    "settings.label_noise": "--noise",
    "settings.pixel_shuffle": "--noise",
    "settings.pixels": "--unnormalize",
    "settings.augmentation": "--augmentation",
    "settings.upscaling": "--upscale or --upscale-padding",
    "settings.subsample_classes": "--subsample-classes",
    "settings.class_seed": "--class-sample-seed",
    "settings.epochs": "--epochs",
    "settings.snapshots": "--snapshot-every or --snapshot-all-until",
    "settings.batch_size": "--batch-size",
    "settings.initialisation": "--pretrained",
    "start": "--resume-from, --start-epoch or --pretrained",
    "dataset_sha256": "--dataset or --data-path",
    "threads": "--threads",
    "device": "--cuda",
}


def data_choice(options: Namespace, seed: int) -> DataChoice:
    """Return which data the options mean; classes are drawn with --shuffle or --class-sample-seed."""
    class_seed = options.class_sample_seed
    if class_seed is None and options.shuffle:
        class_seed = seed
    return DataChoice.of(options, class_seed)


def augmentation(options: Namespace, dataset: AnyDataset) -> dict[str, Any]:
    """Return how the authors augment such data."""
    if not options.augmentation:
        return {"shift": 0, "flip": False, "random_resized_crop": False}
    if isinstance(dataset, IndexedDataset):
        return {"shift": 0, "flip": True, "random_resized_crop": True}
    # Digits are not flipped.
    return {"shift": SHIFT, "flip": dataset.image_shape[0] > 1, "random_resized_crop": False}


def optimiser(options: Namespace) -> dict[str, Any]:
    """Return the optimiser; Adam has neither weight decay nor momentum here."""
    adam = options.optimizer == "adam"
    return {
        "kind": options.optimizer,
        "learning_rate": options.lr,
        "momentum": 0.0 if adam else options.momentum,
        "weight_decay": 0.0 if adam else options.weight_decay,
    }


def schedule(options: Namespace) -> dict[str, Any]:
    """Return the schedule, constant for Adam; --lr-step counts epochs."""
    if not options.lr_step or options.optimizer == "adam":
        return dict(CONSTANT)
    return {"kind": "step", "every": options.lr_step, "factor": options.lr_decay}


def snapshot_epochs(options: Namespace, first: int) -> list[int]:
    """Return the epochs with snapshots: the first, those asked for, and the last.

    Epochs count what was done, so that epoch e is the authors' e - 1, and 0 is the initialisation.
    """
    every = options.snapshot_every or options.epochs
    asked = (e for e in range(first + 1, options.epochs) if e <= options.snapshot_all_until or e % every == 0)
    return sorted({first, *asked, options.epochs})


def settings_of(options: Namespace, dataset: AnyDataset, seed: int, start: Start) -> dict[str, Any]:
    """Return the settings of the run, as a configuration of the pipeline would have them.

    A checkpoint keeps its optimiser and schedule unless --override.
    """
    choice, chosen, rates = data_choice(options, seed), optimiser(options), schedule(options)
    if not options.override:
        chosen, rates = _kept(start, chosen, rates)
    split_seed = seed if options.split_seed is None else options.split_seed
    noise_seed = seed if options.noise_seed is None else options.noise_seed
    return {
        "architecture": options.arch,
        "width": 1.0,
        "initialisation": {"kind": "published"},
        "epochs": options.epochs,
        "batch_size": options.batch_size,
        "precision": "float32",
        "pixels": "unit" if options.unnormalize else "standardised",
        "upscaling": choice.upscaling,
        "subsample_classes": choice.subsample,
        "class_seed": choice.class_seed,
        "label_noise": {"fraction": max(options.noise, 0.0), "kind": "wrong"},
        "pixel_shuffle": options.noise < 0,
        "noise_seed": noise_seed if options.noise else seed,
        "augmentation": augmentation(options, dataset),
        "validation_fraction": options.split,
        "split": {"shuffle": options.shuffle, "stratified": options.stratified},
        "split_seed": split_seed if options.split and options.shuffle else seed,
        "order": "drawn" if options.split or options.shuffle else "stored",
        "optimiser": chosen,
        "schedule": rates,
        "snapshots": snapshot_epochs(options, start.epoch),
    }


def _kept(start: Start, chosen: dict, rates: dict) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return optimiser and schedule of a checkpoint where it has them; say what is not as asked for."""
    kept = {**chosen, **start.optimiser}, {**rates, **start.schedule}
    for before, after in zip((chosen, rates), kept, strict=True):
        for key, value in after.items():
            if before[key] != value:
                text = f"{key.replace('_', ' ')} is {value}, as in the checkpoint"
                print(f"{text}; --override would make it {before[key]}", file=sys.stderr)
    return kept


def pretrained_start(options: Namespace, classes: int) -> Start:
    """Return torchvision's ImageNet weights of --arch; `InputError` if there are none or classes differ."""
    name = re.sub(r"^(vgg\d+)bn$", r"\1_bn", options.arch)
    if classes != IMAGENET_CLASSES:
        raise InputError(
            f"--pretrained networks tell {IMAGENET_CLASSES} classes apart, --dataset has {classes}"
        )
    try:
        url = official_url(name)
    except (ValueError, AttributeError) as error:
        raise InputError(f"--pretrained: torchvision has no ImageNet weights of {options.arch}") from error
    return read_start(obtain(url))


def run_folder(options: Namespace, choice: DataChoice, seed: int) -> Path:
    """Return the run directory below --models-path."""
    parts = [choice.name + (f"_{choice.subsample}" if choice.subsample else "")]
    if options.noise < 0:
        parts.append("pixel_shuffle")
    elif options.noise > 0:
        parts.append(f"noise_{100 * options.noise:g}")
    return Path(*parts, options.arch.replace("/", "_"), str(seed))


def flatten(content: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested mappings as one, with dotted keys."""
    flat: dict[str, Any] = {}
    for key, value in content.items():
        flat |= flatten(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat


def differences(earlier: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, str]:
    """Return which facts of a run differ from an earlier one's: a description of each by its dotted key."""
    before, now = flatten(earlier), flatten(facts)
    found = {}
    for key in sorted(before.keys() | now.keys()):
        if before.get(key) != now.get(key) and key not in ("fingerprint",) and not key.startswith("sha256."):
            option = next((option for part, option in OPTION_OF.items() if key.startswith(part)), key)
            found[key] = f"{option} ({before.get(key)} there, {now.get(key)} here)"
    return found
