"""Learning rate schedules: one module for each kind, found by its name.

Each has `rate(base, schedule, done)`: the learning rate after `done` epochs, from the base rate and the
schedule's settings.
"""

from importlib import import_module

from anatomy.runtime.named import module_in
from anatomy.runtime.settings import Settings


def module_of(kind: str) -> str:
    """Return the dotted name of the module of a kind of schedule; `InputError` if there is none."""
    return module_in(__name__, kind, "schedule.kind")


def learning_rate(base: float, schedule: Settings, epoch: int) -> float:
    """Return the learning rate used during `epoch` (counted from 1)."""
    return import_module(module_of(schedule.kind)).rate(base, schedule, epoch - 1)
