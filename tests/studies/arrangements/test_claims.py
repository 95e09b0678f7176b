"""Every claim of the paper with each verdict on small constructed tables, and what cannot be tested."""

import re

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, run_program

from anatomy.reporting.claims import NOT_SUPPORTED, NOT_TESTED, SUPPORTED, above, below, claim_table, inside
from anatomy.reporting.evidence import collect_evidence
from anatomy.reporting.pages import claims_page
from anatomy.reporting.statistics import COVERAGE
from anatomy.reporting.tables import mean_over_seeds, write_table
from anatomy.runtime.files import write_json
from anatomy.studies.arrangements.claims import CLAIMS
from anatomy.studies.arrangements.evidence import LayerEvidence
from anatomy.studies.arrangements.tables import criticality_tables, n_l_summary, onset_table
from anatomy.studies.arrangements.tables_page import tables_page
from anatomy.training.tables import accuracy_table

FILTERS = 400
EPOCHS = 20
IDS = {entry.id for entry in CLAIMS}


def experiment(
    name="run",
    end=None,
    layers=16,
    seeds=3,
    middle=None,
    start=0.5,
    drops=None,
    accuracy=0.9,
    channels=3,
    spread=0.0,
    onset=1,
    loss_falls=1,
    filters=FILTERS,
    dataset="images",
):
    """Tables of a made-up experiment.

    n_l is `start` before epoch `onset`, then `middle`, and `end` at the last epoch (all by layer or one
    number), with `spread` between seeds; resetting a layer costs `drops` of the accuracy.
    """

    def by_layer(values):
        return dict(enumerate(np.broadcast_to(values, layers).tolist(), 1))

    end = by_layer(0.9 if end is None else end)
    middle = end if middle is None else by_layer(middle)
    n_l, training, reinitialisation = [], [], []
    for seed in range(seeds):
        origin = {"experiment": name, "seed": seed}
        shift = spread * (seed - (seeds - 1) / 2)
        for epoch in range(EPOCHS + 1):
            values = by_layer(start) if epoch < onset else end if epoch == EPOCHS else middle
            for layer, value in values.items():
                fraction = round((value + shift * (epoch > 0)) * filters) / filters
                n_l.append({**origin, "epoch": epoch, "layer": layer, "name": f"features.{layer}"})
                n_l[-1] |= {"filters": filters, "undefined": 0, "not_finite": 0}
                n_l[-1] |= {"n_l": fraction, "mean_cosine": 0.0}
            loss = None if epoch == 0 else 2.3 if epoch < loss_falls else 1.0
            training.append({**origin, "epoch": epoch, "train_loss": loss, "validation_loss": 1.0})
            training[-1] |= {"train_accuracy": accuracy, "validation_accuracy": accuracy}
        for layer, drop in by_layer(0.0 if drops is None else drops).items():
            relative = drop + 0.001 * seed
            row = {**origin, "layer": layer, "name": f"features.{layer}", "reset_to": "0"}
            row["kind"] = "convolution"
            row |= {"trained_accuracy": accuracy, "drop": relative * accuracy, "relative_drop": relative}
            reinitialisation.append(row)
    tables = {
        "n_l": n_l,
        "training": training,
        "reinitialisation": reinitialisation if drops is not None else None,
    }
    frames = {key: pd.DataFrame(rows) for key, rows in tables.items() if rows is not None}
    return LayerEvidence(name, f"label of {name}", dataset, 0.1, channels, frames)


def seeds_of(*evidences, name="run"):
    """One experiment whose seeds 0, 1, ... are the seed 0 of each of these."""
    tables = {}
    for table in evidences[0].tables:
        frames = [evidence.tables[table].query("seed == 0") for evidence in evidences]
        frames = [frame.assign(seed=seed, experiment=name) for seed, frame in enumerate(frames)]
        tables[table] = pd.concat(frames, ignore_index=True)
    first = evidences[0]
    return LayerEvidence(name, f"label of {name}", first.dataset, first.chance, first.channels, tables)


def uncertain(layer, layers=16, low=-0.1, high=0.4, others=0.5):
    """Three seeds whose drops of one layer are far apart."""
    drops = [
        [value if index == layer else others for index in range(1, layers + 1)] for value in (low, 0.1, high)
    ]
    return seeds_of(*(experiment(drops=row, layers=layers) for row in drops))


