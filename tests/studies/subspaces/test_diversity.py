"""Diversity against loops over images and pairs."""

from itertools import combinations

import numpy as np
import pytest

from anatomy.studies.subspaces.diversity import diversity


def made(members, count=40, classes=3, seed=0):
    random = np.random.default_rng(seed)
    logits = [random.normal(size=(count, classes)) for _ in range(members)]
    features = [random.normal(size=(count, 6)) for _ in range(members)]
    return logits, features, random.integers(0, classes, count)


@pytest.mark.parametrize("members", [2, 3])
def test_it_is_that_of_loops(members):
    logits, features, labels = made(members)
    rows = []
    for i, j in combinations(range(members), 2):
        sums = np.zeros(5)
        for n, label in enumerate(labels):
            p, q = (np.exp(x[n]) / np.exp(x[n]).sum() for x in (logits[i], logits[j]))
            a, b = p.argmax(), q.argmax()
            f, g = features[i][n], features[j][n]
            cosine = f @ g / np.sqrt(f @ f * (g @ g))
            sums += [abs(p - q).sum() / 2, a != b, a != b and label in (a, b), cosine, cosine**2]
        rows.append(sums / len(labels))
    found = diversity(logits, features, labels)
    assert list(found.values())[:5] == pytest.approx(np.mean(rows, 0).tolist(), abs=1e-12)
    accuracies = [(x.argmax(1) == labels).mean() for x in logits]
    assert found["member_accuracy"] == pytest.approx(np.mean(accuracies))


def test_equal_networks_do_not_differ():
    logits, features, labels = made(1)
    found = diversity(logits * 2, features * 2, labels)
    assert found["total_variation"] == found["disagreement"] == found["disagreement_one_right"] == 0
    assert found["feature_cosine"] == pytest.approx(1)


def test_features_that_are_zero_have_no_direction():
    logits, features, labels = made(2)
    features[0][:] = 0
    assert diversity(logits, features, labels)["feature_cosine"] == 0
