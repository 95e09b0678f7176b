"""What is refused before the first step of a run: settings and batches that it cannot be trained with."""

import torch
from torch import nn

from anatomy.networks.batch_norm import normalisations
from anatomy.runtime.errors import InputError
from anatomy.runtime.settings import Settings, run_problems
from anatomy.training.task import Task


def require_settings(settings: Settings) -> None:
    """Raise `InputError` unless the settings of a run go together, and all `snapshots` are epochs of it."""
    if problems := list(run_problems(settings)):
        raise InputError("; ".join(problems))
    asked = settings.snapshots.epochs
    for epoch in () if asked == "all" else asked:
        if type(epoch) is not int or not 0 <= epoch <= settings.epochs:
            raise InputError(f"snapshots: {epoch!r} is no epoch of the run; allowed: 0 to {settings.epochs}")


def require_batches(task: Task, network: nn.Module) -> None:
    """Raise `InputError` if a batch, or a part of it, is one image on which `network` cannot be trained.

    Batch normalisation has no variance of a single value per channel.
    """
    frozen = task.settings.batch_norm
    if not normalisations(network) or (frozen is not None and frozen.frozen_after == 0):
        return
    images, size, subspace = len(task.train_labels), task.settings.batch_size, task.settings.subspace
    samples = 1 if subspace is None else subspace.num_samples
    batches = {min(size, images), images % size or size}
    if min(batch // max(1, batch * samples // size) for batch in batches) > 1:
        return
    try:
        # Of weights and statistics of its own.
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            task.initial_network().train()(torch.zeros(1, *task.input_shape))
    except ValueError as error:
        raise InputError(
            f"batch_size: {size} leaves a batch, or a part, of one of the {images} training images, on which "
            "batch normalisation cannot be trained; change it"
        ) from error
