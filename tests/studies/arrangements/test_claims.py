"""Every claim of the paper with each verdict on small constructed tables."""

import numpy as np
import pytest
from claim_tables import (
    EDGE,
    FALLING,
    FIGURES_02_07,
    FIRST_EIGHT,
    FLIPPED,
    IDS,
    SMOOTH,
    STEP,
    experiment,
    seeds_of,
    uncertain,
    verdicts,
)

from anatomy.reporting.claims import INCONCLUSIVE, NOT_SUPPORTED, NOT_TESTED, SUPPORTED
from anatomy.reporting.uses import uses_of
from anatomy.studies.arrangements.claims import CLAIMS

# Claim, figures that support it, figures that do not.
CASES = [
    ("unbiased-at-initialisation", {"figure_07": experiment()}, {"figure_07": experiment(start=0.7)}),
    # Biases of opposite sign are not one half.
    (
        "unbiased-at-initialisation",
        {"figure_05": experiment(layers=5)},
        {"figure_05": experiment(start=[0.3, 0.7], layers=2)},
    ),
    (
        "layers-past-the-first-biased",
        {"figure_05": experiment(end=[0.5, 0.9, 0.9, 0.8, 0.9], layers=5)},
        {"figure_05": experiment(end=[0.9, 0.9, 0.9, 0.6, 0.9], layers=5)},
    ),
    (
        "layers-2-to-8-biased",
        {"figure_07": experiment(end=[0.5] + [0.9] * 7 + [0.5] * 8)},
        {"figure_07": experiment(end=[0.9] * 7 + [0.5] * 9)},
    ),
    (
        "first-layer-unbiased-on-rgb",
        {"figure_07": experiment(end=[0.5] + [0.9] * 15)},
        {"figure_07": experiment(end=0.9)},
    ),
    # Towards positive is a bias too.
    (
        "first-layer-unbiased-on-rgb",
        {"figure_21": [experiment("rgb", 0.55), experiment("grey", 0.9, channels=1)]},
        {"figure_21": [experiment("rgb", 0.55), experiment("other", 0.2)]},
    ),
    (
        "first-layer-biased-on-digits",
        {"figure_21": [experiment("rgb", 0.5), experiment("grey", 0.9, channels=1)]},
        {"figure_21": [experiment("rgb", 0.9), experiment("grey", 0.5, channels=1)]},
    ),
    (
        "no-bias-without-learning",
        {"figure_15": experiment(end=[0.9] * 8 + [0.5] * 8, accuracy=0.1)},
        {"figure_15": experiment(end=[0.5] * 15 + [0.8], accuracy=0.1)},
    ),
    (
        "bias-when-noisy-loss-falls",
        {"figure_06": experiment(onset=10, loss_falls=9)},
        {"figure_06": experiment(onset=5, loss_falls=9)},
    ),
    (
        "bias-when-noisy-loss-falls",
        {"figure_06": experiment(onset=7, loss_falls=9)},
        {"figure_06": experiment(end=0.5, loss_falls=9)},
    ),
    (
        "less-bias-under-pixel-shuffle",
        {"figure_20": experiment("shuffled", 0.6), "figure_07": experiment("clean", 0.9)},
        {"figure_20": experiment("shuffled", 0.9), "figure_07": experiment("clean", 0.6)},
    ),
    (
        "less-bias-under-pixel-shuffle",
        {"figure_20": experiment("shuffled", 0.6), "figure_22": [experiment("a", 0.5), experiment("b", 0.9)]},
        {"figure_20": experiment("shuffled", 0.6), "figure_22": [experiment("a", 0.9), experiment("b", 0.5)]},
    ),
    (
        "biased-layers-critical",
        dict.fromkeys(("figure_02", "figure_07"), experiment(end=FALLING, drops=FALLING)),
        dict.fromkeys(("figure_02", "figure_07"), experiment(end=FALLING, drops=FALLING[::-1])),
    ),
    (
        "first-eight-layers-critical",
        {"figure_02": experiment(drops=FIRST_EIGHT)},
        {"figure_02": experiment(drops=0.5)},
    ),
    (
        "layers-9-and-10-critical",
        {"figure_16": experiment(drops=0.2)},
        {"figure_16": experiment(drops=FIRST_EIGHT)},
    ),
    (
        "layers-9-and-10-biased",
        {"figure_17": experiment(end=0.8)},
        {"figure_17": experiment(end=[0.9] * 9 + [0.6] * 7)},
    ),
    (
        "all-layers-critical-on-imagenet",
        {"figure_18": experiment("a", layers=5, drops=0.3), "figure_19": experiment("b", drops=0.2)},
        {"figure_18": experiment("a", layers=5, drops=0.3), "figure_19": experiment("b", drops=FIRST_EIGHT)},
    ),
    (
        "sign-flips-late",
        {"figure_08": experiment(middle=0.9, end=FLIPPED)},
        {"figure_08": experiment(middle=0.9, end=0.9)},
    ),
    # Positive, but never negative before.
    (
        "sign-flips-late",
        {"figure_08": experiment(middle=0.9, end=FLIPPED)},
        {"figure_08": experiment(middle=0.5, end=FLIPPED)},
    ),
    ("step-has-less-spread", {"figure_22": [STEP, SMOOTH]}, {"figure_22": [SMOOTH, STEP]}),
    (
        "step-has-less-spread",
        {"figure_22": [STEP, SMOOTH, STEP, SMOOTH]},
        {"figure_22": [STEP, SMOOTH, SMOOTH, STEP]},
    ),
    (
        "full-agreement-beyond-chance",
        {"figure_07": experiment(end=[1.0] + [0.5] * 15)},
        {"figure_07": experiment(end=0.95)},
    ),
    # With two filters full agreement is what chance gives.
    (
        "full-agreement-beyond-chance",
        {"figure_07": experiment(end=1.0, filters=2)},
        {"figure_07": experiment(end=[0.0, 1.0, *[0.5] * 6] * 2, filters=2)},
    ),
    (
        "one-polarity-biases-the-first-layer",
        {"figure_polarity": [experiment("one", 0.9), experiment("both", 0.5)]},
        {"figure_polarity": [experiment("one", 0.5), experiment("both", 0.1)]},
    ),
]


