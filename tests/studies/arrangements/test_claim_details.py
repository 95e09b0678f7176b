"""Claims of the paper on which one thing at a time is made up: what decides, counts and is noted."""

import numpy as np
import pytest
from claim_tables import (
    EDGE,
    FALLING,
    FILTERS,
    FLIPPED,
    SLOPE,
    SMOOTH,
    STEP,
    WAVE,
    experiment,
    seeds_of,
    uncertain,
    verdicts,
)

from anatomy.reporting.claims import INCONCLUSIVE, NOT_SUPPORTED, NOT_TESTED, SUPPORTED
from anatomy.studies.arrangements.evidence import LayerEvidence
from anatomy.studies.arrangements.tables import criticality


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
    values = np.array([-0.1, 0.1, 0.4])
    error = values.std(ddof=1) / np.sqrt(3)
    # Student's quantiles of two degrees of freedom: 2.5 % below, and 1.25 %, of two layers, above.
    limits = [0.4 / 3 - 4.302653 * error, 0.4 / 3 + 6.205347 * error]
    assert row[["value", "low", "high"]].tolist() == pytest.approx([0.4 / 3, *limits])


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
    assert row["note"] == (
        "layer 8, 3 seeds, should lie above; 15 of 16 layers on the right side; on the wrong side: layer 8"
    )
    assert row["value"] == pytest.approx(0.011)


def test_flip_needs_certainty_about_the_time_before():
    row = verdicts(figure_08=experiment(middle=EDGE, end=FLIPPED)).loc["sign-flips-late"]
    assert row["verdict"] == INCONCLUSIVE
    assert "inconclusive whether negative in epoch 1" in row["note"]
    assert row["high"] < 1 / 3
    row = verdicts(figure_08=experiment(middle=0.5, end=FLIPPED)).loc["sign-flips-late"]
    assert "not negative in epoch 0; 0 of 3 layers on the right side" in row["note"]


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
    assert f"0.500 of {16 * 3 * FILTERS} filters negative; cosines 0.00" in once["note"]
    assert "0 of 16 layers differ" in once["note"]
    assert f"0.500 of {16 * 4 * FILTERS} filters negative; cosines 0.00" in twice["note"]
    assert "0 of 32 layers differ" in twice["note"]
    assert "left out: 3 networks with the initial weights of another one" in twice["note"]
    other = verdicts(figure_05=experiment("a", layers=5), figure_07=experiment("b"))
    assert "left out" not in other.loc["unbiased-at-initialisation", "note"]


def test_biases_of_opposite_sign_do_not_cancel_over_seeds():
    ends = (0.1, 0.9, 0.1)
    single = seeds_of(*(experiment(end=end) for end in ends), name="one")
    row = verdicts(figure_polarity=[single, experiment("both", 0.5)])
    row = row.loc["one-polarity-biases-the-first-layer"]
    assert (row["verdict"], row["value"]) == (SUPPORTED, pytest.approx(0.4))
    assert row["note"].startswith("0.400 with one polarity (3 seeds), 0.000 with both (3 seeds)")


def test_full_agreement_names_both_expectations():
    row = verdicts(figure_07=experiment(end=1.0, filters=4, layers=2, seeds=1)).loc[
        "full-agreement-beyond-chance"
    ]
    # Two layers of four filters: 2 * 2^-3 = 0.25 by the exact formula, 2 * 4 / 2^4 = 0.5 as printed.
    assert "2 of 2 pairs; expected at initialisation 0.25 by 2^(1-F), 0.5 by F/2^F" in row["note"]
    assert row["value"] == pytest.approx(0.015625)


def test_worst_layer_decides_and_is_named():
    row = verdicts(figure_17=experiment(end=[0.9] * 9 + [0.8] + [0.1] * 6)).loc["layers-9-and-10-biased"]
    assert row["value"] == pytest.approx(0.8)
    assert row["note"] == "layer 10 of run (1200 filters); 2 of 2 layers on the right side"


