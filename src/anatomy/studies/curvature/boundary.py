"""The decision boundary in the plane of two inputs, and how alignments change across it.

The class map Y is argmax f on a grid. A pixel belongs to the boundary if |Sobel(Y)| along either axis is at
least a fifth of the largest (the authors' rule). A section of the boundary separates two classes; its edges
are pairs of neighbouring grid points, and its points lie on them, found by bisection. From the top k
eigenvectors the boundary is reconstructed as

    B(x) = sum_{i <= k} lambda_i A_i(x),  divided by its largest magnitude.

Of any direction v, A on one side of the boundary between classes a and b is minus that on the other: there
p_a = p_b = 1/2, and the gradients of both predictions are

    (J_b - J_a)' v / 2  and  (J_a - J_b)' v / 2,    J_c = df_c/dtheta.

So a change of sign says nothing of an eigenvector; how large the jump of A_i is does.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.ndimage import sobel

from anatomy.studies.curvature.gradients import logits_of
from anatomy.studies.curvature.objective import Objective

SOBEL_FRACTION = 1 / 5
# Halvings of the distance of two neighbouring grid points.
BISECTIONS = 40


@dataclass(frozen=True)
class Grid:
    """Points of a regular grid: coordinates along x (W,) and, of a plane, along y (H,).

    `limits` are lowest and highest coordinate along each axis; there are `count` points along each.
    """

    limits: tuple[tuple[float, float], ...]
    count: int = 100

    @property
    def axes(self) -> list[np.ndarray]:
        """The coordinates along each axis."""
        return [np.linspace(low, high, self.count) for low, high in self.limits]

    @property
    def points(self) -> np.ndarray:
        """All points (count^d, d), x running fastest."""
        every = np.meshgrid(*self.axes[::-1], indexing="ij")[::-1]
        return np.stack([axis.reshape(-1) for axis in every], 1)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of a map: (W,) or (H, W)."""
        return (self.count,) * len(self.limits)


@dataclass(frozen=True)
class Section:
    """Edges of the boundary between two classes: flat indices (E,) of the grid points on either side."""

    classes: tuple[int, int]
    one: np.ndarray
    other: np.ndarray


def as_inputs(points: np.ndarray, objective: Objective) -> torch.Tensor:
    """Return points (N, d) as inputs of a network, in the shape of its data."""
    shape = objective.batches[0][0].shape[1:]
    return torch.from_numpy(points).to(objective.device, objective.dtype).reshape(len(points), *shape)


def class_map(objective: Objective, points: np.ndarray) -> np.ndarray:
    """Return argmax f (N,) at points (N, d)."""
    return logits_of(objective, as_inputs(points, objective)).argmax(1).cpu().numpy()


def boundary_pixels(classes: np.ndarray) -> np.ndarray:
    """Return which pixels of a class map belong to the boundary."""
    slopes = np.abs([sobel(classes.astype(float), axis) for axis in range(classes.ndim)])
    return ((slopes >= SOBEL_FRACTION * slopes.max()) & (slopes > 0)).any(0)


def sections(classes: np.ndarray) -> list[Section]:
    """Return the sections of the boundary of a class map, in the order of their classes."""
    flat = np.arange(classes.size).reshape(classes.shape)
    pairs = [
        (np.delete(flat, -1, axis).reshape(-1), np.delete(flat, 0, axis).reshape(-1))
        for axis in range(classes.ndim)
    ]
    one, other = (np.concatenate(side) for side in zip(*pairs, strict=True))
    of_one, of_other = classes.reshape(-1)[one], classes.reshape(-1)[other]
    low, high = np.minimum(of_one, of_other), np.maximum(of_one, of_other)
    found = []
    for a, b in sorted({*zip(low[low != high].tolist(), high[low != high].tolist(), strict=True)}):
        chosen = (low == a) & (high == b)
        swapped = of_one[chosen] != a
        found.append(
            Section(
                (a, b),
                np.where(swapped, other[chosen], one[chosen]),
                np.where(swapped, one[chosen], other[chosen]),
            )
        )
    return found


def jumps(section: Section, along: np.ndarray) -> np.ndarray:
    """Return the mean over edges of |A(x) - A(x')| / 2 (K,), from A (N, K) at all points of the grid.

    It is the mean |A| at the boundary where A changes sign and nothing else, and about 0 where A is
    continuous.
    """
    return np.abs(along[section.one] - along[section.other]).mean(0) / 2


def boundary_points(objective: Objective, points: np.ndarray, found: Sequence[Section]) -> list[np.ndarray]:
    """Return for each section the points (E, d) on its edges at which the class changes, by bisection."""
    every = []
    for section in found:
        inside, outside = points[section.one].copy(), points[section.other].copy()
        for _ in range(BISECTIONS):
            middle = (inside + outside) / 2
            same = (class_map(objective, middle) == section.classes[0])[:, None]
            inside, outside = np.where(same, middle, inside), np.where(same, outside, middle)
        every.append((inside + outside) / 2)
    return every


def reconstruction(values: np.ndarray, along: np.ndarray) -> np.ndarray:
    """Return B (N,) from eigenvalues (k,) and alignments (N, k)."""
    total = along @ values
    return total / max(np.abs(total).max(), np.finfo(float).tiny)
