"""Small sets of points of the study of curvature (Sabanayagam et al. 2023), and scikit-learn's iris.

Each is split once, by a permutation that is the same everywhere: half of the points train, a fifth tests, and
the rest validates. The rest stands at the end of the training part, from where `split: {}` takes it:
`validation_fraction: 0.375`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_iris, make_circles, make_moons

from anatomy.data.dataset import PointDataset, write_dataset
from anatomy.data.sources import described
from anatomy.data.subset import given_statistics, selected
from anatomy.runtime.settings import Settings

SPLIT_SEED = 42
# Of the points, those that train and those that test; the rest validates.
USUAL_SPLIT = (0.5, 0.2)

# Points (N, d), and their labels (N,).
Points = tuple[np.ndarray, np.ndarray]
Range = tuple[float, float]


@dataclass(frozen=True)
class Variant:
    """`make` returns all points and labels; `grid` is the range of each axis in which pictures show them.

    `split` are the fractions that train and test; None has every point in every part.
    """

    make: Callable[[], Points]
    classes: Sequence[str]
    grid: tuple[Range, ...] = ()
    split: tuple[float, float] | None = USUAL_SPLIT


def _line() -> Points:
    """Return six points on a line."""
    return np.array([[0.5], [1.0], [1.1], [1.3], [1.4], [1.45]]), np.array([0, 1, 1, 1, 0, 0])


def _blobs(
    means: Sequence[Range], stds: Sequence[Range], labels: Sequence[int], each: int, seed: int
) -> Points:
    """Return so many points around each mean, normal with a standard deviation for each axis."""
    random = np.random.RandomState(seed)
    points = [random.normal(mean, std, (each, 2)) for mean, std in zip(means, stds, strict=True)]
    return np.concatenate(points), np.repeat(labels, each)


def _hierarchical(labels: Sequence[int]) -> Points:
    """Return four blobs, two on the right and two on the left."""
    means = (2, -1), (2, 1), (-2, 1), (-2, -1)
    return _blobs(means, [(0.5, 0.55)] * 4, labels, each=75, seed=34)


def _checkerboard(x: float) -> Points:
    """Return two blobs of each class, at x and at -x, that take turns along y."""
    means = (x, -3), (x, 1), (-x, -1), (-x, 3)
    return _blobs(means, [(0.3, 0.1)] * 4, (0, 0, 1, 1), each=100, seed=41)


def _gauss() -> Points:
    """Return a blob for each of three classes."""
    means, stds = ((2, -1), (-2, 0), (0, 2)), ((0.5, 0.5), (0.5, 1), (0.5, 0.5))
    return _blobs(means, stds, (0, 1, 2), each=100, seed=42)


TWO, THREE, FOUR = (tuple(map(str, range(count))) for count in (2, 3, 4))
SQUARE = ((-4, 4), (-4, 4))
TALL = ((-2, 2), (-4, 4))
IRIS = ("setosa", "versicolor", "virginica")

VARIANTS = {
    "intro1d": Variant(_line, TWO, ((0.35, 1.5),), split=None),
    "gauss": Variant(_gauss, THREE, SQUARE),
    "circle": Variant(
        partial(make_circles, 200, noise=0.1, factor=0.5, random_state=28), TWO, ((-2, 2), (-2, 2))
    ),
    "half-moon": Variant(partial(make_moons, 200, noise=0.1, random_state=28), TWO, ((-1.7, 2.3),) * 2),
    "hierarchical": Variant(partial(_hierarchical, (0, 1, 2, 3)), FOUR, SQUARE),
    "hierarchical-easy": Variant(partial(_hierarchical, (0, 0, 1, 1)), TWO, SQUARE),
    "checkerboard-linear": Variant(partial(_checkerboard, 0.8), TWO, TALL),
    "checkerboard-noisy": Variant(partial(_checkerboard, 0.5), TWO, TALL),
    "iris": Variant(partial(load_iris, return_X_y=True), IRIS, split=(0.8, 0.2)),
}


def make_points(variant: str) -> PointDataset:
    """Return the points of a variant, always the same; those that validate end the training part."""
    chosen = VARIANTS[variant]
    points, labels = chosen.make()
    points, labels = points.astype(np.float32), labels.astype(np.int64)
    train = test = np.arange(len(points))
    if chosen.split is not None:
        train, test = _split(len(points), *chosen.split)
    return PointDataset(points[train], labels[train], points[test], labels[test], chosen.classes)


def _split(count: int, train: float, test: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices of what trains, then validates, and of what tests."""
    order = torch.randperm(count, generator=torch.Generator().manual_seed(SPLIT_SEED)).numpy()
    first, last = round(count * train), round(count * (train + test))
    return np.concatenate([order[:first], order[last:]]), order[first:last]


def prepare(name: str, settings: Settings, folder: Path) -> None:
    """Make the points of the `variant` of its settings; the description has the grid of the pictures."""
    dataset = selected(make_points(settings.variant), name, settings)
    grid = [list(axis) for axis in VARIANTS[settings.variant].grid]
    further = {"grid": grid} if grid else {}
    write_dataset(dataset, folder, name, described(settings), given_statistics(settings), further)
