"""The rate is multiplied by `factor` after each epoch of `milestones`."""

from anatomy.runtime.settings import Settings

TAKES = ("milestones", "factor", "warmup")
EXTENDABLE = True


def rate(base: float, schedule: Settings, done: int, epochs: int) -> float:
    """Return the learning rate after `done` of `epochs` epochs."""
    return base * schedule.factor ** sum(milestone <= done for milestone in schedule.milestones)