def verdicts(**figures):
    """Return the claims' rows by id; figures are experiments or lists of them."""
    lists = {name: value if isinstance(value, list) else [value] for name, value in figures.items()}
    return claim_table(CLAIMS, lists).set_index("id")


FIRST_EIGHT = [0.5] * 8 + [0.01] * 8
FALLING = np.linspace(0.95, 0.55, 16)
STEP, SMOOTH = experiment("step", spread=0.01), experiment("smooth", spread=0.05)
FLIPPED = [0.5, 0.1, 0.9, 0.9, 0.9, 0.1, 0.1, *[0.9] * 9]

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
FIGURES_02_07 = ("figure_02", "figure_07")
EDGE = 0.67
INCONCLUSIVE = [
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
# A point or a p-value, not an interval, decides these.
WITHOUT_INTERVAL = {"bias-when-noisy-loss-falls", "full-agreement-beyond-chance"}


@pytest.mark.parametrize(("name", "supporting", "opposing"), CASES, ids=[case[0] for case in CASES])
def test_claim_goes_both_ways(name, supporting, opposing):
    row = verdicts(**supporting).loc[name]
    assert row["verdict"] == SUPPORTED, row["note"]
    assert row["value"] is not None
    assert row["data"].startswith("label of ")
    row = verdicts(**opposing).loc[name]
    assert row["verdict"] == NOT_SUPPORTED, row["note"]


@pytest.mark.parametrize(("name", "figures", "note"), INCONCLUSIVE, ids=[case[0] for case in INCONCLUSIVE])
def test_an_interval_with_the_threshold_in_it_tests_nothing_but_is_shown(name, figures, note):
    row = verdicts(**figures).loc[name]
    assert row["verdict"] == NOT_TESTED
    assert row[["value", "low", "high"]].notna().all()
    assert row["low"] <= row["value"] <= row["high"]
    assert row["note"].startswith(note)
    assert "inconclusive: the interval includes the threshold" in row["note"]


def test_every_claim_is_tested_both_ways():
    assert {case[0] for case in CASES} == IDS
    assert {case[0] for case in INCONCLUSIVE} == IDS - WITHOUT_INTERVAL
    assert len(IDS) == len(CLAIMS) >= 13


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
        (
            "bias-when-noisy-loss-falls",
            {"figure_06": experiment(loss_falls=2)},
            "in epoch 2, too early",
        ),
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


def test_seeds_that_did_not_learn_are_left_out():
    good = experiment(end=0.9)
    training = good.tables["training"].copy()
    training.loc[training["seed"] == 2, "train_accuracy"] = 0.1
    n_l = good.tables["n_l"].copy()
    n_l.loc[n_l["seed"] == 2, "n_l"] = 0.1
    mixed = LayerEvidence("run", "label", "images", 0.1, 3, {"n_l": n_l, "training": training})
    row = verdicts(figure_07=mixed).loc["layers-2-to-8-biased"]
    assert (row["verdict"], row["value"]) == (SUPPORTED, 0.9)
    assert "2 of 3 seeds of run; the others did not learn" in row["note"]


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(0.5, 0.6, True), (0.1, 0.3, False), (0.3, 0.5, None), (0.4, 0.5, None), (0.3, 0.4, None)],
)
def test_the_whole_interval_decides(low, high, verdict):
    middle = (low + high) / 2
    assert above(0.4, middle, low, high).supported is verdict
    mirrored = below(-0.4, -middle, -high, -low)
    assert (mirrored.value, mirrored.low, mirrored.high) == (-middle, -high, -low)
    assert mirrored.supported is verdict
    assert inside(0.4, 1, middle, low, high).supported is verdict
    assert inside(-1, -0.4, -middle, -high, -low).supported is verdict
    assert ("inconclusive" in above(0.4, middle, low, high).note) is (verdict is None)


def test_without_an_interval_nothing_is_decided():
    found = above(0.4, 0.9, np.nan, np.nan)
    assert (found.supported, found.note) == (None, "inconclusive: there is no interval")


