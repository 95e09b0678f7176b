"""The invariance of units: how much they vary under rotations of an image, over how much from image to image.

With a_j(T_k x_n) the unit j for image n under rotation k (Quiroga et al. 2019),

    V_j = mean over n of the standard deviation over k     (transformation)
    B_j = mean over k of the standard deviation over n     (sample)
    M_j = V_j / B_j;  1 if both are 0;  infinite if B_j alone is 0

with n - 1 in the denominators. 0 is invariant; 1 varies with the rotation as much as from image to image. Of
classes, V and B are those of their images alone; `stratified` is the mean of M over the classes. Every image
is rotated once by each angle and sees the network once, for all of this together; moments are kept, no
activations.
"""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import nn

from anatomy.networks.forward import evaluating
from anatomy.runtime.errors import InputError
from anatomy.studies.invariance.affine import Affine
from anatomy.studies.invariance.moments import Moments, Spread
from anatomy.studies.invariance.rotations import Rotations
from anatomy.studies.invariance.units import Layer, Units

Batch = tuple[torch.Tensor, torch.Tensor]
Normalise = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Deviations:
    """What was measured of a network: by aggregation V and B of every unit, (G + 1, units) in float64.

    The G rows are of the classes, the last one of all images together. `correct` (G, R) counts images whose
    largest output is that of their class, of `images` (G,); None of a network that does not classify.
    """

    layers: Sequence[Layer]
    transformation: Mapping[str, np.ndarray]
    sample: Mapping[str, np.ndarray]
    images: np.ndarray
    correct: np.ndarray | None


class _Accumulator:
    """The running statistics of columns: V by class, and for each angle the moments over images by class."""

    def __init__(self, classes: int, angles: int, columns: int, device: torch.device):
        options = {"dtype": torch.float64, "device": device}
        self.classes = classes
        self.spread = torch.zeros(classes, columns, **options)
        self.weight = torch.zeros(classes, 1, **options)
        self.images = torch.zeros(classes, **options)
        self.correct = torch.zeros(classes, angles, **options)
        self.moments = [Moments.none(classes, columns, device) for _ in range(angles)]
        self.origin: torch.Tensor | None = None

    def centred(self, values: torch.Tensor) -> torch.Tensor:
        """Return values minus those of the very first image, so that what never varies is exactly 0."""
        if self.origin is None:
            self.origin = values[:1].clone()
        return values.sub_(self.origin)

    def deviations(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return V and B of all columns: (classes + 1, K) each, the last row of all images."""
        total = self.spread.sum(0, keepdim=True) / self.weight.sum()
        transformation = torch.cat([self.spread / self.weight, total])
        sample = torch.zeros_like(transformation)
        for moments in self.moments:
            sample[:-1] += moments.deviation()
            sample[-1:] += moments.merged().deviation()
        return transformation, sample / len(self.moments)


def _undone(rotations: Rotations | Affine, angle: torch.Tensor, maps: torch.Tensor) -> torch.Tensor:
    return rotations.undo(maps, angle)


def measure(
    network: nn.Module,
    batches: Iterable[Batch],
    classes: int,
    names: Mapping[str, str],
    rotations: Rotations | Affine,
    normalise: Normalise,
    aggregations: Sequence[str] = ("mean",),
    exact: bool = False,
    weights: Callable[[int, int], tuple[torch.Tensor, torch.Tensor]] | None = None,
) -> Deviations:
    """Measure V and B of the outputs of modules `names` (by label) in one pass over batches.

    A batch is images (B, C, H, W), uint8 or float, and class indices (B,) on the device of the network;
    `rotations` may be other transformations; `normalise` maps rotated images to its inputs. Sums over maps
    are in float32, or with `exact` in float64; all else is in float64. `weights(first, count)` gives for
    images from the index `first` on their weight in V and whether (1 or 0) they count for B; all are 1 by
    default. `InputError` for a class of fewer than two images.
    """
    state: _Accumulator | None = None
    generator, first = rotations.generator(), 0
    with evaluating(network):
        for images, labels in batches:
            if state is None:
                units = Units(network, normalise(images[:1]), names, aggregations, exact)
                state = _Accumulator(classes, rotations.count, units.columns, images.device)
            count = len(images)
            in_v, in_b = torch.ones(2, count) if weights is None else weights(first, count)
            of_class = torch.nn.functional.one_hot(labels, classes).T.double()
            member = of_class * in_b.to(of_class)
            spread = Spread()
            # Drawn on the CPU, so that every type of device sees the same angles.
            angles = rotations.draw(count, generator).to(images.device)
            for index, (angle, moments) in enumerate(zip(angles, state.moments, strict=True)):
                inputs = normalise(rotations.apply(images, angle))
                undo = partial(_undone, rotations, angle)
                values, outputs = units.values(network, inputs, undo)
                state.centred(values)
                spread.add(values)
                moments.add(Moments.of(values, labels, member))
                if units.classifies:
                    state.correct[:, index] += of_class @ (outputs.argmax(1) == labels).double()
            of_class = of_class * in_v.to(of_class)
            state.spread += of_class @ spread.deviation()
            state.weight += of_class.sum(1, keepdim=True)
            state.images += member.sum(1)
            first += count
    if state is None:
        raise InputError("there are no images to measure; give at least two of each class")
    few = [index for index, number in enumerate(state.images.tolist()) if number < 2]
    if few:
        raise InputError(
            f"class {few[0]} has {int(state.images[few[0]])} images; a deviation over images needs two or "
            "more of each class: give more images, or no labels"
        )
    transformation, sample = state.deviations()
    return Deviations(
        layers=units.layers,
        transformation={name: units.of(transformation, name).cpu().numpy() for name in aggregations},
        sample={name: units.of(sample, name).cpu().numpy() for name in aggregations},
        images=state.images.cpu().numpy().astype(int),
        correct=state.correct.cpu().numpy().astype(int) if units.classifies else None,
    )


def warn_of_broken_units(found: Deviations, source: str) -> None:
    """Name on stderr every layer with units whose values are NaN or infinite, and how many there are."""
    v, b = (next(iter(own.values()))[-1] for own in (found.transformation, found.sample))
    broken, first = ~np.isfinite(v) | ~np.isfinite(b), 0
    for layer in found.layers:
        if count := int(broken[first : first + layer.units].sum()):
            print(
                f"warning: {source}: {count} of {layer.units} units of layer {layer.label} have NaN or "
                "infinite values; they have no invariance (`not finite`); the training diverged, or images "
                "are not those of the network",
                file=sys.stderr,
            )
        first += layer.units
