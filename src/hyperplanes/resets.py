"""What layers are reset to, in words: the names of resets, their order, and the mean over draws."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hyperplanes.epochs import order_of_epoch

if TYPE_CHECKING:
    import pandas as pd

RANDOM = "random"
CONVOLUTION, LINEAR = "convolution", "linear"
# What distinguishes resets of one network; what else a row holds is a number of this reset.
_IDENTITY = ["experiment", "seed", "layer", "name", "kind", "reset_to"]


def resets_anything(reinitialise: Mapping[str, Any]) -> bool:
    """Tell whether the `reinitialise` of an experiment names anything to reset layers to."""
    return bool(reinitialise["epochs"] or reinitialise["random"])


def draw_name(draw: int) -> str:
    """Return the name of a draw of fresh weights, counted from 1: random, random-2, random-3, ..."""
    return RANDOM if draw == 1 else f"{RANDOM}-{draw}"


def is_random(reset_to: str) -> bool:
    """Tell whether a reset is a draw of fresh weights, and not the weights of an epoch."""
    return reset_to.partition("-")[0] == RANDOM


def order_of_reset(reset_to: str) -> tuple[float, str]:
    """Return a key that sorts resets: fresh weights, then epochs in their order."""
    return (-1.0, reset_to) if is_random(reset_to) else (order_of_epoch(int(reset_to)), "")


def convolutions(reinit: "pd.DataFrame") -> "pd.DataFrame":
    """Return the rows of a re-initialisation table that reset a convolution."""
    return reinit[reinit["kind"] == CONVOLUTION]


def mean_over_draws(reinit: "pd.DataFrame") -> "pd.DataFrame":
    """Return a re-initialisation table with one row, `random`, for all draws of a layer and seed.

    Numbers are means over the draws; an interval that belongs to a single draw is left out.
    """
    names = reinit["reset_to"].where(~reinit["reset_to"].map(is_random), RANDOM)
    single = reinit.assign(reset_to=names).drop(columns=["drop_low", "drop_high"], errors="ignore")
    identity = [column for column in _IDENTITY if column in single]
    return single.groupby(identity, sort=False, as_index=False).mean()
