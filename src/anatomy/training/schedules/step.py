"""The step schedule of appendix A.1: the rate is multiplied by `factor` after every `every` epochs."""

from anatomy.runtime.settings import Settings


def rate(base: float, schedule: Settings, done: int) -> float:
    """Return the learning rate after `done` epochs."""
    return base * schedule.factor ** (done // schedule.every)
