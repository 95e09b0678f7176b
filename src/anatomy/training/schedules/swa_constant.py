"""Stochastic weight averaging at a constant rate: `swa_rate`, from nine tenths of the epochs on.

The base rate for half of the epochs, then linear in between (Izmailov et al. 2018).
"""

from anatomy.runtime.settings import Settings

TAKES = ("swa_rate", "warmup")


def rate(base: float, schedule: Settings, done: int, epochs: int) -> float:
    """Return the learning rate after `done` of `epochs` epochs."""
    # In tenths of the epochs, as whole numbers so that the bends lie where they should.
    position = min(max((10 * done - 5 * epochs) / (4 * epochs), 0.0), 1.0)
    return (1 - position) * base + position * schedule.swa_rate