# Claim, figures whose interval includes the threshold, beginning of the note.
UNDECIDED = [
    ("unbiased-at-initialisation", {"figure_05": experiment(layers=1, filters=4)}, "12 filters; 0 of 1"),
    (
        "layers-past-the-first-biased",
        {"figure_05": experiment(end=[0.1, 0.9, EDGE], layers=3)},
        "layer 3 of run (1200 filters)",
    ),
    ("layers-2-to-8-biased", {"figure_07": experiment(end=[0.9] * 7 + [EDGE] * 9)}, "layer 8 of run"),
    ("first-layer-unbiased-on-rgb", {"figure_07": experiment(end=EDGE)}, "layer 1 of run"),
    ("first-layer-biased-on-digits", {"figure_21": experiment(end=EDGE, channels=1)}, "layer 1 of run"),
    (
        "no-bias-without-learning",
        {"figure_15": experiment(end=[0.5] * 9 + [EDGE] + [0.5] * 6, accuracy=0.1)},
        "layer 10 of run",
    ),
    (
        "less-bias-under-pixel-shuffle",
        {
            "figure_20": experiment("shuffled", np.linspace(0.6, 0.8, 16)),
            "figure_07": experiment("clean", np.linspace(0.8, 0.6, 16)),
        },
        "epoch 20, the last of both",
    ),
    (
        "biased-layers-critical",
        dict.fromkeys(
            FIGURES_02_07,
            seeds_of(
                *(experiment(end=FALLING, drops=row) for row in (FALLING, FALLING[::-1], 0.5 * FALLING))
            ),
        ),
        "15 layers, 3 seeds",
    ),
    (
        "first-eight-layers-critical",
        {
            "figure_02": seeds_of(
                *(experiment(drops=[0.5] * 8 + [drop] + [0.01] * 7) for drop in (0.0, 0.1, 0.3))
            )
        },
        "inconclusive",
    ),
    ("layers-9-and-10-critical", {"figure_16": uncertain(9)}, "layer 9 of run, 3 seeds"),
    (
        "layers-9-and-10-biased",
        {"figure_17": experiment(end=[0.9] * 9 + [EDGE] * 7)},
        "layer 10 of run",
    ),
    (
        "all-layers-critical-on-imagenet",
        {"figure_18": experiment("a", layers=5, drops=0.3), "figure_19": uncertain(4)},
        "layer 4 of run",
    ),
    (
        "sign-flips-late",
        {"figure_08": experiment(middle=0.9, end=[0.5, 0.33, *FLIPPED[2:]])},
        "layer 2 of run",
    ),
    (
        "step-has-less-spread",
        {"figure_22": [experiment("a", spread=0.05), experiment("b", spread=0.05)]},
        "a against b",
    ),
    (
        "one-polarity-biases-the-first-layer",
        {"figure_polarity": [experiment("one", 0.9), experiment("both", 0.1)]},
        "0.400 with one polarity (3 seeds), 0.400 with both",
    ),
]
# A point or a p-value, not an interval, decides these: inconclusive is where one outcome alone is possible.
WITHOUT_INTERVAL = [
    (
        "bias-when-noisy-loss-falls",
        {"figure_06": experiment(loss_falls=2)},
        "inconclusive: the training loss of run falls in epoch 2, too early",
    ),
    (
        "full-agreement-beyond-chance",
        {"figure_07": experiment(end=1.0, filters=2, layers=1)},
        "3 of 3 pairs; expected at initialisation 1.5 by 2^(1-F), 1.5 by F/2^F; probability of 3 or more "
        "0.125; inconclusive: agreement of all pairs",
    ),
]