def test_one_layer_on_the_wrong_side_outweighs_an_uncertain_one():
    row = verdicts(figure_16=uncertain(9, others=0.05, low=-0.6)).loc["layers-9-and-10-critical"]
    assert row["verdict"] == NOT_SUPPORTED
    assert row["note"] == "layer 10 of run, 3 seeds; 0 of 2 layers on the right side"
    assert row["high"] < 0.1
    row = verdicts(figure_16=uncertain(9)).loc["layers-9-and-10-critical"]
    assert row["verdict"] == NOT_TESTED
    assert row["note"].endswith("1 of 2 layers on the right side")
    assert row[["value", "low", "high"]].tolist() == pytest.approx([0.4 / 3, -0.1, 0.4])


def test_one_experiment_on_the_wrong_side_refutes():
    low = experiment("low", layers=5, drops=[0.3, 0.3, 0.02, 0.3, 0.3])
    row = verdicts(figure_18=uncertain(4), figure_19=low).loc["all-layers-critical-on-imagenet"]
    assert row["verdict"] == NOT_SUPPORTED
    assert row["note"] == "layer 3 of low, 3 seeds; 19 of 21 layers on the right side"


def test_small_layers_refute_when_all_their_filters_agree():
    row = verdicts(figure_07=experiment(end=0.0, filters=3)).loc["layers-2-to-8-biased"]
    assert (row["verdict"], row["value"]) == (NOT_SUPPORTED, 0)
    failed = experiment(end=1.0, filters=8, accuracy=0.1)
    row = verdicts(figure_15=failed).loc["no-bias-without-learning"]
    assert (row["verdict"], row["value"]) == (NOT_SUPPORTED, 1)


def test_first_eight_layers_are_counted():
    drops = [0.5] * 7 + [0.01] + [0.01] * 8
    row = verdicts(figure_02=experiment(drops=drops)).loc["first-eight-layers-critical"]
    assert row["note"] == "15 of 16 layers on the right side; on the wrong side: layer 8"


def test_flip_needs_certainty_about_the_time_before():
    row = verdicts(figure_08=experiment(middle=EDGE, end=FLIPPED)).loc["sign-flips-late"]
    assert row["verdict"] == NOT_TESTED
    assert "inconclusive whether negative before" in row["note"]
    assert row["high"] < 1 / 3
    row = verdicts(figure_08=experiment(middle=0.5, end=FLIPPED)).loc["sign-flips-late"]
    assert "never negative before; 0 of 3 layers on the right side" in row["note"]


def test_shuffled_and_clean_run_are_compared_at_their_last_common_epoch():
    clean = experiment("clean", middle=0.9, end=0.5)
    shuffled = experiment("shuffled", 0.6)
    tables = {**shuffled.tables, "n_l": shuffled.tables["n_l"].query("epoch <= 10")}
    shorter = LayerEvidence("shuffled", "label", "images", 0.1, 3, tables)
    row = verdicts(figure_20=shorter, figure_07=clean).loc["less-bias-under-pixel-shuffle"]
    assert (row["verdict"], row["value"]) == (SUPPORTED, pytest.approx(0.3))
    assert row["note"] == "epoch 10, the last of both: clean 0.400 (clean), shuffled 0.100"
    assert "augmentation and weight decay" in row["reason"]
    row = verdicts(figure_20=shuffled, figure_07=clean).loc["less-bias-under-pixel-shuffle"]
    assert row["verdict"] == NOT_SUPPORTED


@pytest.mark.parametrize(
    ("pair", "reason"),
    [
        ([experiment("a", seeds=1), experiment("b")], "a has one seed"),
        ([experiment("a"), experiment("b", accuracy=0.1)], "b did not learn"),
        ([experiment("a"), experiment("b", layers=8)], "a and b are different networks"),
    ],
)
def test_pairs_of_schedules_that_cannot_be_compared_are_left_out(pair, reason):
    row = verdicts(figure_22=[*pair, STEP, SMOOTH]).loc["step-has-less-spread"]
    assert row["verdict"] == SUPPORTED
    assert f"left out: a against b, {reason}" in row["note"]
    assert row["experiments"] == "step smooth"
    row = verdicts(figure_22=pair).loc["step-has-less-spread"]
    assert row["verdict"] == NOT_TESTED
    assert reason in row["note"]


