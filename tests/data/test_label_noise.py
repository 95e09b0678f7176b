"""Labels permuted, and replaced exactly: how many, which, by which seed; and what does not go together."""

import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from conftest import make_dataset, task_of
from hypothesis import given
from hypothesis import strategies as st

from anatomy.data.noise import noisy_labels, permuted_labels
from anatomy.runtime.errors import InputError
from anatomy.runtime.streams import stream

DATASET = make_dataset(train=200)
DESCRIPTION = {"name": "shades", "classes": DATASET.classes, "mean": [0.5] * 3, "std": [0.2] * 3}
FRACTIONS = st.integers(0, 100).map(lambda percent: percent / 100)


def labels_of(run_seed=0, **noise):
    return task_of(DATASET, DESCRIPTION, run_seed, label_noise=noise).train_labels


CLEAN = labels_of()


@given(
    fractions=st.lists(FRACTIONS, min_size=2, max_size=4),
    count=st.integers(1, 300),
    kind=st.sampled_from(["uniform", "wrong"]),
    seed=st.integers(0, 1000),
)
def test_exact_noise_replaces_so_many_and_is_nested(fractions, count, kind, seed):
    labels, before = torch.arange(count) % 7, None
    # Of all labels replaced, what they would be.
    new = noisy_labels(labels, 7, 1.0, kind, stream(seed, "test"), exact=True)
    for fraction in sorted(fractions):
        noisy = noisy_labels(labels, 7, fraction, kind, stream(seed, "test"), exact=True)
        changed = set((noisy != labels).nonzero().flatten().tolist())
        most = math.floor(Fraction(round(fraction * 100), 100) * count)
        assert len(changed) <= most
        if kind == "wrong":
            assert len(changed) == most
        assert before is None or before <= changed
        assert torch.equal(noisy, torch.where(noisy != labels, new, labels))
        before = changed


@pytest.mark.parametrize(("fraction", "count"), [(0.29, 29), (0.57, 57), (0.585, 58), (1.0, 100), (0.0, 0)])
def test_a_fraction_is_meant_as_it_is_written(fraction, count):
    noisy = noisy_labels(torch.zeros(100).long(), 5, fraction, "wrong", stream(0, "test"), exact=True)
    assert (noisy != 0).sum() == count


def test_exact_uniform_noise_is_right_by_chance_and_picks_anyone():
    """Against its description: the first floor(p n) of a permutation get a class at random."""
    labels = torch.arange(30_000) % 10
    noisy = noisy_labels(labels, 10, 0.4, "uniform", stream(2, "test"), exact=True)
    generator = stream(2, "test")
    chosen = torch.randperm(30_000, generator=generator)[:12_000]
    expected = labels.clone()
    expected[chosen] = torch.randint(10, (30_000,), generator=generator)[chosen]
    assert torch.equal(noisy, expected)
    assert (noisy != labels).float().mean().item() == pytest.approx(0.36, abs=0.01)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=80), st.integers(0, 1000))
def test_permuted_labels_are_the_same_labels_within_their_groups(values, seed):
    labels, groups = torch.tensor(values), [[0, 4], [1, 2, 3]]
    permuted = permuted_labels(labels, groups, stream(seed, "test"))
    for group in (*groups, [5]):
        members = torch.isin(labels, torch.tensor(group))
        assert torch.equal(torch.isin(permuted, torch.tensor(group)), members)
        assert torch.equal(permuted[members].sort().values, labels[members].sort().values)
    assert torch.equal(permuted[labels == 5], labels[labels == 5])


def test_permutations_are_uniform():
    labels = torch.arange(3)
    orders = [
        tuple(permuted_labels(labels, [[0, 1, 2]], stream(seed, "test")).tolist()) for seed in range(3000)
    ]
    counts = [orders.count(order) for order in set(orders)]
    assert len(counts) == 6
    assert np.sum((np.array(counts) - 500) ** 2 / 500) < 25  # chi squared with 5 degrees: p of 1e-4


def test_a_run_permutes_its_training_labels_alone():
    task = task_of(DATASET, DESCRIPTION, label_noise={"kind": "permuted", "seed": 28})
    clean = task_of(DATASET, DESCRIPTION)
    assert torch.equal(task.train_labels.sort().values, CLEAN.sort().values)
    # A quarter stays by chance.
    assert (task.train_labels != CLEAN).float().mean() > 0.6
    for part in ("validation", "test"):
        assert torch.equal(getattr(task, part)[1], getattr(clean, part)[1])
    within = labels_of(kind="permuted", groups=[["class 0", 2], [1, "class 3"]])
    assert torch.equal(within % 2, CLEAN % 2)
    assert not torch.equal(within, CLEAN)


@pytest.mark.parametrize(
    "noise",
    [
        {"fraction": 0.5},
        {"fraction": 0.5, "kind": "wrong"},
        {"fraction": 0.5, "exact": True},
        {"kind": "permuted"},
    ],
    ids=str,
)
def test_noise_is_of_its_seed_then_of_noise_seed_then_of_the_run(noise):
    own = labels_of(4, **noise)
    assert not torch.equal(own, labels_of(5, **noise))
    for run in (5, 6):
        assert torch.equal(labels_of(run, **noise, seed=4), own)
        task = task_of(DATASET, DESCRIPTION, run, label_noise=noise, noise_seed=4)
        assert torch.equal(task.train_labels, own)
        task = task_of(DATASET, DESCRIPTION, run, label_noise={**noise, "seed": 4}, noise_seed=9)
        assert torch.equal(task.train_labels, own)


@pytest.mark.parametrize(
    ("noise", "message"),
    [
        ({"kind": "permuted", "fraction": 0.5}, r"label_noise\.fraction: 0\.5 of the labels cannot be perm"),
        ({"kind": "permuted", "exact": True}, r"label_noise\.exact: kind permuted permutes all labels; rem"),
        ({"groups": [[0, 1]], "fraction": 0.5}, r"label_noise\.groups: kind uniform has none; set kind to "),
        (
            {"kind": "permuted", "groups": [[0, 4]]},
            r"label_noise\.groups: 4 is not a class; allowed: 0 to 3, or",
        ),
        (
            {"kind": "permuted", "groups": [[0, 1], ["class 1"]]},
            r"groups: class class 1 is listed twice; exp",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(noise, message):
    with pytest.raises(InputError, match=message):
        labels_of(**noise)
