"""The invariance of a finished run: its units on test images, and its scores on plain and rotated images."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import nn

from anatomy.data.batches import Images, evaluation_batch
from anatomy.data.rotation import rotate
from anatomy.networks.forward import intermediates
from anatomy.runtime.errors import InputError
from anatomy.runtime.streams import stream
from anatomy.studies.invariance.measure import Batch, Deviations, measure
from anatomy.studies.invariance.measurement import Measurement, described
from anatomy.studies.invariance.published import measure_as_published
from anatomy.studies.invariance.rotations import Rotations
from anatomy.training.evaluation import evaluate
from anatomy.training.losses import loss_of
from anatomy.training.trained import TrainedRun

# Outputs of so many images stay in the caches of a CPU.
BATCH = 64


def measure_run(run: TrainedRun, own: Any) -> Measurement:
    """Measure the trained network of a run as its settings `own` (the schema's entry of an experiment) say.

    `InputError` for a run on points, and for layers that its network does not have.
    """
    task = run.task
    if task.has_points:
        raise InputError(
            f"{run.folder} was trained on points, which cannot be rotated; "
            "remove `invariance` from the experiment"
        )
    network = run.network().to(task.device)
    names = {name: name for name in own.layers} if own.layers else intermediates(network, task.input_shape)
    found, floor = _deviations(run, network, names, own)
    arrays = {"images": found.images}
    if found.correct is not None:
        arrays["correct"] = found.correct
    for aggregation in own.aggregations:
        arrays[f"transformation/{aggregation}"] = found.transformation[aggregation]
        arrays[f"sample/{aggregation}"] = found.sample[aggregation]
        if floor is not None:
            arrays[f"floor/{aggregation}"] = floor.transformation[aggregation][-1]
    facts = {
        "experiment": run.facts["experiment"],
        "seed": run.seed,
        "epoch": run.settings.epochs,
        "sha256": run.facts["sha256"]["final.safetensors"],
        "classes": [str(name) for name in task.dataset.classes],
        "angles": Rotations(own.angles).angles.tolist(),
        "aggregations": list(own.aggregations),
        "layers": described(found.layers),
        "scores": list(scores(run, network, own.seed)),
    }
    return Measurement(facts, arrays)


def _deviations(
    run: TrainedRun, network: nn.Module, names: dict[str, str], own: Any
) -> tuple[Deviations, Deviations | None]:
    """Return what is measured of test images, and of those turned and turned back if that is asked for."""
    task, exact = run.task, own.sums == "float64"
    images, labels = task.test
    count = len(labels) if own.images is None else min(own.images, len(labels))
    rotations = Rotations(own.angles, own.jitter, own.seed, masked=own.mask)
    if own.variant == "published":
        pixels = torch.cat(list(images.plain(evaluation_batch(task.input_shape))))[:count]
        return measure_as_published(
            network, pixels, labels[:count], task.classes, names, rotations, own.aggregations, exact
        ), None
    given = (task.classes, names, rotations, task.normalise, own.aggregations, exact)
    found = measure(network, _batches(images, labels, count), *given)
    if not own.artefacts:
        return found, None
    back = replace(rotations, back=True)
    one = torch.zeros_like(labels)
    return found, measure(network, _batches(images, one, count), 1, names, back, *given[3:])


def _batches(images: Images, labels: torch.Tensor, count: int) -> Iterator[Batch]:
    """Yield the first `count` images with their labels."""
    size = evaluation_batch(images.shape, BATCH)
    for batch, target in zip(images.plain(size), labels.split(size), strict=True):
        if count <= 0:
            return
        yield batch[:count], target[:count]
        count -= len(batch)


def scores(run: TrainedRun, network: nn.Module, seed: int) -> Iterator[dict[str, Any]]:
    """Yield loss and accuracy on training and test images, plain and each turned by a random angle."""
    task = run.task
    for part, (images, labels) in (("train", task.train), ("test", task.test)):
        for rotated in (False, True):
            shown = _Turned(images, seed, part) if rotated else images
            loss, accuracy = evaluate(
                network,
                shown,
                labels,
                task.normalise,
                run.settings.precision,
                loss_of(run.settings.loss.kind),
            )
            yield {
                "part": part,
                "rotated": rotated,
                "images": len(labels),
                "loss": loss if np.isfinite(loss) else None,
                "accuracy": accuracy,
            }


@dataclass(frozen=True)
class _Turned:
    """Images each turned by an angle drawn uniformly from a whole turn, the same at every pass."""

    images: Images
    seed: int
    part: str

    @property
    def shape(self) -> tuple[int, ...]:
        """(C, H, W) of each."""
        return self.images.shape

    def plain(self, size: int) -> Iterator[torch.Tensor]:
        """Yield all images in their order, `size` at a time: uint8 (B, C, H, W)."""
        generator = stream(self.seed, "invariance scores", self.part)
        for batch in self.images.plain(size):
            angles = 360 * torch.rand(len(batch), generator=generator, dtype=torch.float64) - 180
            yield rotate(batch, angles.to(batch.device))
