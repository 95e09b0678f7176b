"""How far apart the ends of a subspace are, from snapshots of its run; numpy only.

Over all convolutions, a classifier that is one included, and over each alone. With w_i the weights of end i,
of n ends, and means over all pairs i < j,

    distance         sqrt(mean |w_i - w_j|^2)
    squared_cosine   mean <w_i, w_j>^2 / (|w_i|^2 |w_j|^2)
    norm             sqrt(mean over ends of |w_i|^2)

Ends are the corners that are points of the subspace: of a curve the two that it joins, else all.

In the plane through three corners, x runs from corner 0 towards corner 1 and y to the side of corner 2; both
are Euclidean distances between all weights.
"""

from collections.abc import Iterator, Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from anatomy.checkpoints.safetensors_files import read_safetensors
from anatomy.checkpoints.snapshots import CORNER, read_content
from anatomy.runtime.errors import InputError
from anatomy.runtime.files import understood

QUANTITIES = ("distance", "squared_cosine", "norm")
COLUMNS = ("experiment", "seed", "epoch", "position", "layer", *QUANTITIES)
# Ends of a curve; its third corner bends it.
ENDS_OF_CURVE = 2
# By which fraction of its larger side the grid of a plane reaches beyond the corners.
MARGIN = 0.25
# Of a height below this fraction of the side, rounding is what is left of it.
FLAT = 1e-6


def rows_of_snapshot(path: Path, curve: bool) -> Iterator[dict[str, Any]]:
    """Yield a row of `COLUMNS` for each convolution of a snapshot, and one, without a layer, for all.

    `InputError` if it has no corners.
    """
    arrays, metadata = read_safetensors(path)
    layers, origin = read_content(path, metadata)
    ends = len({name.partition(".")[0] for name in arrays if name.startswith(CORNER)})
    if ends < 2:
        raise InputError(f"{path} has no corners; expected a snapshot of a run with the key `subspace`")
    ends = ENDS_OF_CURVE if curve else ends
    products = {}
    for layer in layers:
        with understood(path, "a snapshot of a run with the key `subspace`"):
            flat = [
                arrays[f"{CORNER}{end}.{layer.name}.weight"].ravel().astype(np.float64) for end in range(ends)
            ]
            products[layer.layer, layer.name] = np.stack(flat) @ np.stack(flat).T
    with understood(path, "a snapshot of train_network.py"):
        common = {key: origin[key] for key in ("experiment", "seed", "epoch")}
    for (position, name), gram in products.items():
        yield {**common, "position": position, "layer": name, **of_products(gram)}
    yield {**common, "position": None, "layer": None, **of_products(sum(products.values()))}


def of_products(gram: np.ndarray) -> Mapping[str, float]:
    """Return `QUANTITIES` of n ends from their inner products (n, n)."""
    pairs = list(combinations(range(len(gram)), 2))
    distances = [max(gram[i, i] + gram[j, j] - 2 * gram[i, j], 0) for i, j in pairs]
    cosines = [
        gram[i, j] ** 2 / (gram[i, i] * gram[j, j]) if gram[i, i] * gram[j, j] else 0 for i, j in pairs
    ]
    squares = np.sqrt(np.mean(distances)), np.mean(cosines), np.sqrt(np.trace(gram) / len(gram))
    return dict(zip(QUANTITIES, map(float, squares), strict=True))


def coordinates(gram: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    """Return x and y (N, 2) of points with coefficients (N, 3), of inner products (3, 3) of the corners.

    `InputError` if the corners lie on a line.
    """
    along, aside, height = _triangle(gram)
    c = np.asarray(coefficients, float)
    return np.stack([c[:, 1] * along + c[:, 2] * aside, c[:, 2] * height], 1)


def grid_of_plane(gram: np.ndarray, side: int) -> np.ndarray:
    """Return coefficients (side^2, 3) of a grid in the plane through three corners; errors as above."""
    along, aside, height = _triangle(gram)
    left, right = min(0, aside), max(along, aside)
    margin = MARGIN * max(right - left, height)
    x, y = np.meshgrid(
        np.linspace(left - margin, right + margin, side), np.linspace(-margin, height + margin, side)
    )
    second = y.ravel() / height
    first = (x.ravel() - second * aside) / along
    return np.stack([1 - first - second, first, second], 1)


def _triangle(gram: np.ndarray) -> tuple[float, float, float]:
    """Return x of corner 1, and x and y of corner 2."""
    from_first = gram - gram[0] - gram[:, :1] + gram[0, 0]
    along = np.sqrt(max(from_first[1, 1], 0))
    aside = from_first[1, 2] / along if along else 0.0
    height = np.sqrt(max(from_first[2, 2] - aside**2, 0))
    if not height > FLAT * along > 0:
        raise InputError("the three corners lie on a line; a plane needs corners that do not")
    return float(along), float(aside), float(height)
