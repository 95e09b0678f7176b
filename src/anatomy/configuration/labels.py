"""Experiments in words, as titles, legends and captions name them."""

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from anatomy.networks.catalogue import architecture_label
from anatomy.runtime.schema import flattened
from anatomy.runtime.settings import Settings

# What experiments that are shown side by side are told apart by, if network, data and the rest are the same.
DISTINCTIONS = ("loss", "optimiser", "options", "dropout", "precision")


def labels_of(experiments: Mapping[str, Settings], datasets: Mapping[str, Settings]) -> dict[str, str]:
    """Return the labels of experiments that are shown side by side, by name.

    Where two would read alike, each says what of its `DISTINCTIONS` the others do not share.
    """
    found = {name: label(own, datasets) for name, own in experiments.items()}
    for text in set(found.values()):
        alike = [name for name in found if found[name] == text]
        parts = {name: _distinctions(experiments[name]) for name in alike}
        for key in dict.fromkeys(key for part in parts.values() for key in part):
            if any(part.get(key) != parts[alike[0]].get(key) for part in parts.values()):
                for name in alike:
                    found[name] += f", {_in_words(key, parts[name][key])}" if key in parts[name] else ""
    return found


def _distinctions(experiment: Settings) -> dict[str, Any]:
    whole = experiment.complete()
    return flattened({key: whole[key] for key in DISTINCTIONS if whole.get(key) not in (None, {})})


def _in_words(key: str, value: Any) -> str:
    """Return a setting in words, e.g. `loss squared error` of `loss.kind`, `learning rate 0.02`."""
    whole, _, own = key.rpartition(".")
    shown = f"{value:g}" if isinstance(value, float) else str(value)
    return f"{whole if own == 'kind' else own} {shown}".replace("_", " ")


def dataset_label(name: str, dataset: Settings) -> str:
    """Return a data set in words, with what its images are if they are copies: `CIFAR-10 (JPEG copies)`."""
    words = dataset.label or name
    # Only sources that read files can be copies.
    encoding = dataset.encoding if "encoding" in dataset else None
    return f"{words} ({encoding})" if encoding else words


def label(experiment: Settings, datasets: Mapping[str, Settings]) -> str:
    """Return network and data set of an experiment in words, e.g. `VGG19 (width 1/4), CIFAR-10`."""
    network = architecture_label(experiment.architecture)
    if experiment.width != 1:
        numerator, denominator = float(experiment.width).as_integer_ratio()
        exact = 1 < denominator <= 64
        network += f" (width {numerator}/{denominator})" if exact else f" (width {experiment.width:g})"
    dataset = datasets[experiment.dataset]
    data = dataset_label(experiment.dataset, dataset)
    seen = {"unit": ", pixels in [0, 1]", "symmetric": ", pixels in [-1, 1]", "raw": ", pixels in [0, 255]"}
    # Points have no pixels.
    changes = "" if dataset.source == "points" else seen.get(experiment.pixels, "")
    if experiment.label_noise.kind == "permuted":
        changes += ", permuted labels"
    elif fraction := experiment.label_noise.fraction:
        changes += f", {fraction:.0%} label noise"
    if experiment.pixel_shuffle:
        changes += ", shuffled pixels"
    if experiment.initialisation.kind == "normal":
        changes += f", weights from N(0, {experiment.initialisation.std:g}²)"
    if experiment.dropout:
        changes += f", dropout {experiment.dropout:g}"
    if experiment.loss.smoothing:
        changes += f", label smoothing {experiment.loss.smoothing:g}"
    if (start := experiment.start) is not None:
        source = start.experiment or PurePath(start.file).name
        changes += f", {'norm' if start.take == 'norm' else 'weights'} of {source}"
        changes += " (new head)" if start.head == "new" else ""
    if (subspace := experiment.subspace) is not None:
        kind = {"bezier": "Bezier curve"}.get(subspace.kind, subspace.kind)
        changes += f", {'layerwise ' if subspace.layerwise else ''}{kind}"
        changes += f" of {subspace.corners}" if subspace.corners is not None else ""
        changes += "" if subspace.beta == 1 else f" (beta {subspace.beta:g})"
    return f"{network}, {data}{changes}"
