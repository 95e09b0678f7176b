"""Losses: one module for each kind, found by its name.

Each has `loss(logits, target, reduction="mean")`: of logits (B, classes) and class indices (B,) the mean over
the batch or, with `sum`, the sum.
"""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from anatomy.runtime.errors import InputError


def module_of(kind: str) -> str:
    """Return the dotted name of the module of a kind of loss; `InputError` if there is none."""
    kinds = sorted(path.stem for path in Path(__file__).parent.glob("[!_]*.py"))
    if kind not in kinds:
        raise InputError(f"{kind!r} is no loss; allowed: {', '.join(kinds)}")
    return f"{__name__}.{kind}"


def loss_of(kind: str) -> Callable:
    """Return the `loss` of a kind."""
    return import_module(module_of(kind)).loss
