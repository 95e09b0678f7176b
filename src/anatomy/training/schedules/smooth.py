"""The smooth schedule of appendix A.1: the decay of the step schedule, spread evenly over the epochs.

The rate is multiplied by factor^(1 / every) after each epoch (the paper's 10^(-1/25)).
"""

from anatomy.runtime.settings import Settings

TAKES = ("every", "factor", "warmup")
EXTENDABLE = True


def rate(base: float, schedule: Settings, done: int, epochs: int) -> float:
    """Return the learning rate after `done` of `epochs` epochs."""
    return base * schedule.factor ** (done / schedule.every)
