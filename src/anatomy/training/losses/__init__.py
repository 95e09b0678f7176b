"""Losses: one module for each kind, found by its name.

Each has `loss(logits, target, reduction="mean")`: of logits (B, classes) and class indices (B,) the mean over
the batch or, with `sum`, the sum.
"""

from collections.abc import Callable
from importlib import import_module

from anatomy.runtime.named import module_in


def module_of(kind: str) -> str:
    """Return the dotted name of the module of a kind of loss; `InputError` if there is none."""
    return module_in(__name__, kind, "loss")


def loss_of(kind: str) -> Callable:
    """Return the `loss` of a kind."""
    return import_module(module_of(kind)).loss
