"""The invariance of any network, trained here or not, in one call."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

from anatomy.networks.forward import intermediates
from anatomy.runtime.errors import InputError
from anatomy.studies.invariance.affine import affine_of
from anatomy.studies.invariance.local import local_measure
from anatomy.studies.invariance.measure import Batch, measure, warn_of_broken_units
from anatomy.studies.invariance.measurement import described
from anatomy.studies.invariance.quotient import invariance as quotient
from anatomy.studies.invariance.rotations import Rotations
from anatomy.studies.invariance.tables import ALL, unit_rows
from anatomy.studies.invariance.units import TURNED_BACK, fitting

BATCH = 64


def invariance(
    model: nn.Module,
    images: Any,
    labels: Any = None,
    *,
    transformation: str = "rotation",
    layers: Sequence[str] | None = None,
    angles: int = 16,
    jitter: float = 0.0,
    aggregation: str = "mean",
    normalise: Callable[[torch.Tensor], torch.Tensor] | None = None,
    local: bool = False,
    seed: int = 0,
) -> pd.DataFrame:
    """Return how invariant every unit of a network is to rotation of its input, one row for each.

    `images` (N, C, H, W), a tensor or an array, are uint8 or floating-point numbers; where they are turned
    black, 0, moves in, so that what standardises pixels belongs into `normalise`, which maps turned images to
    inputs (by default uint8 to [0, 1], other numbers as they are). With `labels` (N,), whole numbers from 0
    on, there are rows within classes as well. `layers` are names of modules, by default those that the
    network's paper speaks of, or all modules without children. `transformation` is `rotation`, by `angles`
    equal steps of a whole turn, each with a random `jitter` of so many degrees; `scale` (49, from 0.5 to
    1.25), `translation` (49, up to 15 % of a side), or `combined` (504 of all three). Feature maps are
    aggregated by their `sum`, `mean` or `max`, or are measured pixel by pixel (`deviations`), turned back
    first in `same_equivariance`. The network is evaluated where its parameters are, and left as it was.

    Columns: `position` of the layer (from 1), `layer`, the name of its module, `label`, `unit` (from 0);
    `kind`: `all` images, `class`, named in `class`, or `stratified`, the mean over classes; `transformation`
    V, `sample` B and `invariance` M = V / B: 0 is invariant, at 1 a unit varies with rotation as much as from
    image to image; `status`: `defined`, `dead` (never varies, M = 1), `infinite` (varies with rotation alone)
    or `not finite`. With `local` a further column, `local`, of kind `all`: the mean over images of a unit's
    derivative as the image begins to turn, per radian and absolute, over B; of integers `normalise` is taken
    to be affine there.
    """
    if not isinstance(model, nn.Module):
        raise InputError(f"a {type(model).__name__} cannot be measured; expected an nn.Module")
    if transformation == "rotation":
        transformed = Rotations(angles, jitter, seed)
    else:
        transformed = affine_of(transformation)
    if local and aggregation == TURNED_BACK:
        raise InputError(
            f"local: there is none of maps that are turned back; use another aggregation than {aggregation}"
        )
    pixels, targets = _checked(images, labels)
    device = next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
    normalise = _of_copy(normalise or _in_unit)
    example = normalise(pixels[:1].to(device))
    with fitting(example):
        names = {name: name for name in layers} if layers else intermediates(model, tuple(example.shape[1:]))
    found = measure(
        model,
        _batches(pixels, targets, device),
        int(targets.max()) + 1,
        names,
        transformed,
        normalise,
        (aggregation,),
    )
    warn_of_broken_units(found, type(model).__name__)
    v, b = found.transformation[aggregation], found.sample[aggregation]
    rows = unit_rows(described(found.layers), v, b, () if labels is None else range(len(found.images)))
    if local:
        batches = _batches(pixels, targets, device)
        derivative = local_measure(model, batches, names, normalise, (aggregation,))[aggregation]
        rows["local"] = np.nan
        rows.loc[rows["kind"] == ALL, "local"] = quotient(derivative, b[-1])
    return rows


def _checked(images: Any, labels: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Return images and their classes as tensors, all of one class without labels."""
    pixels = torch.as_tensor(images)
    if pixels.ndim != 4 or not len(pixels):
        raise InputError(f"images have shape {tuple(pixels.shape)}; expected (N, C, H, W)")
    if pixels.dtype != torch.uint8 and not pixels.is_floating_point():
        raise InputError(f"images are {pixels.dtype}; expected uint8 or floating-point numbers")
    if labels is None:
        return pixels, torch.zeros(len(pixels), dtype=torch.int64)
    targets = torch.as_tensor(labels)
    if targets.shape != pixels.shape[:1] or targets.is_floating_point() or (targets < 0).any():
        raise InputError(
            f"labels are {targets.dtype} of shape {tuple(targets.shape)}; expected {len(pixels)} whole "
            "numbers of at least 0, one for each image"
        )
    return pixels, targets.long()


def _batches(pixels: torch.Tensor, targets: torch.Tensor, device: torch.device) -> Iterator[Batch]:
    for images, labels in zip(pixels.split(BATCH), targets.split(BATCH), strict=True):
        yield images.to(device), labels.to(device)


def _of_copy(normalise: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return the same map, of a copy of images: it may be of the same memory, and networks change inputs."""
    return lambda images: normalise(images.clone())


def _in_unit(images: torch.Tensor) -> torch.Tensor:
    """Return uint8 images as numbers from 0 to 1, others as they are."""
    return images if images.is_floating_point() else images.float() / 255