def test_an_experiment_without_a_partner_is_left_out():
    row = verdicts(figure_22=[STEP, SMOOTH, experiment("odd")]).loc["step-has-less-spread"]
    assert row["verdict"] == SUPPORTED
    assert "left out: odd, which has no partner" in row["note"]


def test_equal_initial_weights_count_once():
    once = verdicts(figure_07=experiment("a")).loc["unbiased-at-initialisation"]
    twice = verdicts(figure_05=experiment("a"), figure_07=experiment("b", seeds=4))
    twice = twice.loc["unbiased-at-initialisation"]
    assert once["note"] == f"{16 * 3 * FILTERS} filters; 0 of 16 layers differ from one half"
    assert twice["note"] == (
        f"{16 * 4 * FILTERS} filters; 0 of 32 layers differ from one half; "
        "left out: 3 networks with the initial weights of another one"
    )
    other = verdicts(figure_05=experiment("a", layers=5), figure_07=experiment("b"))
    assert "left out" not in other.loc["unbiased-at-initialisation", "note"]


def test_biases_of_opposite_sign_do_not_cancel_over_seeds():
    single = seeds_of(experiment(end=0.1), experiment(end=0.9), name="one")
    row = verdicts(figure_polarity=[single, experiment("both", 0.5)])
    row = row.loc["one-polarity-biases-the-first-layer"]
    assert (row["verdict"], row["value"]) == (SUPPORTED, pytest.approx(0.4))
    assert row["note"] == "0.400 with one polarity (2 seeds), 0.000 with both (3 seeds)"


def test_full_agreement_names_both_expectations():
    row = verdicts(figure_07=experiment(end=1.0, filters=4, layers=2, seeds=1)).loc[
        "full-agreement-beyond-chance"
    ]
    # Two layers of four filters: 2 * 2^-3 = 0.25 by the exact formula, 2 * 4 / 2^4 = 0.5 as printed.
    assert "2 of 2 pairs; expected at initialisation 0.25 by 2^(1-F), 0.5 by F/2^F" in row["note"]
    assert "probability of 2 or more 0.0156" in row["note"]


def test_worst_layer_decides_and_is_named():
    row = verdicts(figure_17=experiment(end=[0.9] * 9 + [0.8] + [0.1] * 6)).loc["layers-9-and-10-biased"]
    assert row["value"] == pytest.approx(0.8)
    assert row["note"] == "layer 10 of run (1200 filters); 2 of 2 layers on the right side"


def test_workflow_gives_each_claim_the_tables_that_it_uses():
    text = (ROOT / "workflow/rules/common.smk").read_text()
    block = re.search(r"^CLAIM_FIGURES = (\{.*?^\})", text, re.MULTILINE | re.DOTALL)[1]
    given = eval(block)
    for table in ("n_l", "reinitialisation"):
        needed = {figure for entry in CLAIMS for figure, tables in entry.uses.items() if table in tables}
        assert set(given[table]) == needed
    assert all("training" in tables for entry in CLAIMS for tables in entry.uses.values())


# Program and pages


def write_evidence(folder, evidence):
    """Write the tables of an experiment and the description of its data set."""
    for name, table in evidence.tables.items():
        write_table(table, folder / evidence.name / f"{name}.csv")
    description = {"name": evidence.dataset, "channels": evidence.channels}
    train = {"images": 100, "images_per_class": [10] * 10}
    write_json(folder / "dataset.json", {**description, "train": train})


