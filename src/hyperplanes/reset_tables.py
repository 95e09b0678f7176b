"""Re-initialisation tables: the rows of convolutions, and the mean over random draws."""

import pandas as pd

from hyperplanes.resets import CONVOLUTION, RANDOM, is_random

# What distinguishes resets of one network; what else a row holds is a number of this reset.
_IDENTITY = ["experiment", "seed", "layer", "name", "kind", "reset_to"]


def convolutions(reinit: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a re-initialisation table that reset a convolution."""
    return reinit[reinit["kind"] == CONVOLUTION]


def mean_over_draws(reinit: pd.DataFrame) -> pd.DataFrame:
    """Return a re-initialisation table with one row, `random`, for all draws of a layer and seed.

    Numbers are means over the draws; an interval that belongs to a single draw is left out.
    """
    names = reinit["reset_to"].where(~reinit["reset_to"].map(is_random), RANDOM)
    single = reinit.assign(reset_to=names).drop(columns=["drop_low", "drop_high"], errors="ignore")
    identity = [column for column in _IDENTITY if column in single]
    return single.groupby(identity, sort=False, as_index=False).mean()
