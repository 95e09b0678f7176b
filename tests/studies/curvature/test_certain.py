"""Cross entropy of certain networks, against torch and, where that has no digits left, closed forms."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from studies.curvature.small_networks import data, objective, relu_network
from torch.nn import functional

from anatomy.studies.curvature.certain import accurate, cross_entropy
from anatomy.studies.curvature.eigenpairs import top_pairs
from anatomy.studies.curvature.hessian import Hessian
from anatomy.studies.curvature.spectrum import solved, whole_spectrum
from anatomy.training.losses import loss_of


def derivatives(loss, logits, target):
    """Value, gradient and Hessian of a loss in the logits of one row."""

    def total(row):
        return loss(row[None], torch.tensor([target]), reduction="sum")

    own = torch.tensor(logits, dtype=torch.float64)
    return total(own), torch.func.grad(total)(own), torch.autograd.functional.hessian(total, own)


@given(st.lists(st.floats(-8, 8), min_size=2, max_size=5), st.data())
@settings(max_examples=40, deadline=None)
def test_value_and_derivatives_are_those_of_torch(logits, drawn):
    target = drawn.draw(st.integers(0, len(logits) - 1))
    found, expected = (derivatives(own, logits, target) for own in (cross_entropy, functional.cross_entropy))
    assert all(
        torch.allclose(one, other, rtol=1e-9, atol=1e-14) for one, other in zip(found, expected, strict=True)
    )


@pytest.mark.parametrize("difference", [20.0, 60.0, 300.0])
def test_a_certain_network_has_the_derivatives_of_the_closed_form(difference):
    """Of two classes p (1 - p) with 1 - p = 1 / (1 + exp(d)), which torch rounds to 0 from d = 37 on."""
    p = 1 / (1 + math.exp(difference))
    _, gradient, curvature = derivatives(cross_entropy, [difference, 0.0], 0)
    assert gradient.tolist() == pytest.approx([-p, p], rel=1e-12, abs=0)
    expected = [p * (1 - p), -p * (1 - p)]
    assert curvature.tolist() == [pytest.approx(row, rel=1e-12, abs=0) for row in (expected, expected[::-1])]


def test_means_are_over_the_batch():
    x = torch.randn(7, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    y = torch.arange(7) % 3
    assert cross_entropy(x, y).item() == pytest.approx(functional.cross_entropy(x, y).item())


def test_other_losses_stay():
    assert accurate(loss_of("cross_entropy")) is accurate(functional.cross_entropy) is cross_entropy
    assert accurate(loss_of("hinge")) is loss_of("hinge")


def test_the_exact_range_holds_of_a_network_with_a_loss_of_nothing():
    """Points far from the boundary, logits enlarged: a loss of 1e-15, where p - 1 has no digits left."""
    network, x = relu_network(hidden=(16, 16), seed=2), data(300)[0]
    logits = network(x).detach().sort(1).values
    x = x[(logits[:, 2] - logits[:, 1]).argsort(descending=True)[:20]]
    with torch.no_grad():
        network[4].weight *= 11
        network[4].bias *= 11
    own = objective(network, [(x, network(x).argmax(1))])
    assert own.value < 1e-12
    hessian = Hessian(own)
    found, expected = whole_spectrum(hessian), solved(hessian)
    assert found.basis is not None
    assert np.abs(found.all_values - expected.values).max() < 1e-12 * expected.values[0]
    assert top_pairs(hessian, 3).values == pytest.approx(expected.values[:3], rel=1e-10)
