"""A run's subspace, and what is evaluated of the run: through the door of the engine."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from anatomy.networks.subspace import Subspace
from anatomy.runtime.errors import InputError
from anatomy.runtime.fingerprints import fingerprint
from anatomy.studies.subspaces import evaluation
from anatomy.studies.subspaces.evaluation import COMBINED, Predictions, ensemble_row, single_row
from anatomy.studies.subspaces.points import NETWORK, Point, groups_of
from anatomy.studies.subspaces.predicting import predict_test
from anatomy.studies.subspaces.recalibration import PROGRAM, RecalibratedPoints
from anatomy.studies.subspaces.tables import KEYS, SUBSPACE, subspace_columns
from anatomy.training.trained import TrainedRun

EVALUATIONS = ("experiment", "seed", *SUBSPACE, *KEYS, "images", *evaluation.MEASURES)


def run_identity(run: TrainedRun) -> dict[str, str]:
    """Return what tells the weights of a run from those of all others."""
    return {"experiment": run.facts["experiment"], "sha256": fingerprint(run.facts["sha256"])}


def subspace_of(run: TrainedRun, epoch: int | None = None) -> Subspace:
    """Return the subspace that a run has trained, on its device; `InputError` if it trains none."""
    own = run.settings.subspace
    if own is None:
        raise InputError(f"{run.folder} trains no subspace; expected a run with the key `subspace`")
    place = {"device": run.task.device, "memory_format": torch.channels_last}
    corners = [corner.to(**place) for corner in run.corners(epoch)]
    return Subspace(run.network(epoch).to(**place), corners, own.kind, own.layerwise)


def evaluate_run(run: TrainedRun, points: Path | None) -> tuple[list[dict[str, Any]], Predictions]:
    """Return the rows of `EVALUATIONS` of a run, and what its network says of the test images.

    `points` is the file of the points of a subspace. `InputError` if it is missing: no point is evaluated
    with statistics that are not its own.
    """
    task, own = run.task, run.settings.subspace
    if own is not None:
        if points is None:
            raise InputError(
                f"the points of the subspace of {run.folder} were not recalibrated; run {PROGRAM}, and give "
                "its output as --points"
            )
        subspace, kept = subspace_of(run), RecalibratedPoints(points, run_identity(run))
        listed = kept.points
    else:
        network = run.network().to(device=task.device, memory_format=torch.channels_last)
        listed = [Point(NETWORK, torch.ones(1, 1, dtype=torch.float64))]
    first: list[Predictions] = []

    def predict(position: int) -> Predictions:
        found = predict_test(network if own is None else kept.load(subspace, position), task)
        if listed[position].evaluation == NETWORK:
            first.append(found)
        return found

    columns = subspace_columns(None if own is None else own.complete())
    common = {"experiment": run.facts["experiment"], "seed": run.seed, **columns}
    rows = [{**common, **row} for row in rows_of_points(listed, predict, task.test[1].cpu().numpy())]
    return rows, first[0]


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
            yield {**own, **single_row(one, labels)}
        if name is not None:
            together = {"evaluation": name, "alpha": points[members[0]].alpha, "index": None}
            for combined in COMBINED:
                yield {**together, **ensemble_row(found, labels, combined)}
