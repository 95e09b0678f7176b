"""Learning rate schedules of appendix A.1."""

from collections.abc import Mapping
from typing import Any


def learning_rate(base: float, schedule: Mapping[str, Any], epoch: int) -> float:
    """Return the learning rate used during `epoch` (counted from 1).

    `step` multiplies the rate by `factor` after every `every` epochs; `smooth` spreads the same
    decay evenly, by factor^(1 / every) after each epoch (the paper's 10^(-1/25)).
    """
    done = epoch - 1
    if schedule["kind"] == "step":
        return base * schedule["factor"] ** (done // schedule["every"])
    return base * schedule["factor"] ** (done / schedule["every"])
