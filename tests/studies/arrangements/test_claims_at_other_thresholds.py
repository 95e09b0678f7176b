"""Every claim of the paper at half and at double the distance of its threshold from the null."""

import numpy as np
import pytest
from claim_tables import FIGURES_02_07, FLIPPED, IDS, SLOPE, SMOOTH, STEP, WAVE, experiment, verdicts

from anatomy.reporting.claims import INCONCLUSIVE, NOT_SUPPORTED, SUPPORTED
from anatomy.studies.arrangements.claims import CLAIMS

# Claim, figures, verdicts at half, at, and at double the threshold.
OTHER_THRESHOLDS = [
    ("unbiased-at-initialisation", {"figure_07": experiment()}, "+++"),
    # 0.6 of the filters are more than 7/12 and fewer than 2/3.
    ("layers-past-the-first-biased", {"figure_05": experiment(end=0.6, filters=4000)}, "+--"),
    ("layers-2-to-8-biased", {"figure_07": experiment(end=0.9)}, "+++"),
    ("layers-2-to-8-biased", {"figure_07": experiment(end=0.75)}, "++-"),
    ("first-layer-unbiased-on-rgb", {"figure_07": experiment(end=0.75)}, "--+"),
    ("first-layer-biased-on-digits", {"figure_21": experiment(end=0.75, channels=1)}, "++-"),
    ("no-bias-without-learning", {"figure_15": experiment(end=0.63, accuracy=0.1)}, "-++"),
    # One and three of 20 epochs, known to 0.04 of them.
    ("bias-when-noisy-loss-falls", {"figure_06": experiment(onset=10, loss_falls=9)}, "?++"),
    ("bias-when-noisy-loss-falls", {"figure_06": experiment(onset=6, loss_falls=9)}, "--+"),
    ("bias-when-noisy-loss-falls", {"figure_06": experiment(onset=3, loss_falls=3)}, "++?"),
    # The effect is 0.1.
    (
        "less-bias-under-pixel-shuffle",
        {"figure_20": experiment("shuffled", 0.6), "figure_07": experiment("clean", 0.7)},
        "++-",
    ),
    (
        "biased-layers-critical",
        dict.fromkeys(FIGURES_02_07, experiment(end=SLOPE + WAVE, drops=SLOPE + WAVE)),
        "+++",
    ),
    ("first-eight-layers-critical", {"figure_02": experiment(drops=[0.5] * 8 + [0.07] * 8)}, "-++"),
    ("layers-9-and-10-critical", {"figure_16": experiment(drops=0.15)}, "++-"),
    ("layers-9-and-10-biased", {"figure_17": experiment(end=0.75)}, "++-"),
    (
        "all-layers-critical-on-imagenet",
        {"figure_18": experiment("a", layers=5, drops=0.3), "figure_19": experiment("b", drops=0.08)},
        "+--",
    ),
    # Positive at the end, and as negative as that before.
    ("sign-flips-late", {"figure_08": experiment(middle=0.8, end=[0.5, 0.2, *FLIPPED[2:]])}, "++-"),
    ("step-has-less-spread", {"figure_22": [STEP, SMOOTH]}, "+++"),
    # Between 0.9 and 0.6, with ten seeds.
    (
        "step-has-less-spread",
        {"figure_22": [experiment("a", spread=0.037, seeds=10), experiment("b", spread=0.05, seeds=10)]},
        "++-",
    ),
    # A probability of 0.0625 that all four agree; the others are at 0.025, 0.05 and 0.1.
    (
        "full-agreement-beyond-chance",
        {"figure_07": experiment(end=1.0, filters=2, layers=4, seeds=1)},
        "??+",
    ),
    (
        "one-polarity-biases-the-first-layer",
        {"figure_polarity": [experiment("one", 0.62, seeds=10), experiment("both", 0.5, seeds=10)]},
        "++-",
    ),
]
SIGNS = {"+": SUPPORTED, "-": NOT_SUPPORTED, "?": INCONCLUSIVE}


@pytest.mark.parametrize(
    ("name", "figures", "signs"), OTHER_THRESHOLDS, ids=[case[0] for case in OTHER_THRESHOLDS]
)
def test_verdicts_at_half_and_at_double_the_threshold(name, figures, signs):
    row = verdicts(**figures).loc[name]
    half, at, double = (SIGNS[sign] for sign in signs)
    assert row[["verdict_half", "verdict", "verdict_double"]].tolist() == [half, at, double], row["note"]


def test_every_claim_is_judged_at_other_thresholds():
    assert {case[0] for case in OTHER_THRESHOLDS} == IDS


def test_the_thresholds_judged_are_those_of_the_table():
    table = verdicts()
    assert not {"null", "threshold", "effect"} - set(table)
    for entry in CLAIMS:
        row = table.loc[entry.id]
        assert (row["null"], row["threshold"]) == (entry.null, entry.threshold)
        assert np.isnan(row["effect"]) == (entry.effect is None) == (entry.null != entry.threshold)
        assert row[["threshold_half", "threshold_double"]].tolist() == [entry.at(0.5), entry.at(2)]
        # None leaves what the quantity can reach: both are counted in full.
        assert entry.possible[0] < entry.at(2) < entry.possible[1]


def test_the_range_of_fractions_and_correlations_is_known():
    ranges = {entry.id: entry.possible for entry in CLAIMS}
    for entry in CLAIMS:
        if entry.quantity.startswith(("fraction", "n_1")):
            assert ranges[entry.id] == (0, 1)
    assert ranges["biased-layers-critical"] == (-1, 1)
    # An effect of 0.2 on a ratio of spreads is one to 0.8; half and double are 0.9 and 0.6.
    spread = verdicts().loc["step-has-less-spread", ["threshold_half", "threshold_double"]]
    assert spread.tolist() == pytest.approx([0.9, 0.6])
