"""Which rows the tables of the study have, and which values are possible."""

import pandas as pd

from anatomy.reporting.grids import COUNT, FRACTION, POSITION, ROUNDING, SEED, Grid, Range
from anatomy.studies.arrangements.epochs import PRETRAINED

_EPOCH = Range(PRETRAINED, whole=True)
_COSINE = Range(-1, 1, empty=True)
_ORIGIN = {"seed": SEED, "epoch": _EPOCH, "layer": POSITION}


def _more_left_out_than_there_are(
    undefined: pd.Series, not_finite: pd.Series, filters: pd.Series
) -> pd.Series:
    return undefined + not_finite > filters


def _no_fraction_of_filters(
    undefined: pd.Series, not_finite: pd.Series, filters: pd.Series, n_l: pd.Series
) -> pd.Series:
    return (filters > undefined + not_finite) == n_l.isna()


def _pretrained_and_trained(epoch: pd.Series) -> pd.Series:
    return (epoch == PRETRAINED) & (epoch > 0).any()


def _other_relative_drop(drop: pd.Series, relative_drop: pd.Series, trained_accuracy: pd.Series) -> pd.Series:
    expected = relative_drop * trained_accuracy
    return (expected - drop).abs() > ROUNDING * (1 + expected.abs())


N_L = Grid(
    ("epoch", "layer"),
    alike=("layer",),
    limits={
        **_ORIGIN,
        "filters": POSITION,
        **dict.fromkeys(("undefined", "not_finite"), COUNT),
        "n_l": Range(0, 1, empty=True),
        "mean_cosine": _COSINE,
    },
    relations={
        "undefined and not_finite to be at most filters": _more_left_out_than_there_are,
        "no epoch but 0 beside pretrained weights (-1)": _pretrained_and_trained,
        "n_l wherever a filter has a cosine, and nowhere else": _no_fraction_of_filters,
    },
)
# Layers of one kind are reset to the same weights.
RESETS = Grid(
    ("reset_to", "layer"),
    within=("experiment", "seed", "kind"),
    alike=("kind", "layer"),
    limits={
        **{"seed": SEED, "layer": POSITION, "images": POSITION},
        **dict.fromkeys(("trained_accuracy", "accuracy"), FRACTION),
        "drop": Range(-1, 1),
        "relative_drop": Range(high=1, empty=True),
        **dict.fromkeys(("lost", "gained"), COUNT),
        **dict.fromkeys(("drop_low", "drop_high"), Range(-1, 1)),
    },
    relations={"relative_drop to be drop / trained_accuracy": _other_relative_drop},
)
COSINES = Grid(
    ("epoch", ("layer", "filter")),
    alike=("layer", "filter"),
    limits={**_ORIGIN, "filter": COUNT, **dict.fromkeys(("cosine", "projection"), _COSINE)},
)
GRIDS = {
    "n_l": N_L,
    "n_l_summary": Grid(("epoch", "layer"), within=("experiment",)),
    "reinitialisation": RESETS,
    "cosines": COSINES,
}
