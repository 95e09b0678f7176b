"""Cosines from the base rate towards 0, `cycles` of the same length one after the other (snapshot ensembles).

With E epochs after the warm-up, cycle i ends after epoch i * E / cycles of them, rounded up.
"""

from math import cos, pi

from anatomy.runtime.settings import Settings

TAKES = ("cycles", "warmup")


def rate(base: float, schedule: Settings, done: int, epochs: int) -> float:
    """Return the learning rate after `done` of `epochs` epochs."""
    length = epochs - schedule.warmup
    position = (done - schedule.warmup) * schedule.cycles % length / length
    return base * 0.5 * (1 + cos(pi * position))
