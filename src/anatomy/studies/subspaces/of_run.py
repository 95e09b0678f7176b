"""A run's subspace, and what is evaluated of the run: through the door of the engine."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from anatomy.networks.subspace import Subspace
from anatomy.runtime.errors import InputError
from anatomy.runtime.fingerprints import fingerprint
from anatomy.runtime.streams import stream
from anatomy.studies.subspaces import evaluation
from anatomy.studies.subspaces.evaluation import COMBINED, Predictions, ensemble_row, single_row
from anatomy.studies.subspaces.geometry import coordinates
from anatomy.studies.subspaces.points import (
    NETWORK,
    PLANE,
    SNAPSHOT,
    Point,
    groups_of,
    points_of,
    points_of_plane,
    points_of_snapshots,
)
from anatomy.studies.subspaces.predicting import predict_test
from anatomy.studies.subspaces.recalibration import RecalibratedPoints, command
from anatomy.studies.subspaces.tables import COORDINATES, KEYS, TRAINED, training_columns
from anatomy.training.trained import TrainedRun

EVALUATIONS = ("experiment", "seed", *TRAINED, *KEYS, *COORDINATES, "images", *evaluation.MEASURES)


@dataclass(frozen=True)
class Asked:
    """Which points of a run are evaluated: what its experiment says under `subspaces`."""

    points: int = 21
    random_points: int = 5
    plane: int = 0
    average: Sequence[int] = ()
    between: Sequence[str] = ()
    endpoint: float = 0.8


def run_identity(run: TrainedRun) -> dict[str, str]:
    """Return what tells the weights of a run from those of all others."""
    return {"experiment": run.facts["experiment"], "sha256": fingerprint(run.facts["sha256"])}


def subspace_of(run: TrainedRun, average: Sequence[int] = ()) -> Subspace:
    """Return the subspace that a run has trained, on its device, or the simplex of its networks at epochs.

    `InputError` if it trains none and `average` has fewer than two epochs, or one whose network the run has
    not kept.
    """
    own = run.settings.subspace
    place = {"device": run.task.device, "memory_format": torch.channels_last}
    if own is not None:
        corners = [corner.to(**place) for corner in run.corners()]
        return Subspace(run.network().to(**place), corners, own.kind, own.layerwise)
    if len(average) < 2:
        raise InputError(
            f"{run.folder} trains no subspace; expected a run with the key `subspace`, or two epochs or more "
            "whose networks are averaged"
        )
    networks = [run.network(epoch).to(**place) for epoch in average]
    # So that layers may have coefficients of their own.
    return Subspace(run.network().to(**place), networks, "simplex", layerwise=True)


def points_of_run(run: TrainedRun, subspace: Subspace, asked: Asked) -> list[Point]:
    """Return the points of `subspace_of` that are evaluated; see `points`."""
    if run.settings.subspace is None:
        own = asked.points, asked.random_points, run.seed, asked.between, asked.endpoint
        return points_of_snapshots(asked.average, subspace.rows, *own)
    corners, random = len(subspace.corners), stream(run.seed, "random points")
    points = points_of(subspace.kind, corners, subspace.rows, asked.points, asked.random_points, random)
    return points + (points_of_plane(gram_of(subspace), asked.plane) if asked.plane else [])


def gram_of(subspace: Subspace) -> np.ndarray:
    """Return the inner products (corners, corners) of the corners, over all their parameters, in float64."""
    corners = [list(corner.parameters()) for corner in subspace.corners]
    total = 0
    for weights in zip(*corners, strict=True):
        flat = torch.stack([own.detach().flatten() for own in weights]).double()
        total = total + flat @ flat.T
    return total.cpu().numpy()


def evaluate_run(run: TrainedRun, points: Path | None) -> tuple[list[dict[str, Any]], Predictions]:
    """Return the rows of `EVALUATIONS` of a run, and what its network says of the test images.

    `points` is the file of the points of a subspace, or of averaged snapshots. `InputError` if that of a
    subspace is missing: no point is evaluated with statistics that are not its own.
    """
    task, own = run.task, run.settings.subspace
    if own is not None and points is None:
        raise InputError(
            f"the points of the subspace of {run.folder} were not recalibrated; run "
            f"{command(run=run.folder)}, and give its output as --points"
        )
    common = {
        "experiment": run.facts["experiment"],
        "seed": run.seed,
        **training_columns(run.settings),
        **dict.fromkeys(COORDINATES),
    }
    labels, rows, of_network = task.test[1].cpu().numpy(), [], None
    if own is None:
        network = run.network().to(device=task.device, memory_format=torch.channels_last)
        of_network = predict_test(network, task)
        single = single_row(of_network, labels, str(run.folder))
        rows.append({"evaluation": NETWORK, "alpha": None, "index": None, **single})
    if points is not None:
        kept = RecalibratedPoints(points, run_identity(run))
        epochs = [point.index for point in kept.points if point.evaluation == SNAPSHOT]
        subspace = subspace_of(run, epochs)

        def predict(position: int) -> Predictions:
            nonlocal of_network
            found = predict_test(kept.load(subspace, position), task)
            if kept.points[position].evaluation == NETWORK:
                of_network = found
            return found

        evaluated = list(rows_of_points(kept.points, predict, labels))
        _place(evaluated, kept.points, subspace)
        rows += evaluated
    return [{**common, **row} for row in rows], of_network


def _place(rows: Sequence[dict[str, Any]], points: Sequence[Point], subspace: Subspace) -> None:
    """Add to the rows of points of a plane where in it they are."""
    inside = [point.coefficients[0].numpy() for point in points if point.evaluation == PLANE]
    if inside:
        found = coordinates(gram_of(subspace), np.stack(inside))
        own = [row for row in rows if row["evaluation"] == PLANE]
        for row, place in zip(own, found, strict=True):
            row.update(zip(COORDINATES, map(float, place), strict=True))


def rows_of_points(
    points: Sequence[Point], predict: Callable[[int], Predictions], labels: np.ndarray
) -> Iterator[dict[str, Any]]:
    """Yield a row for each point, and two for each ensemble of points that are evaluated together.

    `predict(i)` evaluates point i, and is called once. The predictions of one group are held at a time.
    """
    for name, members in groups_of(points):
        found = [predict(position) for position in members]
        for position, one in zip(members, found, strict=True):
            point = points[position]
            own = {"evaluation": point.evaluation, "alpha": point.alpha, "index": point.index}
            named = {key: own[key] for key in ("alpha", "index") if own[key] is not None}
            where = " ".join([point.evaluation, *(f"of {key} {value:g}" for key, value in named.items())])
            yield {**own, **single_row(one, labels, where)}
        if name is not None:
            together = {"evaluation": name, "alpha": points[members[0]].alpha, "index": None}
            for combined in COMBINED:
                yield {**together, **ensemble_row(found, labels, combined)}
