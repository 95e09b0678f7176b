"""Which training images are held out for validation."""

import math
from collections.abc import Mapping
from typing import Any

import torch

from anatomy.runtime.errors import InputError
from anatomy.runtime.streams import stream

Parts = tuple[torch.Tensor, torch.Tensor]


def split_indices(images: int, fraction: float, seed: int) -> Parts:
    """Split image indices at random into (training, validation), the same for one split seed."""
    order = torch.randperm(images, generator=stream(seed, "split"))
    held_out = round(images * fraction)
    return order[held_out:].sort().values, order[:held_out].sort().values


def split_from_end(
    labels: torch.Tensor, fraction: float, seed: int, shuffle: bool, stratified: bool
) -> Parts:
    """Split the indices of images with `labels` (N,) as the authors' code: the last part validates.

    The floor of N * `fraction` images are held out, from the end of the list of images; `shuffle` shuffles
    that list first. `stratified` holds out the same fraction of every class, up to one image.
    """
    count = len(labels)
    order = torch.randperm(count, generator=stream(seed, "split")) if shuffle else torch.arange(count)
    held_out = math.floor(count * fraction)
    if not stratified:
        return order[: count - held_out].sort().values, order[count - held_out :].sort().values
    members = [order[labels[order] == label] for label in labels.unique()]
    exact = [len(one) * fraction for one in members]
    counts = [math.floor(size) for size in exact]
    # What rounding down leaves goes to the classes that lost most.
    losers = sorted(range(len(members)), key=lambda index: counts[index] - exact[index])
    for index in losers[: held_out - sum(counts)]:
        counts[index] += 1
    train = [one[: len(one) - count] for one, count in zip(members, counts, strict=True)]
    validation = [one[len(one) - count :] for one, count in zip(members, counts, strict=True)]
    return torch.cat(train).sort().values, torch.cat(validation).sort().values


def split_of(settings: Mapping[str, Any], labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Return the indices of (training, validation) images with `labels` (N,) that a run's settings ask for.

    Without the key `split` they are drawn at random, at least one image each. With it they are those of
    the authors' code; None then stands for the test images, which validate if no image is held out.
    """
    fraction, seed = settings["validation_fraction"], settings["split_seed"]
    if "split" in settings:
        if fraction == 0:
            return torch.arange(len(labels)), None
        train, validation = split_from_end(labels, fraction, seed, **settings["split"])
    else:
        train, validation = split_indices(len(labels), fraction, seed)
    if not len(train) or not len(validation):
        raise InputError(
            f"validation_fraction {fraction} holds out {len(validation)} of {len(labels)} images; "
            "at least one is needed for validation and one for training"
        )
    return train, validation
