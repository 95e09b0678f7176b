"""Gradients and alignments against one backward pass at a time, and what is counted of them."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from studies.curvature.small_networks import data, objective, relu_network
from torch import nn
from torch.nn import functional

from anatomy.runtime.errors import InputError
from anatomy.studies.curvature.alignment import (
    alignments,
    coherence,
    generalisation,
    random_directions,
    random_thresholds,
)
from anatomy.studies.curvature.gradients import (
    logit_gradients,
    loss_curvatures,
    sample_gradients,
    targets_of,
)
from anatomy.studies.curvature.hessian import Hessian
from anatomy.studies.curvature.loss_plane import loss_plane
from anatomy.studies.curvature.objective import Objective
from anatomy.studies.curvature.reparametrisation import reparametrised
from anatomy.studies.curvature.spectrum import Spectrum, solved, whole_spectrum
from anatomy.training.losses.cross_entropy import loss as cross_entropy


def gradient_of(network, x, y):
    """The gradient of one input's loss, by one backward pass."""
    network.zero_grad()
    functional.cross_entropy(network(x[None]), y[None]).backward()
    return torch.cat([own.grad.reshape(-1) for own in network.parameters()]).numpy()


@pytest.mark.parametrize("kind", ["predicted", "true", "random", "class"])
def test_gradients_are_those_of_one_input_at_a_time(kind, monkeypatch):
    monkeypatch.setattr("anatomy.studies.curvature.gradients.CHUNK", 8 * 123 * 7)
    network, (x, y) = relu_network(), data()
    targets = targets_of(kind, network(x).detach(), y, 2, torch.Generator().manual_seed(0))
    found = torch.cat([*sample_gradients(objective(network, [(x, y)]), x, targets)]).numpy()
    expected = np.stack([gradient_of(network, one, own) for one, own in zip(x, targets, strict=True)])
    assert np.abs(found - expected).max() < 1e-14
    fixed = {"predicted": network(x).argmax(1), "true": y, "class": torch.full((20,), 2)}
    assert kind == "random" or torch.equal(targets, fixed[kind])


def test_gradients_of_a_class_that_the_network_has_not():
    with pytest.raises(InputError, match=r"gradients of class 3 are asked for.*expected 0 to 2"):
        targets_of("class", torch.zeros(4, 3), label=3)


def test_gradients_of_logits():
    network, (x, y) = relu_network(), data()
    found = torch.cat([*logit_gradients(objective(network, [(x, y)]), x, 1)]).numpy()
    for row, one in zip(found, x, strict=True):
        network.zero_grad()
        network(one[None])[0, 1].backward()
        assert np.allclose(row, torch.cat([own.grad.reshape(-1) for own in network.parameters()]), atol=1e-14)


