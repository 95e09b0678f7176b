"""The options of the authors' train.py as settings of a run, its data, and its directory."""

import sys
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from anatomy.configuration.messages import schema_problems
from anatomy.data.dataset import Dataset
from anatomy.data.image_files import IndexedDataset
from anatomy.runtime.errors import InputError
from anatomy.runtime.run_files import BESIDE_FACTS
from anatomy.runtime.schema import RUN
from anatomy.runtime.settings import Settings
from anatomy.studies.arrangements.hp_arrangements.checkpoint import read_start
from anatomy.studies.arrangements.hp_arrangements.data import DataChoice, seen_as
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
    "settings.class_subset.seed": "--class-sample-seed",
    "settings.class_subset": "--subsample-classes",
    "settings.epochs": "--epochs",
    "settings.snapshots": "--snapshot-every or --snapshot-all-until",
    "settings.batch_size": "--batch-size",
    "settings.initialisation": "--pretrained",
    "start": "--resume-from, --start-epoch or --pretrained",
    "dataset_sha256": "--dataset or --data-path",
    "description_sha256": "--dataset or --data-path",
    "statistics": "--dataset or --data-path",
    "threads": "--threads",
    "device": "--cuda",
}


def class_seed(options: Namespace, seed: int) -> int | None:
    """Return the seed that draws classes, of --class-sample-seed or --shuffle; None for the first ones."""
    return seed if options.class_sample_seed is None and options.shuffle else options.class_sample_seed


def augmentation(options: Namespace, dataset: Dataset | IndexedDataset) -> dict[str, Any]:
    """Return how the authors augment such data."""
    if not options.augmentation:
        return {"shift": 0, "flip": False}
    if isinstance(dataset, IndexedDataset):
        return {"flip": True, "random_resized_crop": True}
    # Digits are not flipped.
    return {"shift": SHIFT, "flip": dataset.input_shape[0] > 1}


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


def epochs_asked(options: Namespace, first: int) -> list[int]:
    """Return the epochs with snapshots: the first, those asked for, and the last.

    Epochs count what was done, so that epoch e is the authors' e - 1, and 0 is the initialisation.
    """
    every = options.snapshot_every or options.epochs
    asked = (e for e in range(first + 1, options.epochs) if e <= options.snapshot_all_until or e % every == 0)
    return sorted({first, *asked, options.epochs})


def settings_of(
    options: Namespace,
    dataset: Dataset | IndexedDataset,
    seed: int,
    start: Start,
    schema: Mapping[str, Any],
) -> Settings:
    """Return the settings of the run, as a configuration of the pipeline would have them.

    A checkpoint keeps its optimiser and schedule unless --override. `InputError` for what the engine's
    `schema` does not allow.
    """
    chosen, rates = optimiser(options), schedule(options)
    if not options.override:
        chosen, rates = _kept(start, chosen, rates)
    entry = {
        **seen_as(options, class_seed(options, seed)),
        "architecture": options.arch,
        "initialisation": {"kind": "published"},
        "epochs": options.epochs,
        "batch_size": options.batch_size,
        "label_noise": {"fraction": max(options.noise, 0.0), "kind": "wrong"},
        "pixel_shuffle": options.noise < 0,
        "augmentation": augmentation(options, dataset),
        "validation_fraction": options.split,
        "split": {"shuffle": options.shuffle, "stratified": options.stratified},
        "order": "drawn" if options.split or options.shuffle else "stored",
        "optimiser": chosen,
        "schedule": rates,
        "snapshots": epochs_asked(options, start.epoch),
    }
    if options.split and options.shuffle:
        entry["split_seed"] = seed if options.split_seed is None else options.split_seed
    # That of the run needs no key.
    if options.noise and options.noise_seed not in (None, seed):
        entry["noise_seed"] = options.noise_seed
    return validated(entry, schema)


def validated(entry: Mapping[str, Any], schema: Mapping[str, Any]) -> Settings:
    """Return the settings of a run with this entry; `InputError` lists what `schema` does not allow."""
    part = schema["$defs"][RUN]
    if problems := list(schema_problems(entry, {**part, "$defs": schema["$defs"]})):
        raise InputError("; ".join(problems))
    return Settings(entry, part)


def _kept(start: Start, chosen: dict, rates: dict) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return optimiser and schedule of a checkpoint where it has them; say what is not as asked for."""
    kept = {**chosen, **start.optimiser}, {**rates, **start.schedule}
    for before, after in zip((chosen, rates), kept, strict=True):
        for key, value in after.items():
            if key in before and before[key] != value:
                text = f"{key.replace('_', ' ')} is {value}, as in the checkpoint"
                print(f"{text}; --override would make it {before[key]}", file=sys.stderr)
    return kept


def pretrained_start(options: Namespace, classes: int) -> Start:
    """Return torchvision's ImageNet weights of --arch; `InputError` if there are none or classes differ."""
    if classes != IMAGENET_CLASSES:
        raise InputError(
            f"--pretrained networks tell {IMAGENET_CLASSES} classes apart, --dataset has {classes}"
        )
    return read_start(obtain(official_url(options.arch)))


def run_folder(options: Namespace, choice: DataChoice, seed: int) -> Path:
    """Return the run directory below --models-path."""
    classes = options.subsample_classes
    parts = [choice.name + (f"_{classes}" if classes else "")]
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


def differences(
    earlier: Mapping[str, Any], facts: Mapping[str, Any], schema: Mapping[str, Any]
) -> dict[str, str]:
    """Return which facts of a run differ from an earlier one's: a description of each by its dotted key.

    Settings are compared complete, with the defaults of the engine's `schema`.
    """
    before, now = (
        flatten({**each, "settings": settings_in(each, schema).complete()}) for each in (earlier, facts)
    )
    found = {}
    for key in sorted(before.keys() | now.keys()):
        if before.get(key) != now.get(key) and key.partition(".")[0] not in BESIDE_FACTS:
            option = next((option for part, option in OPTION_OF.items() if key.startswith(part)), key)
            found[key] = f"{option} ({before.get(key)} there, {now.get(key)} here)"
    return found


def settings_in(facts: Mapping[str, Any], schema: Mapping[str, Any]) -> Settings:
    """Return the settings in the facts of a run."""
    return Settings(facts["settings"], schema["$defs"][RUN])
