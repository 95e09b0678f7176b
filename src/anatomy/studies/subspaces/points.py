"""Which points of a subspace are evaluated, and which of them together.

    line, curve   at a = 0, ..., 1 in equal steps; a and 1 - a together
    simplex       its corners, its mid-point, random points; all corners, and all random points, together
    snapshots     of a run that trains one network, as the corners of a simplex: the mid-point is their
                  average (SWA, Izmailov et al. 2018), all together a snapshot ensemble (Huang et al. 2017)

Coefficients of a layerwise subspace are the same for all layers, but for random points, of which each layer
draws its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from anatomy.networks.subspace import draw_points, middle, point_at

# What a row of the table is of: the network of the run, at the mid-point of a subspace; a point of a line or
# curve at alpha; a corner or random point of a simplex, by its index.
NETWORK, POINT, CORNER, RANDOM = "network", "point", "corner", "random"
# Of snapshots: their average; each by its epoch, which is its index.
AVERAGE, SNAPSHOT = "average", "snapshot"
# And ensembles of several: the points alpha and 1 - alpha; all corners; all snapshots; all random points.
PAIR, CORNERS, SNAPSHOTS, RANDOMS = "pair", "corners", "snapshots", "random points"

# To which alpha and 1 - alpha are compared.
DIGITS = 9


@dataclass(frozen=True)
class Point:
    """A point: what it is (`evaluation`), where, and its coefficients (rows, corners), in float64."""

    evaluation: str
    coefficients: torch.Tensor
    alpha: float | None = None
    index: int | None = None


def points_of(
    kind: str, corners: int, rows: int, count: int, random_count: int, generator: torch.Generator
) -> list[Point]:
    """Return the points of a subspace that are evaluated; the mid-point is the first.

    `count` is odd: points of a line or curve. Of a simplex, `random_count` are drawn; each of `rows` layers
    has coefficients of its own there.
    """
    points = [Point(NETWORK, middle(kind, corners).view(1, -1), None if kind == "simplex" else 0.5)]
    if kind != "simplex":
        alphas = [index / (count - 1) for index in range(count)]
        others = [alpha for alpha in alphas if alpha != 0.5]
        return points + [Point(POINT, point_at(kind, corners, a).view(1, -1), a) for a in others]
    unit = torch.eye(corners, dtype=torch.float64)
    points += [Point(CORNER, unit[index].view(1, -1), index=index) for index in range(corners)]
    drawn = draw_points(kind, corners, random_count, rows, generator)
    return points + [Point(RANDOM, each, index=index) for index, each in enumerate(drawn)]


def points_of_snapshots(
    epochs: Sequence[int], rows: int, random_count: int, generator: torch.Generator
) -> list[Point]:
    """Return the points of a simplex of snapshots that are evaluated; their average is the first."""
    named = {NETWORK: AVERAGE, CORNER: SNAPSHOT}
    return [
        replace(
            point,
            evaluation=named.get(point.evaluation, point.evaluation),
            index=epochs[point.index] if point.evaluation == CORNER else point.index,
        )
        for point in points_of("simplex", len(epochs), rows, 0, random_count, generator)
    ]


def groups_of(points: Sequence[Point]) -> list[tuple[str | None, list[int]]]:
    """Return the points that are evaluated together, by position, and what their ensemble is called.

    Each point is in one group; a group of one has no ensemble.
    """
    groups: list[tuple[str | None, list[int]]] = []
    single = [i for i, p in enumerate(points) if p.evaluation in (NETWORK, POINT, AVERAGE)]
    by_alpha = {round(points[i].alpha, DIGITS): i for i in single if points[i].alpha is not None}
    for position in single:
        alpha = points[position].alpha
        mirrored = None if alpha is None else by_alpha.get(round(1 - alpha, DIGITS))
        if mirrored in (None, position):
            groups.append((None, [position]))
        elif alpha < 0.5:
            groups.append((PAIR, [position, mirrored]))
    for evaluation, name in ((CORNER, CORNERS), (SNAPSHOT, SNAPSHOTS), (RANDOM, RANDOMS)):
        members = [i for i, point in enumerate(points) if point.evaluation == evaluation]
        if members:
            groups.append((name if len(members) > 1 else None, members))
    return groups
