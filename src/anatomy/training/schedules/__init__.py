"""Learning rate schedules: one module for each kind, found by its name.

Each has `rate(base, schedule, done, epochs)`: the learning rate after `done` of `epochs` epochs, once the
warm-up is over, from the base rate and the schedule's settings. Its literal TAKES lists the keys of
`schedule` in the configuration, beside `kind`, that it takes; with a true EXTENDABLE no rate depends on
`epochs`.
"""

from importlib import import_module

from anatomy.runtime.named import module_in
from anatomy.runtime.settings import Settings


def module_of(kind: str) -> str:
    """Return the dotted name of the module of a kind of schedule; `InputError` if there is none."""
    return module_in(__name__, kind, "schedule.kind")


def is_extendable(kind: str) -> bool:
    """Tell whether a run with this kind of schedule has the same rates as the beginning of a longer one."""
    return getattr(import_module(module_of(kind)), "EXTENDABLE", False)


class LearningRates:
    """The learning rate of each epoch of a run, counted from 1.

    In epoch e of the `warmup` first ones it is base * e / warmup (Wortsman et al. 2021).
    """

    def __init__(self, base: float, schedule: Settings, epochs: int):
        """Take the base rate, the settings `schedule`, and the number of epochs of the run."""
        self.base, self.schedule, self.epochs = base, schedule, epochs
        self.after_warmup = import_module(module_of(schedule.kind)).rate

    def __call__(self, epoch: int) -> float:
        """Return the rate of all steps of `epoch`."""
        if epoch <= self.schedule.warmup:
            return self.base * (epoch / self.schedule.warmup)
        return self.after_warmup(self.base, self.schedule, epoch - 1, self.epochs)