@pytest.mark.parametrize(("name", "supporting", "opposing"), CASES, ids=[case[0] for case in CASES])
def test_claim_goes_both_ways(name, supporting, opposing):
    row = verdicts(**supporting).loc[name]
    assert row["verdict"] == SUPPORTED, row["note"]
    assert row["value"] is not None
    assert row["data"].startswith("label of ")
    row = verdicts(**opposing).loc[name]
    assert row["verdict"] == NOT_SUPPORTED, row["note"]


@pytest.mark.parametrize(("name", "figures", "note"), UNDECIDED, ids=[case[0] for case in UNDECIDED])
def test_an_interval_with_the_threshold_in_it_decides_nothing_but_is_shown(name, figures, note):
    row = verdicts(**figures).loc[name]
    assert row["verdict"] == INCONCLUSIVE
    assert row[["value", "low", "high"]].notna().all()
    assert row["low"] <= row["value"] <= row["high"]
    assert row["note"].startswith(note)
    assert "inconclusive: the interval includes the threshold" in row["note"]


@pytest.mark.parametrize(("name", "figures", "note"), WITHOUT_INTERVAL)
def test_where_one_outcome_alone_is_possible_nothing_is_decided(name, figures, note):
    row = verdicts(**figures).loc[name]
    assert row["verdict"] == INCONCLUSIVE
    assert row["note"].startswith(note)


def test_every_claim_goes_all_ways():
    """Supported and not, inconclusive, and not tested without any figure."""
    assert {case[0] for case in CASES} == IDS
    assert {case[0] for case in [*UNDECIDED, *WITHOUT_INTERVAL]} == IDS
    assert len(IDS) == len(CLAIMS) == 17


