"""Which points of a subspace are evaluated, and which of them together.

    line, curve   at a = 0, ..., 1 in equal steps; a and 1 - a together
    simplex       its corners, its mid-point, random points; all corners, and all random points, together
    plane         of three corners: a grid in the plane through them, the corners first
    snapshots     of a run that trains one network, as the corners of a simplex: the mid-point is their
                  average (SWA, Izmailov et al. 2018), all together a snapshot ensemble (Huang et al. 2017)

Between K snapshots w_k, with their mean m and their variance v weight by weight, also

    line       (1 - a) w_1 + a w_K, as points of a line
    endpoints  t w_j + (1 - t) / (K - 1) sum_{i != j} w_i, and all of these together
    layers     random points with Dirichlet(1) weights drawn for each layer
    weights    the same drawn for each weight
    swag       m + sqrt(v / 2) x + (2 (K - 1))^(-1/2) sum_k z_k (w_k - m), x and z normal (Maddox et al. 2019)

Coefficients of a layerwise subspace are the same for all layers, but for random points, of which each layer
draws its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from anatomy.networks.subspace import Subspace, draw_points, middle, point_at
from anatomy.runtime.errors import InputError
from anatomy.runtime.streams import stream, stream_seed
from anatomy.studies.subspaces.geometry import grid_of_plane

# What a row of the table is of: the network of the run, at the mid-point of a subspace; a point of a line or
# curve at alpha; a corner or random point of a simplex, by its index; a point of the grid of a plane.
NETWORK, POINT, CORNER, RANDOM, PLANE = "network", "point", "corner", "random", "plane"
# Of snapshots: their average; each by its epoch, which is its index, and the point near it.
AVERAGE, SNAPSHOT, ENDPOINT = "average", "snapshot", "endpoint"
# Random points of which each layer, or each weight, draws its own; samples of SWAG.
BY_LAYER, BY_WEIGHT, SWAG = "random by layer", "random by weight", "swag"
# Ensembles of all points of a kind, and of the points alpha and 1 - alpha.
TOGETHER = {
    CORNER: "corners",
    SNAPSHOT: "snapshots",
    ENDPOINT: "endpoints",
    RANDOM: "random points",
    BY_LAYER: "random points by layer",
    BY_WEIGHT: "random points by weight",
    SWAG: "swag samples",
}
PAIR = "pair"
# What may be asked for between snapshots beside random points.
BETWEEN = ("line", "endpoints", "layers", "weights", "swag")

# To which alpha and 1 - alpha are compared.
DIGITS = 9


@dataclass(frozen=True)
class Point:
    """A point: what it is (`evaluation`), where, and its coefficients (rows, corners), in float64.

    What coefficients do not tell is `drawn` anew by `seed` whenever a network is moved there: a Dirichlet
    distribution for each weight (`weights`), or SWAG's noise of each weight (`diagonal`).
    """

    evaluation: str
    coefficients: torch.Tensor
    alpha: float | None = None
    index: int | None = None
    drawn: str | None = None
    seed: int | None = None


@torch.no_grad()
def move(subspace: Subspace, point: Point) -> None:
    """Give the network of a subspace the weights of a point."""
    subspace.move(point.coefficients)
    if point.drawn is None:
        return
    # On the CPU, so that every type of device has the same point.
    generator = torch.Generator().manual_seed(point.seed)
    corners = zip(*(corner.parameters() for corner in subspace.corners), strict=True)
    for own, weights in zip(subspace.network.parameters(), corners, strict=True):
        stacked = torch.stack(weights)
        if point.drawn == "weights":
            lengths = torch.empty(stacked.shape).exponential_(generator=generator).to(own.device)
            own.copy_((lengths * stacked).sum(0) / lengths.sum(0))
        else:
            noise = torch.randn(own.shape, generator=generator).to(own.device)
            own.add_(stacked.std(0, correction=0) * noise, alpha=0.5**0.5)


def points_of(
    kind: str, corners: int, rows: int, count: int, random_count: int, generator: torch.Generator
) -> list[Point]:
    """Return the points of a subspace that are evaluated; the mid-point is the first.

    `count` is odd: points of a line or curve. Of a simplex, `random_count` are drawn; each of `rows` layers
    has coefficients of its own there.
    """
    points = [Point(NETWORK, middle(kind, corners).view(1, -1), None if kind == "simplex" else 0.5)]
    if kind != "simplex":
        others = [alpha for alpha in _steps(count) if alpha != 0.5]
        return points + [Point(POINT, point_at(kind, corners, a).view(1, -1), a) for a in others]
    points += _corners(CORNER, range(corners))
    return points + _random(RANDOM, corners, random_count, rows, generator)


def points_of_plane(gram: np.ndarray, side: int) -> list[Point]:
    """Return three corners, and a grid of side x side points around them, of their inner products (3, 3).

    `InputError` if there are not three, or if they lie on a line.
    """
    if len(gram) != 3:
        raise InputError(f"a plane goes through three corners; the subspace has {len(gram)}")
    grid = torch.from_numpy(grid_of_plane(gram, side))
    every = torch.cat([torch.eye(3, dtype=torch.float64), grid])
    return [Point(PLANE, each.view(1, -1), index=index) for index, each in enumerate(every)]


def points_of_snapshots(
    epochs: Sequence[int],
    rows: int,
    count: int,
    random_count: int,
    seed: int,
    between: Sequence[str] = (),
    endpoint: float = 0.8,
) -> list[Point]:
    """Return the points of a simplex of snapshots that are evaluated; their average is the first.

    Beside each of them and `random_count` random points those that `between` names: `count` of a line,
    `random_count` of each other random kind, and for each snapshot the point with `endpoint` of its weights.
    `InputError` for another name.
    """
    if unknown := [name for name in between if name not in BETWEEN]:
        raise InputError(f"{unknown[0]!r} is nothing between snapshots; expected {', '.join(BETWEEN)}")
    corners, random = len(epochs), stream(seed, "random points")
    points = [Point(AVERAGE, middle("simplex", corners).view(1, -1)), *_corners(SNAPSHOT, epochs)]
    points += _random(RANDOM, corners, random_count, 1, random)
    unit = torch.eye(corners, dtype=torch.float64)
    if "line" in between:
        points += [
            Point(POINT, ((1 - alpha) * unit[:1] + alpha * unit[-1:]), alpha) for alpha in _steps(count)
        ]
    if "endpoints" in between:
        near = (endpoint - (1 - endpoint) / (corners - 1)) * unit + (1 - endpoint) / (corners - 1)
        points += [Point(ENDPOINT, near[i].view(1, -1), index=epoch) for i, epoch in enumerate(epochs)]
    if "layers" in between:
        own = stream(seed, "random points", BY_LAYER)
        points += _random(BY_LAYER, corners, random_count, rows, own)
    equal = middle("simplex", corners).view(1, -1)
    if "weights" in between:
        seeds = [stream_seed(seed, BY_WEIGHT, index) for index in range(random_count)]
        points += [Point(BY_WEIGHT, equal, None, i, "weights", own) for i, own in enumerate(seeds)]
    if "swag" in between:
        own = stream(seed, "random points", SWAG)
        for index in range(random_count):
            z = torch.randn(1, corners, dtype=torch.float64, generator=own)
            # sum_k z_k (w_k - m) as coefficients of w_k.
            coefficients = equal + (z - z.mean()) / (2 * (corners - 1)) ** 0.5
            noise = stream_seed(seed, SWAG, index)
            points.append(Point(SWAG, coefficients, None, index, "diagonal", noise))
    return points


def _steps(count: int) -> list[float]:
    """Return `count` numbers from 0 to 1 in equal steps."""
    return [index / (count - 1) for index in range(count)]


def _corners(evaluation: str, names: Sequence[int]) -> list[Point]:
    """Return all corners of a simplex, each with its index."""
    unit = torch.eye(len(names), dtype=torch.float64)
    return [Point(evaluation, unit[i].view(1, -1), index=name) for i, name in enumerate(names)]


def _random(evaluation: str, corners: int, count: int, rows: int, generator: torch.Generator) -> list[Point]:
    """Return random points of a simplex; each of `rows` layers has coefficients of its own."""
    drawn = draw_points("simplex", corners, count, rows, generator)
    return [Point(evaluation, each, index=index) for index, each in enumerate(drawn)]


def groups_of(points: Sequence[Point]) -> list[tuple[str | None, list[int]]]:
    """Return the points that are evaluated together, by position, and what their ensemble is called.

    Each point is in one group; a group of one has no ensemble.
    """
    groups: list[tuple[str | None, list[int]]] = []
    single = [i for i, p in enumerate(points) if p.evaluation not in TOGETHER]
    by_alpha = {round(points[i].alpha, DIGITS): i for i in single if points[i].alpha is not None}
    for position in single:
        alpha = points[position].alpha
        mirrored = None if alpha is None else by_alpha.get(round(1 - alpha, DIGITS))
        if mirrored in (None, position):
            groups.append((None, [position]))
        elif alpha < 0.5:
            groups.append((PAIR, [position, mirrored]))
    for evaluation, name in TOGETHER.items():
        members = [i for i, point in enumerate(points) if point.evaluation == evaluation]
        if members:
            groups.append((name if len(members) > 1 else None, members))
    return groups
