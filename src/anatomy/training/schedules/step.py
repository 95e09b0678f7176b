"""The step schedule of appendix A.1: the rate is multiplied by `factor` after every `every` epochs."""

from anatomy.runtime.settings import Settings

TAKES = ("every", "factor", "warmup")
EXTENDABLE = True


def rate(base: float, schedule: Settings, done: int, epochs: int) -> float:
    """Return the learning rate after `done` of `epochs` epochs."""
    return base * schedule.factor ** (done // schedule.every)
