"""Claims of the paper on which one thing at a time is made up: what decides, counts and is noted."""

import pytest
from claim_tables import (
    EDGE,
    FILTERS,
    FLIPPED,
    SMOOTH,
    STEP,
    experiment,
    seeds_of,
    uncertain,
    verdicts,
)

from anatomy.reporting.claims import INCONCLUSIVE, NOT_SUPPORTED, NOT_TESTED, SUPPORTED
from anatomy.studies.arrangements.evidence import LayerEvidence


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


def test_one_layer_on_the_wrong_side_outweighs_an_uncertain_one():
    row = verdicts(figure_16=uncertain(9, others=0.05, low=-0.6)).loc["layers-9-and-10-critical"]
    assert row["verdict"] == NOT_SUPPORTED
    assert row["note"] == "layer 10 of run, 3 seeds; 0 of 2 layers on the right side"
    assert row["high"] < 0.1
    row = verdicts(figure_16=uncertain(9)).loc["layers-9-and-10-critical"]
    assert row["verdict"] == INCONCLUSIVE
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


def test_a_layer_without_any_cosine_is_not_tested():
    run = experiment()
    n_l = run.tables["n_l"]
    gone = n_l.assign(undefined=n_l["filters"].where(n_l["layer"] == 3, 0))
    tables = {**run.tables, "n_l": gone.assign(n_l=n_l["n_l"].where(n_l["layer"] != 3))}
    row = verdicts(figure_07=LayerEvidence("run", "label", "images", 0.1, 3, tables))
    row = row.loc["layers-2-to-8-biased"]
    assert (row["verdict"], row["note"]) == (
        NOT_TESTED,
        "no filter has a cosine: layer 3 of run (0 filters)",
    )


def test_first_eight_layers_are_counted():
    drops = [0.5] * 7 + [0.01] + [0.01] * 8
    row = verdicts(figure_02=experiment(drops=drops)).loc["first-eight-layers-critical"]
    assert row["note"] == "15 of 16 layers on the right side; on the wrong side: layer 8"


def test_flip_needs_certainty_about_the_time_before():
    row = verdicts(figure_08=experiment(middle=EDGE, end=FLIPPED)).loc["sign-flips-late"]
    assert row["verdict"] == INCONCLUSIVE
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