def test_what_claims_use_is_read_from_their_files_as_they_have_it():
    assert uses_of("arrangements") == {entry.id: entry.uses for entry in CLAIMS}
    assert all("training" in tables for entry in CLAIMS for tables in entry.uses.values())


@pytest.mark.parametrize(
    ("name", "figures", "reason"),
    [
        ("layers-9-and-10-critical", {}, "figure_16 is not in the configuration"),
        (
            "layers-9-and-10-biased",
            {"figure_17": experiment(layers=8)},
            "layer 9 does not exist in run",
        ),
        ("layers-9-and-10-critical", {"figure_16": experiment()}, "run resets no layers"),
        ("layers-9-and-10-critical", {"figure_16": experiment(drops=0.5, seeds=1)}, "run has 1 seed with"),
        ("layers-9-and-10-critical", {"figure_16": experiment(drops=0.5, seeds=2)}, "run has 2 seeds with"),
        ("first-eight-layers-critical", {"figure_02": experiment(drops=0.5, seeds=2)}, "3 or more"),
        (
            "biased-layers-critical",
            dict.fromkeys(("figure_02", "figure_07"), experiment(end=FALLING, drops=FALLING, seeds=2)),
            "3 or more",
        ),
        ("all-layers-critical-on-imagenet", {"figure_18": experiment(drops=0.5)}, "figure_19 is not in"),
        (
            "layers-2-to-8-biased",
            {"figure_07": experiment(accuracy=0.14)},
            "run did not learn: training accuracy at most 0.14, chance 0.1",
        ),
        (
            "no-bias-without-learning",
            {"figure_15": experiment(end=0.5, accuracy=0.2)},
            "run did not fail: training accuracy 0.2, chance 0.1",
        ),
        (
            "first-layer-unbiased-on-rgb",
            {"figure_07": experiment(end=0.5, filters=8)},
            "too few filters to tell: layer 1 of run (24 filters)",
        ),
        ("layers-2-to-8-biased", {"figure_07": experiment(end=1, filters=3)}, "too few filters to tell"),
        ("first-layer-biased-on-digits", {"figure_21": experiment()}, "no trained experiment of figure_21"),
        ("bias-when-noisy-loss-falls", {"figure_06": experiment(loss_falls=99)}, "does not fall below 90%"),
        ("less-bias-under-pixel-shuffle", {"figure_20": experiment()}, "no clean run"),
        (
            "less-bias-under-pixel-shuffle",
            {"figure_20": experiment("a"), "figure_07": experiment("b", layers=8)},
            "a and b are different networks",
        ),
        (
            "less-bias-under-pixel-shuffle",
            {"figure_20": experiment("a"), "figure_07": experiment("b", dataset="digits")},
            "a and b have different images",
        ),
        (
            "biased-layers-critical",
            {"figure_02": experiment("a", drops=0.5), "figure_07": experiment("b")},
            "draw different experiments",
        ),
        ("step-has-less-spread", {"figure_22": [experiment("a", seeds=1)] * 2}, "a has one seed"),
        ("step-has-less-spread", {"figure_22": experiment("a")}, "no pair"),
        ("step-has-less-spread", {"figure_22": [STEP, experiment("b", layers=8)]}, "are different networks"),
        ("sign-flips-late", {"figure_08": experiment(layers=5)}, "layer 6 does not exist"),
        ("one-polarity-biases-the-first-layer", {"figure_polarity": experiment()}, "no pair"),
    ],
)
def test_what_cannot_be_tested_says_why(name, figures, reason):
    row = verdicts(**figures).loc[name]
    assert row["verdict"] == NOT_TESTED
    assert reason in row["note"]
    assert row[["value", "low", "high"]].isna().all()


def test_without_any_figure_every_claim_stays_in_the_table():
    table = verdicts()
    assert set(table.index) == IDS
    assert table["verdict"].eq(NOT_TESTED).all()
    assert table["note"].str.contains("configuration").all()
