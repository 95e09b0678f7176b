"""Every claim of the paper with each verdict on small constructed tables."""

import pytest
from claim_cases import CASES, INCLUDING, WITHOUT_INTERVAL
from claim_tables import FALLING, FIGURES_02_07, FIRST_EIGHT, IDS, STEP, experiment, verdicts

from anatomy.reporting.claims import INCONCLUSIVE, NOT_SUPPORTED, NOT_TESTED, SUPPORTED
from anatomy.reporting.uses import uses_of
from anatomy.studies.arrangements.claims import CLAIMS


@pytest.mark.parametrize(("name", "supporting", "opposing"), CASES, ids=[case[0] for case in CASES])
def test_claim_goes_both_ways(name, supporting, opposing):
    row = verdicts(**supporting).loc[name]
    assert row["verdict"] == SUPPORTED, row["note"]
    assert row["value"] is not None
    assert row["data"].startswith("label of ")
    row = verdicts(**opposing).loc[name]
    assert row["verdict"] == NOT_SUPPORTED, row["note"]


@pytest.mark.parametrize(("name", "figures", "note"), INCLUDING, ids=[case[0] for case in INCLUDING])
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
    assert {case[0] for case in [*INCLUDING, *WITHOUT_INTERVAL]} == IDS
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
        (
            "biased-layers-critical",
            dict.fromkeys(FIGURES_02_07, experiment(end=FALLING, drops=FALLING)),
            "bias or drops of run are the same in all layers, or follow depth alone",
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


@pytest.mark.parametrize(
    ("name", "figures"),
    [
        ("layers-9-and-10-critical", {"figure_16": experiment(drops=0.5, seeds=1)}),
        ("first-eight-layers-critical", {"figure_02": experiment(drops=FIRST_EIGHT, seeds=1)}),
        ("layers-2-to-8-biased", {"figure_07": experiment(end=0.9, seeds=1)}),
        ("less-bias-under-pixel-shuffle", {"figure_20": experiment(seeds=1), "figure_07": experiment("b")}),
        (
            "one-polarity-biases-the-first-layer",
            {"figure_polarity": [experiment(), experiment("b", seeds=1)]},
        ),
        ("bias-when-noisy-loss-falls", {"figure_06": experiment(onset=9, loss_falls=9, seeds=1)}),
    ],
)
def test_one_seed_is_measured_and_decides_nothing(name, figures):
    row = verdicts(**figures).loc[name]
    assert row["verdict"] == INCONCLUSIVE
    assert row["value"] is not None
    assert row[["low", "high"]].isna().all()
    assert "inconclusive: there is no interval" in row["note"]
    assert "fewer than 3 seeds, which decide little: 1 of " in row["note"]


@pytest.mark.parametrize("seeds", [1, 2, 3])
def test_every_verdict_below_three_seeds_says_so(seeds):
    """Of every claim, on what supports it with three seeds; those that are tested."""
    said = set()
    for name, figures, _ in CASES:
        few = {
            key: [each.of_seeds(range(seeds)) for each in (own if isinstance(own, list) else [own])]
            for key, own in figures.items()
        }
        row = verdicts(**few).loc[name]
        if row["verdict"] != NOT_TESTED:
            assert (f"fewer than 3 seeds, which decide little: {seeds} of " in row["note"]) is (seeds < 3)
            said.add(name)
    assert len(said) > 14


@pytest.mark.parametrize("seeds", [2, 5])
def test_few_filters_are_no_certainty_where_seeds_agree(seeds):
    """Equal seeds have a binomial interval, by Clopper and Pearson."""
    row = verdicts(figure_07=experiment(end=1, filters=3, seeds=seeds)).loc["layers-2-to-8-biased"]
    low = 0.025 ** (1 / (3 * seeds))
    assert row[["value", "low", "high"]].tolist() == pytest.approx([1, low, 1])
    assert row["verdict"] == (SUPPORTED if low > 2 / 3 else INCONCLUSIVE)


def test_the_note_says_of_the_deciding_layer_that_it_has_too_few_filters():
    figures = [experiment("wide", 0.5), experiment("narrow", 0.5, filters=8)]
    row = verdicts(figure_21=figures).loc["first-layer-unbiased-on-rgb"]
    assert row["verdict"] == INCONCLUSIVE
    assert row["note"] == (
        "layer 1 of narrow (24 filters); inconclusive: the interval includes the threshold, "
        "which so few filters cannot exclude; 1 of 2 layers on the right side"
    )


def test_without_any_figure_every_claim_stays_in_the_table():
    table = verdicts()
    assert set(table.index) == IDS
    assert table["verdict"].eq(NOT_TESTED).all()
    assert table["note"].str.contains("configuration").all()
