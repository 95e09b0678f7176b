"""How an interval and a threshold become one of four verdicts, at the threshold, at half and at double."""

import inspect

import numpy as np
import pandas as pd
import pytest

from anatomy.reporting import uses
from anatomy.reporting.claims import (
    INCONCLUSIVE,
    NOT_SUPPORTED,
    NOT_TESTED,
    SUPPORTED,
    VERDICTS,
    above,
    below,
    claim,
    claim_table,
    decide,
    inside,
)
from anatomy.reporting.evidence import Evidence, NotTestedError
from anatomy.reporting.pages import STYLE, claims_page
from anatomy.runtime.errors import InputError


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
    assert inside(0.4, 1, middle, (low, high)).supported is verdict
    assert inside(-1, -0.4, -middle, (-high, -low)).supported is verdict
    assert ("inconclusive" in above(0.4, middle, low, high).note) is (verdict is None)


def test_an_interval_that_is_to_refute_may_be_wider():
    narrow, wide = (0.45, 0.55), (0.3, 0.7)
    assert inside(0.4, 0.6, 0.5, narrow, wide).supported
    assert inside(0.6, 0.8, 0.5, narrow).supported is False
    assert inside(0.6, 0.8, 0.5, narrow, wide).supported is None
    assert inside(0.2, 0.42, 0.5, narrow, wide).supported is None


def test_without_an_interval_nothing_is_decided():
    found = above(0.4, 0.9, np.nan, np.nan)
    assert (found.supported, found.note) == (None, "inconclusive: there is no interval")


def test_of_several_without_an_interval_the_one_whose_value_is_worst_is_shown():
    values = {"good": 0.5, "low": 0.3, "worst": 0.95, "bad": 0.7}
    findings = [inside(1 / 3, 2 / 3, value, (np.nan, np.nan), note=name) for name, value in values.items()]
    found = decide(findings, "experiments")
    assert found.value == 0.95
    assert found.note == "worst; inconclusive: there is no interval; 0 of 4 experiments on the right side"
    assert decide([above(0.5, 0.9, np.nan, np.nan), above(0.5, 0.2, np.nan, np.nan)]).value == 0.2
    assert decide([below(0.5, 0.1, np.nan, np.nan), below(0.5, 0.8, np.nan, np.nan)]).value == 0.8


# Verdicts of a made-up claim

WORDS = {"section": "1", "sentence": "All is <well>.", "quantity": "n", "criterion": "above", "reason": "why"}


def judged(low, high, **entry):
    """The row of a claim that a made-up interval lies above the threshold."""

    @claim(uses={"figure_1": "training"}, **WORDS, **entry)
    def all_is_well(case, threshold):
        if np.isnan(low):
            raise NotTestedError("no data")
        (evidence,) = case.experiments("figure_1")
        case.notes.append(f"judged on {evidence.name}")
        return above(threshold, (low + high) / 2, low, high)

    evidence = Evidence("run", "label", "images", 0.1, 3, {})
    return claim_table([all_is_well], {"figure_1": [evidence]}).iloc[0]


@pytest.mark.parametrize(
    ("low", "high", "half", "verdict", "double"),
    [
        (0.95, 0.97, SUPPORTED, SUPPORTED, SUPPORTED),
        (0.75, 0.8, SUPPORTED, SUPPORTED, NOT_SUPPORTED),
        (0.65, 0.8, SUPPORTED, INCONCLUSIVE, NOT_SUPPORTED),
        (0.55, 0.95, INCONCLUSIVE, INCONCLUSIVE, INCONCLUSIVE),
        (0.1, 0.2, NOT_SUPPORTED, NOT_SUPPORTED, NOT_SUPPORTED),
        (np.nan, np.nan, NOT_TESTED, NOT_TESTED, NOT_TESTED),
    ],
)
def test_half_and_double_are_counted_from_the_null(low, high, half, verdict, double):
    """0.6 and 0.9, for a threshold of 0.7 and a null of 0.5."""
    row = judged(low, high, null=0.5, threshold=0.7)
    assert row[["verdict_half", "verdict", "verdict_double"]].tolist() == [half, verdict, double]
    assert row[["null", "threshold"]].tolist() == [0.5, 0.7]


def test_an_effect_stands_in_for_a_distance_of_zero():
    row = judged(0.12, 0.18, null=0, threshold=0, effect=0.2)
    assert row[["verdict_half", "verdict", "verdict_double"]].tolist() == [
        SUPPORTED,
        SUPPORTED,
        NOT_SUPPORTED,
    ]
    assert row["effect"] == 0.2


