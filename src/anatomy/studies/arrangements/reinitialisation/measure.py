"""Accuracy under every reset on the test images of a data set, by a job that goes on where it was stopped."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from anatomy.networks.memory_order import order_for_inference
from anatomy.reporting.statistics import paired_difference_interval
from anatomy.runtime.devices import processor
from anatomy.runtime.fingerprints import fingerprint
from anatomy.runtime.locks import locked
from anatomy.runtime.progress import progress
from anatomy.studies.arrangements.reinitialisation.predictions import TOP_FIVE, Predictions, discard
from anatomy.studies.arrangements.reinitialisation.resetter import MEMORY, Cell, Resetter, count_correct
from anatomy.studies.arrangements.reinitialisation.weights import LayerWeights, fold_all
from anatomy.training.evaluation import autocast
from anatomy.training.task import Task

COLUMNS = (
    "experiment",
    "seed",
    "layer",
    "name",
    "reset_to",
    "images",
    "trained_accuracy",
    "accuracy",
    "drop",
    "relative_drop",
    "kind",
    "lost",
    "gained",
    "drop_low",
    "drop_high",
)


@dataclass(frozen=True)
class Effort:
    """What a job computes with, beside the device of its task: CPU threads, and images at a time.

    At most `batch_size` images go through at a time. `memory` in MiB bounds their activations; None is the
    usual one of the device.
    """

    threads: int
    batch_size: int
    memory: int | None = None


def batches_of_test(task: Task, first: int, size: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield what the network sees of the test images from `first` on, and their labels, `size` at a time.

    Float images (B, C, H, W) and labels (B,). Images before are not even read.
    """
    labels = torch.from_numpy(task.dataset.test_labels)
    if first == len(labels):
        return
    if first:
        print(f"continuing after image {first} of {len(labels)}", file=sys.stderr, flush=True)
    images = task.open("test", torch.arange(first, len(labels)))
    targets = progress(labels[first:].to(task.device).split(size), "batches of test images")
    for target, batch in zip(targets, images.plain(size), strict=True):
        yield task.normalise(batch), target


@contextmanager
def measured(
    network: nn.Module,
    resets: Mapping[str, LayerWeights],
    linear: bool,
    task: Task,
    effort: Effort,
    origin: Mapping[str, Any],
    decisive: Mapping[str, Any],
    folder: Path,
) -> Iterator[tuple[list[dict[str, Any]], int]]:
    """Measure `network` with each layer reset in turn, linear ones if asked for; it is moved and folded.

    Yields the rows of `reinitialisation_rows`, and how many images have their label among the five
    likeliest classes. Predictions are kept in `folder` until the context ends without an error, and the same
    job goes on there: with the same code, weights and data, which `decisive` identifies. `InputError` if a
    process works there.
    """
    device, precision = task.device, task.settings.precision
    memory = effort.memory or MEMORY[device.type]
    resets = fold_all(network, resets, task.input_shape)
    order_for_inference(network, task.input_shape, device, precision)
    resetter = Resetter(network, resets, task.input_shape, linear)
    size = resetter.batch_size(effort.batch_size, memory)
    decisive = {
        **decisive,
        "resets": list(resets),
        "linear": linear,
        "torch": torch.__version__,
        "processor": processor(device.type),
        "threads": effort.threads,
        # The memory says how many resets go through together, which decides the last bits.
        "images at a time": (size, memory),
    }
    with locked(folder, "evaluated"), closing(Predictions(folder, fingerprint(decisive))) as predictions:
        batches = batches_of_test(task, predictions.images, size)
        with autocast(device, precision):
            baseline, cells = count_correct(resetter, batches, predictions, memory)
        yield (
            reinitialisation_rows(baseline, cells, len(task.dataset.test_labels), origin),
            predictions.correct(TOP_FIVE),
        )
    discard(folder)


def reinitialisation_rows(
    baseline: int, cells: Sequence[Cell], images: int, origin: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Return one row of `COLUMNS` per cell; accuracies and drops are fractions of `images`.

    `drop_low` and `drop_high` are the 95 % interval of the drop over images, those before and after the
    reset being the same ones. A reset that leaves the network as it is changes no prediction of any image:
    its interval is 0 to 0.
    """
    trained = baseline / images
    lows, highs = paired_difference_interval(
        [cell.lost for cell in cells], [cell.gained for cell in cells], images
    )
    rows = []
    for cell, low, high in zip(cells, lows.tolist(), highs.tolist(), strict=True):
        accuracy = cell.correct / images
        drop = trained - accuracy
        rows.append(
            {
                "experiment": origin["experiment"],
                "seed": origin["seed"],
                "layer": cell.layer,
                "name": cell.name,
                "reset_to": cell.reset_to,
                "images": images,
                "trained_accuracy": trained,
                "accuracy": accuracy,
                "drop": drop,
                "relative_drop": drop / trained if trained else None,
                "kind": cell.layer_type,
                "lost": cell.lost,
                "gained": cell.gained,
                "drop_low": 0.0 if cell.same else low,
                "drop_high": 0.0 if cell.same else high,
            }
        )
    return rows
