"""Losses: one module for each kind, found by its name.

Each has `loss(logits, target, reduction="mean")`: of outputs (B, classes) and class indices (B,) the mean
over the batch or, with `sum`, the sum. Its literal TAKES lists the keys of `loss` in the configuration,
beside `kind`, that it takes; with `smoothing`, so does `loss`.
"""

from collections.abc import Callable
from functools import partial
from importlib import import_module

from anatomy.runtime.named import module_in
from anatomy.runtime.settings import Settings


def module_of(kind: str) -> str:
    """Return the dotted name of the module of a kind of loss; `InputError` if there is none."""
    return module_in(__name__, kind, "loss.kind")


def loss_of(kind: str) -> Callable:
    """Return the `loss` of a kind, by which networks are measured: without smoothing."""
    return import_module(module_of(kind)).loss


def minimised(settings: Settings) -> Callable:
    """Return the loss that training minimises, from the settings `loss`: that of `loss_of`, smoothed."""
    loss = loss_of(settings.kind)
    return partial(loss, smoothing=settings.smoothing) if settings.smoothing else loss