def test_what_the_quantity_cannot_reach_is_no_threshold():
    beyond = judged(0.97, 0.99, null=0.3, threshold=0.7)
    assert beyond["verdict_double"] == NOT_SUPPORTED
    capped = judged(0.97, 0.99, null=0.3, threshold=0.7, possible=(0, 0.95))
    assert capped["verdict_double"] == SUPPORTED


@pytest.mark.parametrize("given", [{"threshold": 0.5}, {"threshold": 0.7, "effect": 0.1}])
def test_an_effect_is_stated_where_threshold_and_null_are_the_same_and_nowhere_else(given):
    with pytest.raises(ValueError, match="all-is-well: state an effect if and only if"):
        judged(0, 1, null=0.5, **given)


def test_a_threshold_that_the_quantity_cannot_reach_is_refused():
    with pytest.raises(ValueError, match=r"all-is-well: the threshold 1.5 lies outside \(0, 1\)"):
        judged(0, 1, null=0.5, threshold=1.5, possible=(0, 1))


def test_judging_again_at_other_thresholds_notes_nothing_twice():
    row = judged(0.75, 0.8, null=0.5, threshold=0.7)
    assert (row["note"], row["experiments"]) == ("judged on run", "run")


def test_pages_show_every_verdict_and_those_at_other_thresholds():
    rows = [
        judged(0.95, 0.97, null=0.5, threshold=0.7),
        judged(0.1, 0.2, null=0.5, threshold=0.7),
        judged(0.65, 0.8, null=0.5, threshold=0.7),
        judged(np.nan, np.nan, null=0.5, threshold=0.7),
        judged(1.12, 1.18, null=1, threshold=1, effect=-0.2),
    ]
    page = claims_page(pd.DataFrame(rows))
    for verdict in VERDICTS:
        name = verdict.replace(" ", "-")
        assert f'<strong class="{name}">{verdict}</strong>' in page
        assert f".{name} {{ color: " in STYLE
    assert "2 supported, 1 not supported, 1 inconclusive, 1 not tested" in page
    assert (
        '<strong class="supported">supported</strong> at 0.6 (half), <strong class="not-supported">not '
        "supported</strong> at 0.9 (double): the distance from 0.5 to 0.7"
    ) in page
    # The sign of an effect: half and double of -0.2 from 1.
    assert "</strong> at 0.9 (half), " in page
    assert "</strong> at 0.6 (double): an effect from 1 to 0.8" in page
    assert "of a claim that something stays near a value, half is the stricter one" in page
    assert "All is &lt;well&gt;." in page
    assert "<th>at half</th>" in page and "<th>at double</th>" in page


# What claims use


def study(folder, monkeypatch, files):
    """A library in `folder` with a study `made` of these files."""
    for name, text in files.items():
        path = folder / "studies" / "made" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(inspect.cleandoc(text))
    monkeypatch.setattr(uses, "PACKAGE", folder)


CLAIM = """
@claim(section="1", uses={{"figure_1": "training n_l"}})
def {name}(case, threshold):
    raise RuntimeError
"""


@pytest.mark.parametrize("names", [["claims.py"], ["claims/__init__.py", "claims/one.py"]])
def test_claims_stand_in_one_file_or_in_a_folder(tmp_path, monkeypatch, names):
    text = "raise RuntimeError\n" + CLAIM.format(name="one_claim") + CLAIM.format(name="other")
    study(tmp_path, monkeypatch, {name: "" for name in names} | {names[-1]: text})
    used = {"figure_1": ["training", "n_l"]}
    assert uses.uses_of("made") == {"one-claim": used, "other": used}
    assert uses.claiming_studies() == ["made"]


def test_a_study_may_have_no_claims(tmp_path, monkeypatch):
    study(tmp_path, monkeypatch, {"tables.py": ""})
    assert uses.uses_of("made") == {}
    assert uses.claiming_studies() == []


@pytest.mark.parametrize("written", ['{name: "n_l" for name in FIGURES}', "USES"])
def test_uses_that_is_no_literal_is_refused(tmp_path, monkeypatch, written):
    text = CLAIM.format(name="one").replace('{"figure_1": "training n_l"}', written)
    study(tmp_path, monkeypatch, {"claims.py": text})
    with pytest.raises(InputError, match=r"claims.py: claim one: expected uses=.* as a literal"):
        uses.uses_of("made")
