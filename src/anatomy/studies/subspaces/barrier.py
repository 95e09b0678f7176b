"""Barriers between networks of different seeds: accuracy and loss along the line from one to another.

As trained, and with the units of the other permuted to match those of the first. The barrier of a line is
how far its lowest accuracy, or highest loss, lies from the straight line between both ends.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import torch

from anatomy.networks.subspace import Subspace, point_at
from anatomy.runtime.errors import InputError
from anatomy.studies.subspaces.matching import chain_of, matched
from anatomy.training.evaluation import evaluate
from anatomy.training.losses import loss_of
from anatomy.training.trained import TrainedRun

COLUMNS = ("experiment", "seed", "other", "matched", "alpha", "accuracy", "loss", "images")


def rows_of_pair(first: TrainedRun, other: TrainedRun, count: int) -> Iterator[dict[str, Any]]:
    """Yield a row for each of `count` points of the line between two runs, and as many with matched units.

    `InputError` for networks that are no chains, and for runs of different networks.
    """
    task, loss = first.task, loss_of(first.settings.loss.kind)
    place = {"device": task.device, "memory_format": torch.channels_last}
    begin, end, middle = first.network(), other.network(), first.network().to(**place)
    chain_of(begin)
    images, labels = task.test
    for is_matched in (False, True):
        if is_matched:
            end.load_state_dict(matched(end, begin, first.seed))
        line = Subspace(middle, [begin.to(**place), end.to(**place)], "line")
        for step in range(count):
            alpha = step / (count - 1)
            line.move(point_at("line", 2, alpha))
            lost, accuracy = evaluate(
                line.network, images, labels, task.normalise, task.settings.precision, loss
            )
            yield {
                **{"experiment": first.facts["experiment"], "seed": first.seed, "other": other.seed},
                **{"matched": is_matched, "alpha": alpha, "accuracy": accuracy, "loss": lost},
                "images": len(labels),
            }


def rows_of_runs(runs: Sequence[TrainedRun], count: int) -> Iterator[dict[str, Any]]:
    """Yield the rows of `COLUMNS` of the first of several runs and each of the others."""
    if len(runs) < 2:
        raise InputError("one run is given; a barrier lies between two")
    for other in runs[1:]:
        yield from rows_of_pair(runs[0], other, count)