def test_curvature_of_the_loss_in_the_logits():
    logits = torch.randn(5, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    p = logits.softmax(1)
    found = loss_curvatures(objective(), logits, torch.tensor([0, 1, 2, 0, 1]))
    assert torch.allclose(found, torch.diag_embed(p) - p[:, :, None] * p[:, None], atol=1e-14)


def test_alignments_are_cosines():
    network, (x, y) = relu_network(), data()
    vectors = random_directions(123, torch.Generator().manual_seed(0), 4)
    found = alignments(objective(network, [(x, y)]), x, y, vectors)
    gradients = np.stack([gradient_of(network, one, own) for one, own in zip(x, y, strict=True)])
    assert np.allclose(found, gradients @ vectors / np.linalg.norm(gradients, axis=1, keepdims=True))
    assert np.allclose(np.linalg.norm(vectors, axis=0), 1)


def test_an_input_without_a_gradient_is_not_aligned():
    """The loss of a network that is certain has a gradient of exactly 0."""
    network = nn.Sequential(nn.Linear(2, 2)).double()
    with torch.no_grad():
        network[0].weight.zero_()
        network[0].bias.copy_(torch.tensor([1e4, -1e4]))
    x, y = data(4, classes=1)
    assert not alignments(objective(network, [(x, y)]), x, y, np.eye(6)).any()
    assert not coherence(np.zeros((2, 6))).any()


def test_the_measure_counts_eigenvectors():
    nothing = np.empty(0, int)
    spectrum = Spectrum(np.array([2.0, 1, 1e-14]), 7, np.eye(3), nothing, slice(0, 0), None)
    along = np.array([[0.5, 0.1, -0.9], [-0.6, 0.0, 0.0]])
    found = generalisation(spectrum, along, {"a": 0.5, "b": 0.05, "c": 0.7})
    assert [found["a"].everywhere, found["a"].curved, found["a"].mean] == [0.2, 0.1, 0.1]
    assert [found["b"].everywhere, found["b"].curved, found["b"].mean] == [0.3, 0.2, 0.2]
    assert [found["c"].everywhere, found["c"].curved, found["c"].mean] == [0.1, 0.0, 0.0]


def test_two_solvers_agree_on_the_measure_where_it_is_defined():
    network, (x, y) = relu_network(hidden=(25, 25)), data(12)
    own = objective(network, [(x, y)])
    hessian = Hessian(own)
    targets = network(x).argmax(1)
    thresholds = random_thresholds(
        alignments(own, x, targets, random_directions(own.size, torch.Generator().manual_seed(0)))
    )
    assert 0 < thresholds["eps_min"] <= thresholds["eps_avg"] < 0.5
    from anatomy.studies.curvature.alignment import cosines

    found = [
        generalisation(spectrum, cosines(own, x, targets, spectrum.project), thresholds)
        for spectrum in (whole_spectrum(hessian), solved(hessian))
    ]
    for name in thresholds:
        assert found[0][name].curved == found[1][name].curved > 0
        assert found[0][name].mean == found[1][name].mean


def test_coherence_is_the_matrix_of_cosines():
    gradients = np.random.default_rng(0).normal(size=(5, 8))
    found = coherence(gradients)
    assert np.allclose(np.diag(found), 1)
    expected = gradients[0] @ gradients[3] / np.linalg.norm(gradients[0]) / np.linalg.norm(gradients[3])
    assert found[0, 3] == pytest.approx(expected)


@given(st.floats(0.05, 20), st.floats(0.05, 20))
@settings(max_examples=25, deadline=None)
def test_a_reparametrised_network_is_the_same_function_with_another_hessian(first, second):
    """Its gradients are those before, each layer's divided by its factor: g' = D^-1 g, H' = D^-1 H D^-1."""
    network, (x, y) = relu_network(), data()
    factors = [first, second, 1 / (first * second)]
    other = reparametrised(network, factors)
    assert torch.allclose(other(x), network(x), rtol=1e-12, atol=1e-12)
    scale = torch.cat(
        [
            torch.full((own.numel(),), factor, dtype=torch.float64)
            for own, factor in zip(
                network.parameters(),
                [first, first, second, first * second, factors[2], 1.0],
                strict=True,
            )
        ]
    ).numpy()
    before = Hessian(objective(network, [(x, y)])).matrix()
    after = Hessian(objective(other, [(x, y)])).matrix()
    expected = before / scale / scale[:, None]
    assert np.abs(after - expected).max() < 1e-9 * np.abs(expected).max()


def test_reparametrisation_refuses_what_would_change_the_function():
    with pytest.raises(InputError, match="their product is 2, expected 1"):
        reparametrised(relu_network(), [1, 2, 1])
    with pytest.raises(InputError, match="expected 3 positive numbers"):
        reparametrised(relu_network(), [1, 1])
    with pytest.raises(InputError, match="Sigmoid is no layer"):
        reparametrised(relu_network(activation=nn.Sigmoid), [1, 1, 1])


def test_the_loss_plane_is_the_loss_at_moved_parameters():
    network, (x, y) = relu_network(), data()
    own = Objective(network, [(x[:12], y[:12]), (x[12:], y[12:])], cross_entropy)
    u, w = random_directions(own.size, torch.Generator().manual_seed(0), 2).T
    steps = np.linspace(-1, 1, 5)
    found = loss_plane(own, u, w, steps)
    assert found[2, 2] == pytest.approx(own.value, rel=1e-14)
    moved = own.with_theta(own.theta + torch.from_numpy(-0.5 * u + 1.0 * w))
    assert found[1, 4] == pytest.approx(moved.value, rel=1e-12)
    assert moved.value == pytest.approx(cross_entropy(moved.network(x), y).item(), rel=1e-12)


def test_unknown_gradients_are_refused():
    with pytest.raises(InputError, match="allowed: predicted, true, random, class"):
        targets_of("best", torch.zeros(1, 2))
    with pytest.raises(InputError, match="need labels"):
        targets_of("true", torch.zeros(1, 2))
