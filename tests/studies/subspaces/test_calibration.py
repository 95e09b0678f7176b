"""Accuracy and calibration against their definitions written as loops, and what holds of any predictions."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from anatomy.studies.subspaces.calibration import (
    MEASURES,
    ensemble,
    equal_bins,
    filled_bins,
    log_softmax,
    measures,
)


def made(count=200, classes=5, seed=0):
    """Logits and labels that agree more often than by chance."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, count)
    logits = random.normal(0, 2, (count, classes))
    logits[np.arange(count), labels] += 2
    return logits.astype(np.float32), labels


def by_loops(logits, labels):
    """The five measures, image by image, as the paper's code bins them."""
    correct, loss, brier = 0, 0.0, 0.0
    sums, filled = [[0, 0.0] for _ in range(20)], []
    for row, label in zip(logits.astype(float).tolist(), labels.tolist(), strict=True):
        total = sum(map(math.exp, row))
        p = [math.exp(value) / total for value in row]
        right = p.index(max(p)) == label
        correct += right
        loss -= math.log(p[label])
        brier += sum((value - (j == label)) ** 2 for j, value in enumerate(p))
        bin_ = min(math.floor(20 * max(p)), 19)
        sums[bin_][0] += right
        sums[bin_][1] += max(p)
        filled.append((max(p), right))
    n = len(labels)
    filled.sort()
    size = n // 20
    assert size * 20 == n
    parts = [filled[i * size : (i + 1) * size] for i in range(20)]
    adaptive = sum(abs(sum(r for _, r in part) - sum(c for c, _ in part)) for part in parts)
    return correct / n, loss / n, brier / n, sum(abs(k - c) for k, c in sums) / n, adaptive / n


def test_measures_are_those_of_loops_over_images():
    logits, labels = made()
    found = measures(log_softmax(logits), labels)
    assert [found[name] for name in MEASURES] == pytest.approx(by_loops(logits, labels), abs=1e-12)


def test_the_bins_of_the_paper_include_their_lower_ends_and_the_last_one_both():
    assert equal_bins(np.array([0.0, 0.05, 0.0499, 0.999, 1.0])).tolist() == [0, 1, 0, 19, 19]


def test_filled_bins_are_in_order_and_as_full_as_can_be():
    confidence = np.random.default_rng(0).random(53)
    bins = filled_bins(confidence)
    assert (np.diff(bins[np.argsort(confidence)]) >= 0).all()
    counts = np.bincount(bins, minlength=20)
    assert set(counts) == {2, 3}


def test_the_interval_of_accuracy_is_that_of_the_normal_approximation():
    logits, labels = made(2000)
    found = measures(log_softmax(logits), labels)
    p = found["accuracy"]
    half = 1.96 * math.sqrt(p * (1 - p) / 2000)
    assert found["accuracy_low"] == pytest.approx(p - half, abs=0.15 * half)
    assert found["accuracy_high"] == pytest.approx(p + half, abs=0.15 * half)


def test_an_interval_of_calibration_includes_what_was_measured():
    for seed in range(5):
        found = measures(log_softmax(made(seed=seed)[0]), made(seed=seed)[1])
        for name in MEASURES:
            assert found[f"{name}_low"] <= found[name] <= found[f"{name}_high"]


def test_an_interval_is_not_shifted_by_what_resampling_adds():
    """Of a calibrated network every draw has a larger error than the value, to which the interval belongs."""
    random = np.random.default_rng(0)
    logits = random.normal(0, 1, (3000, 4))
    p = np.exp(log_softmax(logits))
    labels = (random.random((3000, 1)) > p.cumsum(1)).sum(1)
    found = measures(log_softmax(logits), labels)
    for name in ("ece", "adaptive_ece"):
        assert found[f"{name}_low"] < 0.9 * found[name] < 1.1 * found[name] < found[f"{name}_high"]


def test_a_network_that_is_right_and_sure_is_calibrated():
    logits = np.where(np.eye(4)[np.arange(40) % 4], 100.0, 0.0)
    found = measures(log_softmax(logits), np.arange(40) % 4)
    assert found["accuracy"] == 1
    assert [found[name] for name in MEASURES[1:]] == pytest.approx([0] * 4, abs=1e-12)


def test_ensembles_average_logits_or_probabilities():
    one, two = made(seed=1)[0].astype(float), made(seed=2)[0].astype(float)
    p, q = (np.exp(x) / np.exp(x).sum(1, keepdims=True) for x in (one, two))
    assert np.exp(ensemble([one, two], "probabilities")) == pytest.approx((p + q) / 2, abs=1e-12)
    mean = np.exp((one + two) / 2)
    assert np.exp(ensemble([one, two], "logits")) == pytest.approx(
        mean / mean.sum(1, keepdims=True), abs=1e-12
    )
    # As the paper's code sums logits.
    assert (ensemble([one, two], "logits").argmax(1) == (one + two).argmax(1)).all()


LOGITS = arrays(np.float64, (30, 3), elements=st.floats(-50, 50))


@settings(max_examples=25, deadline=None)
@given(LOGITS, st.floats(-20, 20))
def test_a_constant_added_to_logits_changes_nothing(logits, constant):
    labels = np.arange(30) % 3
    before = measures(log_softmax(logits), labels)
    after = measures(log_softmax(logits + constant), labels)
    for name in ("loss", "brier"):
        assert after[name] == pytest.approx(before[name], rel=1e-6, abs=1e-6)


@settings(max_examples=25, deadline=None)
@given(LOGITS)
def test_the_ensemble_of_a_network_with_itself_is_the_network(logits):
    for combined in ("logits", "probabilities"):
        assert ensemble([logits, logits], combined) == pytest.approx(log_softmax(logits), abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(LOGITS)
def test_measures_stay_within_what_they_can_be(logits):
    found = measures(log_softmax(logits), np.arange(30) % 3)
    assert found["accuracy_low"] >= 0 and found["accuracy_high"] <= 1
    assert 0 <= found["brier"] <= 2 + 1e-12
    # No calibration error is above the mean gap of single images, and adaptive bins are no finer.
    assert 0 <= found["ece"] <= 1 and 0 <= found["adaptive_ece"] <= 1


@settings(deadline=None, max_examples=50)
@given(arrays(np.float64, (6, 4), elements=st.floats(-30, 30)), st.sampled_from(["logits", "probabilities"]))
def test_an_ensemble_of_a_network_with_itself_is_the_network(logits, combined):
    """As at alpha = 1/2, where both points are the mid-point."""
    np.testing.assert_allclose(ensemble([logits, logits], combined), log_softmax(logits), atol=1e-12)
