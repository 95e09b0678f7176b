"""Any networks of one architecture, trained here or not, as corners of a line, curve or simplex.

    between = anatomy.line(one, other)
    between.recalibrate(batches, points=11)       # inputs as the networks take them, of training images
    table = between.sweep(batches, labels)        # one row for each point and each ensemble of two

What recalibrates a point is kept; a point that was not recalibrated is not evaluated, if there is batch
normalisation.
"""

from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy

import numpy as np
import pandas as pd
import torch
from torch import nn

from anatomy.networks.batch_norm import normalisations
from anatomy.networks.subspace import Subspace, point_at
from anatomy.runtime.errors import InputError
from anatomy.runtime.streams import stream
from anatomy.studies.subspaces import matching, recalibration
from anatomy.studies.subspaces.evaluation import MEASURES
from anatomy.studies.subspaces.of_run import rows_of_points
from anatomy.studies.subspaces.points import POINT, Point, points_of
from anatomy.studies.subspaces.predicting import predict
from anatomy.studies.subspaces.tables import KEYS

Batches = Iterable[torch.Tensor] | Callable[[], Iterable[torch.Tensor]]


def line(first: nn.Module, second: nn.Module) -> "BetweenNetworks":
    """Return the line from one network (alpha 0) to another (alpha 1).

    `InputError` names the first parameter in which they differ.
    """
    return BetweenNetworks([first, second], "line")


def curve(first: nn.Module, second: nn.Module, control: nn.Module) -> "BetweenNetworks":
    """Return the quadratic Bezier curve from one network to another, bent by a third; errors as of `line`."""
    return BetweenNetworks([first, second, control], "bezier")


def simplex(*corners: nn.Module) -> "BetweenNetworks":
    """Return all convex combinations of two networks or more; errors as of `line`."""
    return BetweenNetworks(corners, "simplex")


def matched(network: nn.Module, reference: nn.Module, seed: int = 0) -> nn.Module:
    """Return a copy of a network with its hidden units renumbered to match those of another.

    It computes the same. `seed` draws the order in which layers take turns. `InputError` for networks that
    are no chain of convolutions and linear layers, or have batch normalisation, and for different ones.
    """
    found = deepcopy(network)
    found.load_state_dict(matching.matched(network, reference, seed))
    return found


class BetweenNetworks:
    """A line, curve or simplex of given networks, which stay as they are."""

    def __init__(self, corners: Sequence[nn.Module], kind: str):
        """Take copies of the corners; buffers but batch normalisation's statistics are the first one's."""
        copies = [deepcopy(corner).eval() for corner in corners]
        if not copies:
            raise InputError("no networks are given; a simplex has at least two corners")
        self.subspace = Subspace(deepcopy(copies[0]), copies, kind)
        self.kind, self.points, self.statistics = kind, [], {}

    def recalibrate(
        self,
        batches: Batches,
        points: int = 11,
        random_points: int = 5,
        at: Sequence | None = None,
        seed: int = 0,
    ) -> "BetweenNetworks":
        """Choose points, and take their statistics of batch normalisation in one pass over batches each.

        `batches` are inputs (B, ...) as the networks take them: a list, a loader that can be gone through
        again, or a function that returns such. `points` (odd, at least 3) lie on a line or curve,
        `random_points` in a simplex beside its corners and its mid-point, drawn with `seed`. Or `at` has
        other points: numbers of [0, 1], or lists of coefficients. `InputError` for a point outside. Returns
        itself.
        """
        corners = len(self.subspace.corners)
        if at is not None:
            listed = [
                Point(POINT, point_at(self.kind, corners, own).view(1, -1), own if np.isscalar(own) else None)
                for own in at
            ]
        else:
            if points < 3 or points % 2 == 0:
                why = "is even, so that there is no mid-point" if points % 2 == 0 else "has not both ends"
                raise InputError(f"points: {points} {why}; expected an odd number of at least 3")
            random = stream(seed, "random points")
            listed = points_of(self.kind, corners, 1, points, random_points, random)
        passes = _passes(batches)
        self.statistics = recalibration.recalibrated(self.subspace, listed, passes)
        self.points = listed
        return self

    def network(self, at: float | Sequence[float]) -> nn.Module:
        """Return a copy of the network at a point: a number of [0, 1], or coefficients of a simplex.

        With the statistics of the point. `InputError` if it is outside, or was not recalibrated.
        """
        coefficients = point_at(self.kind, len(self.subspace.corners), at).view(1, -1)
        found = [i for i, point in enumerate(self.points) if torch.equal(point.coefficients, coefficients)]
        if not found:
            if normalisations(self.subspace.network):
                raise InputError(
                    f"the point {at} was not recalibrated; call recalibrate(batches, at=[{at}]) first"
                )
            self.subspace.move(coefficients)
            return deepcopy(self.subspace.network)
        return deepcopy(self._moved(found[0]))

    def sweep(self, batches: Batches, labels: torch.Tensor | np.ndarray) -> pd.DataFrame:
        """Evaluate all points that were recalibrated, and ensembles of them, on batches with labels (N,).

        One row for each: `evaluation` (network: the mid-point; point, corner, random; pair: alpha and
        1 - alpha together; corners, random points), `alpha`, `index`, `members`, `combined` (of ensembles:
        logits or probabilities), `images`; accuracy, loss, Brier score and calibration errors with 95 %
        intervals over images; of ensembles how differently members predict. `InputError` before
        `recalibrate`.
        """
        if not self.points:
            raise InputError("no points were recalibrated; call recalibrate(batches) first")
        expected = np.asarray(labels)
        passes = _passes(batches)

        def at(position: int):
            found = predict(self._moved(position), passes())
            if len(found.logits) != len(expected):
                raise InputError(
                    f"batches have {len(found.logits)} inputs, and there are {len(expected)} labels"
                )
            return found

        rows = rows_of_points(self.points, at, expected)
        return pd.DataFrame(rows, columns=[*KEYS, "images", *MEASURES])

    @torch.no_grad()
    def _moved(self, position: int) -> nn.Module:
        self.subspace.move(self.points[position].coefficients)
        for name, buffer in recalibration.statistics_of(self.subspace.network).items():
            buffer.copy_(self.statistics[name][position])
        return self.subspace.network.eval()


def _passes(batches: Batches) -> Callable[[], Iterable[torch.Tensor]]:
    """Return what begins a pass over copies of batches, as a network may change its inputs.

    `InputError` for what can be gone through once only.
    """
    if callable(batches):
        return lambda: map(torch.clone, batches())
    if iter(batches) is batches:
        raise InputError(
            "batches can be gone through once only; give a list, or a function that returns them"
        )
    return lambda: map(torch.clone, batches)
