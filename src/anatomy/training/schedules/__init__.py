"""Learning rate schedules: one module for each kind, found by its name.

Each has `rate(base, schedule, done)`: the learning rate after `done` epochs, from the base rate and the
schedule's settings.
"""

from importlib import import_module
from pathlib import Path

from anatomy.runtime.errors import InputError
from anatomy.runtime.settings import Settings


def module_of(kind: str) -> str:
    """Return the dotted name of the module of a kind of schedule; `InputError` if there is none."""
    kinds = sorted(path.stem for path in Path(__file__).parent.glob("[!_]*.py"))
    if kind not in kinds:
        raise InputError(f"schedule.kind: {kind!r} is no schedule; allowed: {', '.join(kinds)}")
    return f"{__name__}.{kind}"


def learning_rate(base: float, schedule: Settings, epoch: int) -> float:
    """Return the learning rate used during `epoch` (counted from 1)."""
    return import_module(module_of(schedule.kind)).rate(base, schedule, epoch - 1)
