"""The measure as the authors' code computes it: its windows of images, and a normalisation for each data set.

With batches of b = min(N, 64) images, V takes windows of images [i, i + b), i = 0 .. floor(N / b) - 1, which
overlap; B leaves out the incomplete last batch. The images of a class are a data set of their own,
standardised by their own mean and standard deviation.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import torch
from torch import nn

from anatomy.data.dataset import channel_statistics
from anatomy.data.normalisation import Normaliser
from anatomy.studies.invariance.measure import Deviations, measure
from anatomy.studies.invariance.rotations import Rotations

BATCH = 64


def window_weights(images: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return of N images how many windows each lies in, and whether (1 or 0) B takes it, (N,) each."""
    batch = min(images, BATCH)
    windows = images // batch
    index = torch.arange(images)
    last, first = torch.minimum(index, torch.tensor(windows - 1)), (index - batch + 1).clamp(min=0)
    return (last - first + 1).clamp(min=0).double(), (index < windows * batch).double()


def measure_as_published(
    network: nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor,
    classes: int,
    names: Mapping[str, str],
    rotations: Rotations,
    aggregations: Sequence[str] = ("mean",),
    exact: bool = False,
) -> Deviations:
    """Measure as `measure` does, of uint8 images (N, C, H, W) and labels (N,), each class in its own pass."""

    def one(chosen: torch.Tensor) -> Deviations:
        own = images[chosen]
        in_v, in_b = window_weights(len(own))
        return measure(
            network,
            (
                (batch, torch.zeros(len(batch), dtype=torch.int64, device=own.device))
                for batch in own.split(BATCH)
            ),
            1,
            names,
            rotations,
            Normaliser(*_spread(own), own.device),
            aggregations,
            exact,
            lambda first, count: (in_v[first : first + count], in_b[first : first + count]),
        )

    parts = [one(torch.nonzero(labels == index)[:, 0]) for index in range(classes)]
    whole = one(torch.arange(len(images), device=images.device))
    rows = [*parts, whole]

    def stacked(of: Callable[[Deviations], Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
        return {name: np.concatenate([of(part)[name][-1:] for part in rows]) for name in aggregations}

    return Deviations(
        layers=whole.layers,
        transformation=stacked(lambda part: part.transformation),
        sample=stacked(lambda part: part.sample),
        images=np.concatenate([part.images for part in parts]),
        correct=None,
    )


def _spread(images: torch.Tensor) -> tuple[Iterable[float], Iterable[float]]:
    """Return mean and standard deviation of each channel; 1 for one that has a single value."""
    mean, std = channel_statistics(images.cpu().numpy())
    return mean, [value or 1.0 for value in std]