def test_cosines_that_are_not_normal_refute():
    """Half of them at -1 and half at 1 have the right signs."""
    run = experiment(filters=100)
    cosines = run.tables["cosines"]
    lumps = cosines.assign(projection=np.sign(cosines["projection"]))
    row = verdicts(
        figure_07=LayerEvidence("run", "label", "images", 0.1, 3, {**run.tables, "cosines": lumps})
    )
    row = row.loc["unbiased-at-initialisation"]
    assert row["verdict"] == NOT_SUPPORTED
    assert "16 of 16 layers differ" in row["note"]


def test_the_table_of_criticality_has_the_correlation_of_the_claim():
    run = experiment(end=SLOPE + WAVE, drops=SLOPE + np.roll(WAVE, 5))
    row = verdicts(figure_02=run, figure_07=run).loc["biased-layers-critical"]
    found = criticality(run.tables["n_l"], run.tables["reinitialisation"], first=2)
    numbers = [found[name] for name in ("partial", "partial_low", "partial_high")]
    assert row[["value", "low", "high"]].tolist() == pytest.approx(numbers)
    assert f"without regard to depth {found['rho']:.2f}" in row["note"]


def test_random_signs_of_few_filters_are_no_bias():
    """Drops fall with depth, as the bias does that few filters have by chance."""
    sizes = np.array([8, 8, 16, 16, *[32] * 4, *[64] * 8])
    generator = np.random.default_rng(0)
    supported = 0
    for _ in range(20):
        run = experiment(end=0.5, drops=np.linspace(0.6, 0.01, 16) + 0.01 * generator.normal(size=16))
        n_l = run.tables["n_l"].copy()
        n_l["filters"] = sizes[n_l["layer"] - 1]
        n_l["n_l"] = generator.binomial(n_l["filters"], 0.5) / n_l["filters"]
        run = LayerEvidence("run", "label", "images", 0.1, 3, {**run.tables, "n_l": n_l})
        row = verdicts(figure_02=run, figure_07=run).loc["biased-layers-critical"]
        supported += row["verdict"] == SUPPORTED
    assert supported <= 2


def test_a_correlation_that_depth_turns_round_does_not_support():
    """Biased layers are the uncritical ones, but for what bias and drop have in common beside depth."""
    run = experiment(end=FALLING[::-1] + WAVE, drops=FALLING + WAVE)
    row = verdicts(figure_02=run, figure_07=run).loc["biased-layers-critical"]
    assert (row["verdict"], row["low"] > 0) == (INCONCLUSIVE, True)
    assert row["note"].endswith("biased layers are not the critical ones")


def test_bias_known_to_the_gaps_between_snapshots_only():
    run = experiment(onset=9, loss_falls=9)
    n_l = run.tables["n_l"].query("epoch % 9 == 0")
    row = verdicts(figure_06=LayerEvidence("run", "label", "images", 0.1, 3, {**run.tables, "n_l": n_l}))
    row = row.loc["bias-when-noisy-loss-falls"]
    assert (row["verdict"], row["value"]) == (INCONCLUSIVE, 0)
    # Rounded to nine of 20 epochs, over three seeds.
    half = 4.302653 * 9 / 20 / np.sqrt(12 * 3)
    assert row[["low", "high"]].tolist() == pytest.approx([-half, half])


def test_value_and_threshold_have_the_same_unit():
    row = verdicts(figure_06=experiment(onset=10, loss_falls=9)).loc["bias-when-noisy-loss-falls"]
    assert row["value"] == pytest.approx(1 / 20)
    row = verdicts(figure_02=experiment(drops=0.5)).loc["first-eight-layers-critical"]
    assert row["value"] == pytest.approx(0.501)
    row = verdicts(figure_07=experiment(end=1.0, filters=2, layers=1)).loc["full-agreement-beyond-chance"]
    assert row["value"] == pytest.approx(1 / 8)
