"""Which training images are held out for validation."""

import math

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


def split_of(
    labels: torch.Tensor, fraction: float, seed: int, published: tuple[bool, bool] | None = None
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Return the indices of (training, validation) images with `labels` (N,), for one split seed.

    They are drawn at random; `published`, which is (shuffle, stratified), takes them as the authors' code.
    At least one image each; with a `fraction` of 0 all are for training, and None stands for the test
    images, which validate.
    """
    if fraction == 0:
        return torch.arange(len(labels)), None
    if published is None:
        train, validation = split_indices(len(labels), fraction, seed)
    else:
        train, validation = split_from_end(labels, fraction, seed, *published)
    if not len(train) or not len(validation):
        raise InputError(
            f"validation_fraction {fraction} holds out {len(validation)} of {len(labels)} images; "
            "at least one is needed for validation and one for training; 0 lets the test images validate"
        )
    return train, validation
