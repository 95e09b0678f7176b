"""Stochastic weight averaging at a cyclic rate: a cosine towards 0, then shorter ones from `swa_rate`.

The first takes three quarters of the epochs, rounded down, with the warm-up; `cycles` - 1 share the rest.
Weights are averaged where the rate comes down.
"""

from math import cos, pi

from anatomy.runtime.settings import Settings

TAKES = ("swa_rate", "cycles", "warmup")


def rate(base: float, schedule: Settings, done: int, epochs: int) -> float:
    """Return the learning rate after `done` of `epochs` epochs."""
    first = 3 * epochs // 4
    if done < first:
        position = (done - schedule.warmup) / (first - schedule.warmup)
        return base * 0.5 * (1 + cos(pi * position))
    length = epochs - first
    position = (done - first) * (schedule.cycles - 1) % length / length
    return schedule.swa_rate * 0.5 * (1 + cos(pi * position))
