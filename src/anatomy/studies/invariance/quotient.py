"""M of V and B, what a unit is that has none, and the mean over classes; `measure` has the equations."""

import numpy as np

DEFINED, DEAD, INFINITE, NOT_FINITE = "defined", "dead", "infinite", "not finite"


def invariance(transformation: np.ndarray, sample: np.ndarray) -> np.ndarray:
    """Return M elementwise of V and B: V / B, 1 where both are 0, infinite where B alone is, else NaN."""
    with np.errstate(divide="ignore", invalid="ignore"):
        quotient = transformation / sample
    return np.where((sample == 0) & (transformation == 0), 1.0, quotient)


def status(transformation: np.ndarray, sample: np.ndarray) -> np.ndarray:
    """Return what each unit is: a dead one never varies, an infinite one varies with rotation alone."""
    still, broken = sample == 0, ~np.isfinite(transformation) | ~np.isfinite(sample)
    words = [NOT_FINITE, DEAD, INFINITE]
    return np.select([broken, still & (transformation == 0), still], words, default=DEFINED)


def stratified(of_classes: np.ndarray) -> np.ndarray:
    """Return the unweighted mean over classes of M (C, units); infinite if it is so in one class."""
    return of_classes.mean(0)