def test_judge_claims_writes_the_table_and_the_page(tmp_path):
    evidence = experiment("run", end=FALLING, drops=FALLING)
    write_evidence(tmp_path, evidence)
    table, page = tmp_path / "claims.csv", tmp_path / "claims.html"
    run_program(
        "judge_claims",
        *("--figures", '{"figure_02": ["run"], "figure_07": ["run"]}'),
        *("--experiments", '{"run": {"label": "VGG19, <CIFAR>", "dataset": "images"}}'),
        *("--datasets", tmp_path / "dataset.json", "--n-l", tmp_path / "run/n_l.csv"),
        *(
            "--training",
            tmp_path / "run/training.csv",
            "--reinitialisation",
            tmp_path / "run/reinitialisation.csv",
        ),
        *("--table", table, "--page", page),
    )
    claims = pd.read_csv(table).set_index("id")
    expected = verdicts(figure_02=evidence, figure_07=evidence)
    assert claims["verdict"].to_dict() == expected["verdict"].to_dict()
    np.testing.assert_allclose(claims["value"], expected["value"].astype(float), rtol=1e-4)
    assert claims.loc["biased-layers-critical", "data"] == "VGG19, <CIFAR>"
    text = page.read_text()
    for entry in CLAIMS:
        assert f'id="{entry.id}"' in text
    assert "VGG19, &lt;CIFAR&gt;" in text
    assert "<CIFAR>" not in text


def test_judge_claims_without_any_experiment(tmp_path):
    outputs = tmp_path / "claims.csv", tmp_path / "claims.html"
    empty = (
        "--figures",
        "{}",
        "--experiments",
        "{}",
        "--datasets",
        "--n-l",
        "--training",
        "--reinitialisation",
    )
    run_program(
        "judge_claims",
        "--figures",
        "{}",
        "--experiments",
        "{}",
        *empty,
        "--table",
        outputs[0],
        "--page",
        outputs[1],
    )
    assert pd.read_csv(outputs[0])["verdict"].eq(NOT_TESTED).all()


def test_a_table_of_an_experiment_that_is_not_described_is_refused():
    frame = pd.DataFrame({"experiment": ["other"]})
    description = {"name": "images", "channels": 3, "train": {"images": 10, "images_per_class": [5, 5]}}
    experiments = {"run": {"label": "a", "dataset": "images"}}
    with pytest.raises(ValueError, match=r"n_l.csv of other: expected one of run"):
        collect_evidence(experiments, [description], {"n_l": [frame]})
    with pytest.raises(ValueError, match=r"dataset.json\) of images"):
        collect_evidence(experiments, [], {})


def test_chance_is_the_fraction_of_the_largest_class():
    description = {"name": "images", "channels": 1, "train": {"images": 10, "images_per_class": [7, 3]}}
    evidence = collect_evidence({"run": {"label": "a", "dataset": "images"}}, [description], {})
    assert (evidence["run"].chance, evidence["run"].channels) == (0.7, 1)


def test_coverage_of_few_seeds_is_told_wherever_claims_are_explained():
    page = claims_page(claim_table(CLAIMS, {}))
    for path in ("results/README.md", "workflow/report/claims.rst", "workflow/report/criticality.rst"):
        text = " ".join((ROOT / path).read_text().split())
        for seeds, fraction in COVERAGE.items():
            assert f"{round(100 * fraction)} % with {seeds}" in text
            assert f"{fraction:.0%} with {seeds} seeds" in page


def test_pages_hold_everything_and_need_no_network():
    evidence = experiment("run", drops=FALLING)
    n_l, reinitialisation = evidence.tables["n_l"], evidence.tables["reinitialisation"]
    summary = n_l_summary(n_l)
    drops = mean_over_seeds(reinitialisation, ["experiment", "layer", "name", "reset_to"], "drop")
    tables = tables_page(
        accuracy_table([evidence.tables["training"]], [reinitialisation]),
        [summary],
        [onset_table(summary)],
        [drops],
        *criticality_tables([n_l], [reinitialisation]),
    )
    claims = claims_page(claim_table(CLAIMS, {"figure_07": [evidence]}))
    for text in (tables, claims):
        assert not re.search(r"https?:|src=|<script|<link|@import|url\(", text)
    for heading in ("Accuracies", "Fraction of negative", "Onset", "reset to their init", "critical layers"):
        assert re.search(rf"<h2>.*{heading}.*</h2>", tables)
    # Heading row, then 3 accuracies, three times 16 layers, 16 drops, 2 correlations.
    assert tables.count("<tr") == 6 + 3 + 4 * 16 + 2
    assert "None in this configuration" in tables_page(
        accuracy_table([evidence.tables["training"]], []), [summary], [], [], *criticality_tables([], [])
    )
