"""The invariance of a finished run: its units on test images, and its scores on plain and rotated images."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from anatomy.data.batches import Images, evaluation_batch
from anatomy.data.rotation import rotate
from anatomy.networks.forward import intermediates
from anatomy.runtime.errors import InputError
from anatomy.runtime.streams import stream
from anatomy.studies.invariance.affine import Affine, affine_of
from anatomy.studies.invariance.local import local_aggregations, local_measure
from anatomy.studies.invariance.measure import Batch, Deviations, measure, warn_of_broken_units
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
    warn_of_broken_units(found, str(run.folder))
    arrays = {"images": found.images, **_arrays(found)}
    if found.correct is not None:
        arrays["correct"] = found.correct
    if floor is not None:
        arrays |= {f"floor/{name}": values[-1] for name, values in floor.transformation.items()}
    if own.local:
        aggregations = local_aggregations(own.aggregations)
        batches = _batches(*task.test, _count(run, own.images))
        derivatives = local_measure(network, batches, names, task.normalise, aggregations)
        arrays |= {f"local/{name}": values for name, values in derivatives.items()}
    epochs = [epoch for epoch in sorted(own.epochs) if epoch != run.settings.epochs]
    for epoch in epochs:
        earlier = (run.initial_network() if epoch == 0 else run.network(epoch)).to(task.device)
        arrays |= _arrays(_rotated(run, earlier, names, own), f"epoch={epoch}/")
    transformations = _transformations(own.transformations)
    for kind, affine in transformations.items():
        arrays |= _arrays(_transformed(run, network, names, own, affine), f"{kind}/")
    further = {"epochs": [*epochs, run.settings.epochs]} if own.epochs else {}
    if transformations:
        images = _count(run, own.transformations.images)
        further["transformations"] = {kind: [each.count, images] for kind, each in transformations.items()}
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
        **further,
    }
    return Measurement(facts, arrays)


def _arrays(found: Deviations, prefix: str = "") -> dict[str, np.ndarray]:
    """Return V and B by their names in a file."""
    return {
        f"{prefix}{quantity}/{aggregation}": values
        for quantity in ("transformation", "sample")
        for aggregation, values in getattr(found, quantity).items()
    }


def _count(run: TrainedRun, images: int | None) -> int:
    """Return how many test images are measured of those asked for."""
    there = len(run.task.test[1])
    return there if images is None else min(images, there)


def _deviations(
    run: TrainedRun, network: nn.Module, names: dict[str, str], own: Any
) -> tuple[Deviations, Deviations | None]:
    """Return what is measured of test images, and of those turned and turned back if that is asked for."""
    found = _rotated(run, network, names, own)
    if not own.artefacts:
        return found, None
    task, count = run.task, _count(run, own.images)
    images, labels = task.test
    back = Rotations(own.angles, own.jitter, own.seed, back=True, masked=own.mask)
    given = (names, back, task.normalise, own.aggregations, own.sums == "float64")
    return found, measure(network, _batches(images, torch.zeros_like(labels), count), 1, *given)


def _rotated(run: TrainedRun, network: nn.Module, names: dict[str, str], own: Any) -> Deviations:
    """Return what is measured of rotated test images, in the variant that is asked for."""
    task, exact, count = run.task, own.sums == "float64", _count(run, own.images)
    images, labels = task.test
    rotations = Rotations(own.angles, own.jitter, own.seed, masked=own.mask)
    if own.variant == "published":
        pixels = torch.cat(list(images.plain(evaluation_batch(task.input_shape))))[:count]
        return measure_as_published(
            network, pixels, labels[:count], task.classes, names, rotations, own.aggregations, exact
        )
    given = (names, rotations, task.normalise, own.aggregations, exact)
    return measure(network, _batches(images, labels, count), task.classes, *given)


def _transformations(own: Any) -> dict[str, Affine]:
    """Return the further transformations that the settings ask for, by kind."""
    if own is None:
        return {}
    steps = {
        "scale": own.scale and (1, own.scale, 1),
        "translation": own.translation and (1, 1, own.translation),
        "combined": own.combined,
    }
    return {kind: affine_of(kind, given) for kind, given in steps.items() if given}


def _transformed(
    run: TrainedRun, network: nn.Module, names: dict[str, str], own: Any, affine: Affine
) -> Deviations:
    """Return what is measured of transformed test images, of all classes together."""
    task = run.task
    images, labels = task.test
    batches = _batches(images, torch.zeros_like(labels), _count(run, own.transformations.images))
    exact = own.sums == "float64"
    return measure(network, batches, 1, names, affine, task.normalise, own.aggregations, exact)


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
