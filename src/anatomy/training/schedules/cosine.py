"""Half a cosine from the base rate towards 0, over all epochs after the warm-up."""

from math import cos, pi

from anatomy.runtime.settings import Settings

TAKES = ("warmup",)


def rate(base: float, schedule: Settings, done: int, epochs: int) -> float:
    """Return the learning rate after `done` of `epochs` epochs."""
    position = (done - schedule.warmup) / (epochs - schedule.warmup)
    return base * 0.5 * (1 + cos(pi * position))
