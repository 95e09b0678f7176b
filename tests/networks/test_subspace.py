"""Lines, curves and simplexes of networks, against plain torch in float64."""

from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.func import functional_call
from torch.nn.functional import cross_entropy

from anatomy.networks.build import build_network
from anatomy.networks.folding import fold
from anatomy.networks.sequential import pool_first
from anatomy.networks.subspace import Subspace, draw_pairs, draw_points, middle, point_at
from anatomy.runtime.errors import InputError
from anatomy.runtime.streams import stream

KINDS = [("line", 2), ("bezier", 3), ("simplex", 2), ("simplex", 4)]
NETWORKS = [("vgg11", 0.0625), ("vgg11bn", 0.0625), ("resnet18", 0.125)]


def built(seed=0, architecture="vgg11bn", width=0.0625, folded=False):
    """A network in float64 as the engine trains it, but for dropout, which draws."""
    network = build_network(architecture, 5, 3, width, stream(seed, "initialisation"), "kaiming").double()
    if folded:
        fold(network)
        pool_first(network)
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return network.to(memory_format=torch.channels_last)


def subspace_of(kind="line", corners=2, layerwise=False, **network):
    ends = [built(seed, **network) for seed in range(corners)]
    return Subspace(built(99, **network), ends, kind, layerwise)


def batch(count=12, seed=0):
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(count, 3, 32, 32, dtype=torch.float64, generator=generator)
    return images, torch.arange(count) % 5


def loss_on(network, images, labels, index=0):
    return cross_entropy(network(images), labels)


def row(*coefficients):
    return torch.tensor(coefficients, dtype=torch.float64)


def gradients(subspace, points, images, labels, chunks=1):
    """Gradients of all corners by `backward`, the batch in `chunks` equal parts."""
    parts = list(zip(images.chunk(chunks), labels.chunk(chunks), strict=True))
    subspace.corners.zero_grad()
    subspace.backward(points, lambda index: loss_on(subspace.network, *parts[index]) / chunks)
    return [[parameter.grad for parameter in corner.parameters()] for corner in subspace.corners]


def by_autograd(subspace, points, images, labels, beta=0.0, pair=(0, 1)):
    """The same of the formula: weights at each point are a function of the corners for autograd."""
    network, chunks = subspace.network, len(points)
    names = [name for name, _ in network.named_parameters()]
    corners = [
        {name: p.detach().clone().requires_grad_() for name, p in corner.named_parameters()}
        for corner in subspace.corners
    ]
    owners = list(dict.fromkeys(name.rpartition(".")[0] for name in names))
    total = 0
    for point, part, target in zip(points, images.chunk(chunks), labels.chunk(chunks), strict=True):
        weights = {}
        for name in names:
            own = point[owners.index(name.rpartition(".")[0]) if len(point) > 1 else 0]
            weights[name] = sum(c * corner[name] for c, corner in zip(own, corners, strict=True))
        total = total + cross_entropy(functional_call(network, weights, (part,)), target) / chunks
    if beta:
        convolutions = [
            f"{name}.weight" for name, module in network.named_modules() if isinstance(module, nn.Conv2d)
        ]
        one, other = (torch.cat([corners[i][name].flatten() for name in convolutions]) for i in pair)
        cosine = torch.dot(one, other) ** 2 / (torch.dot(one, one) * torch.dot(other, other))
        total = total + beta * cosine
    total.backward()
    return [[corner[name].grad for name in names] for corner in corners]


def assert_close(found, expected, rtol=1e-9, atol=1e-13):
    for own, others in zip(found, expected, strict=True):
        for one, other in zip(own, others, strict=True):
            torch.testing.assert_close(one, other, rtol=rtol, atol=atol)


# Points


@settings(deadline=None, max_examples=50)
@given(st.sampled_from(KINDS), st.integers(0, 1000), st.integers(1, 4))
def test_coefficients_are_none_below_0_and_sum_to_1(kind, seed, rows):
    points = draw_points(*kind, 7, rows, stream(seed, "points"))
    assert points.shape == (7, rows, kind[1])
    assert (points >= 0).all()
    torch.testing.assert_close(points.sum(2), torch.ones(7, rows, dtype=torch.float64))


def test_points_of_a_line_are_uniform_and_of_a_simplex_have_the_dirichlet_distribution():
    line = draw_points("line", 2, 20000, 1, stream(0, "a"))[:, 0]
    simplex = draw_points("simplex", 4, 20000, 1, stream(0, "b"))[:, 0]
    # Means and variances of U[0, 1] and of Dirichlet(1, 1, 1, 1).
    assert line[:, 1].mean().item() == pytest.approx(1 / 2, abs=0.01)
    assert line[:, 1].var().item() == pytest.approx(1 / 12, abs=0.002)
    np.testing.assert_allclose(simplex.mean(0), [1 / 4] * 4, atol=0.006)
    np.testing.assert_allclose(simplex.var(0), [3 / 80] * 4, atol=0.001)


def test_a_simplex_of_two_corners_is_a_line_in_distribution():
    """Two-sample Kolmogorov-Smirnov of 20,000 draws each: 0.0136 at 5 %, 0.0195 at 0.1 %."""
    samples = [
        np.sort(draw_points(kind, 2, 20000, 1, stream(1, kind))[:, 0, 1]) for kind in ("line", "simplex")
    ]
    both = np.concatenate(samples)
    one, other = (np.searchsorted(sample, both, side="right") / 20000 for sample in samples)
    assert abs(one - other).max() < 0.0195


def test_a_curve_ends_at_its_ends_and_is_pulled_by_its_control_point():
    assert point_at("bezier", 3, 0).tolist() == [1, 0, 0]
    assert point_at("bezier", 3, 1).tolist() == [0, 1, 0]
    assert middle("bezier", 3).tolist() == [0.25, 0.25, 0.5]
    assert middle("line", 2).tolist() == [0.5, 0.5]
    assert middle("simplex", 4).tolist() == [0.25] * 4


@pytest.mark.parametrize(
    ("kind", "corners", "at", "message"),
    [
        ("line", 2, 1.5, "1.5 is no point of a line; expected a number from 0 to 1"),
        ("bezier", 3, -0.1, "-0.1 is no point of a bezier"),
        ("line", 2, [0.5, 0.5], "is no point of a line"),
        ("simplex", 3, [0.5, 0.5], "is no point of a simplex of 3 corners; expected 3 coefficients"),
        ("simplex", 3, [0.5, 0.6, -0.1], "none below 0"),
        ("simplex", 2, [0.5, 0.6], "sum to 1"),
        ("simplex", 2, [float("nan"), 1], "sum to 1"),
    ],
)
def test_points_outside_are_refused(kind, corners, at, message):
    with pytest.raises(InputError) as caught:
        point_at(kind, corners, at)
    assert message in str(caught.value)


def test_pairs_are_of_two_different_corners_all_equally_often():
    pairs = draw_pairs(4, 6000, stream(0, "pairs"))
    assert (pairs == pairs.transpose(1, 2)).all()
    assert (pairs.sum((1, 2)) == 2).all()
    assert not pairs.diagonal(dim1=1, dim2=2).any()
    upper = pairs.mean(0)[np.triu_indices(4, 1)]
    np.testing.assert_allclose(upper, [1 / 6] * 6, atol=0.02)
    assert (draw_pairs(2, 5, stream(0, "pairs")) == torch.tensor([[0.0, 1.0], [1.0, 0.0]])).all()


# Networks


@pytest.mark.parametrize(("architecture", "width"), NETWORKS)
def test_a_point_is_a_network_that_any_program_can_open(architecture, width):
    subspace = subspace_of("simplex", 3, architecture=architecture, width=width)
    images, _ = batch()
    point = row(0.2, 0.3, 0.5)
    subspace.network.train()(images)
    subspace.move(point)
    subspace.network.eval()
    opened = built(7, architecture=architecture, width=width)
    opened.load_state_dict(subspace.at(point))
    logits = subspace.network(images)
    assert torch.equal(opened.eval()(images), logits)
    assert torch.equal(functional_call(opened, subspace.at(point), (images,)), logits)
    # Weights of the formula.
    corners = [dict(corner.named_parameters()) for corner in subspace.corners]
    for name, weight in subspace.network.named_parameters():
        expected = sum(c * corner[name] for c, corner in zip(point, corners, strict=True))
        torch.testing.assert_close(weight, expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(("kind", "corners"), KINDS)
def test_at_a_corner_the_weights_are_the_corners(kind, corners):
    subspace = subspace_of(kind, corners)
    for index, corner in enumerate(subspace.corners):
        found = subspace.at(torch.eye(corners, dtype=torch.float64)[index])
        assert all(torch.equal(found[name], parameter) for name, parameter in corner.named_parameters())


def test_the_point_of_a_subspace_does_not_move_by_looking_at_another():
    subspace = subspace_of()
    subspace.move(row(0.9, 0.1))
    before = {name: tensor.clone() for name, tensor in subspace.network.state_dict().items()}
    subspace.at(row(0.1, 0.9))
    assert all(torch.equal(before[name], tensor) for name, tensor in subspace.network.state_dict().items())


def test_weights_with_two_names_stay_one():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.other = nn.Linear(3, 3), nn.Linear(3, 3)
            self.other.weight = self.one.weight

    subspace = Subspace(Tied(), [Tied(), Tied()], "line")
    found = subspace.at(row(1, 0))
    assert torch.equal(found["one.weight"], found["other.weight"])
    assert torch.equal(found["one.weight"], subspace.corners[0].one.weight)


# Gradients


@pytest.mark.parametrize("layerwise", [False, True])
@pytest.mark.parametrize(("kind", "corners"), KINDS)
@pytest.mark.parametrize(("architecture", "width"), NETWORKS)
def test_gradients_of_corners_are_those_of_the_formula(architecture, width, kind, corners, layerwise):
    subspace = subspace_of(kind, corners, layerwise, architecture=architecture, width=width)
    subspace.network.train()
    images, labels = batch()
    points = draw_points(kind, corners, 1, subspace.rows, stream(3, "points"))
    assert (subspace.rows > 1) == layerwise
    found = gradients(subspace, points, images, labels)
    assert_close(found, by_autograd(subspace, points, images, labels))


def test_gradients_of_corners_are_the_coefficients_times_that_of_the_point():
    subspace = subspace_of("simplex", 3)
    images, labels = batch()
    point = row(0.2, 0.3, 0.5)
    found = gradients(subspace, point[None], images, labels)
    plain = built(7)
    plain.load_state_dict(subspace.at(point))
    loss_on(plain.train(), images, labels).backward()
    own = [parameter.grad for parameter in plain.parameters()]
    assert_close(found, [[c * gradient for gradient in own] for c in point], rtol=1e-12)
    assert all(parameter.grad is None for parameter in subspace.network.parameters())


def test_one_point_for_all_modules_is_a_layerwise_point_with_equal_rows():
    images, labels = batch()
    plain, layerwise = subspace_of("bezier", 3), subspace_of("bezier", 3, layerwise=True)
    point = point_at("bezier", 3, 0.3)
    rows = point.expand(1, layerwise.rows, 3)
    assert layerwise.rows == sum(
        any(True for _ in module.parameters(recurse=False)) for module in layerwise.network.modules()
    )
    for subspace in (plain, layerwise):
        subspace.network.train()
    found = gradients(plain, point[None, None], images, labels)
    assert_close(gradients(layerwise, rows, images, labels), found)


@pytest.mark.parametrize("layerwise", [False, True])
def test_several_points_of_a_batch_are_the_mean_over_its_parts(layerwise):
    subspace = subspace_of("line", 2, layerwise, architecture="vgg11")
    images, labels = batch(12)
    points = draw_points("line", 2, 3, subspace.rows, stream(5, "points"))
    found = gradients(subspace, points, images, labels, chunks=3)
    assert_close(found, by_autograd(subspace, points, images, labels))


def test_layers_that_are_not_trained_get_no_gradient():
    subspace = subspace_of()
    for network in (subspace.network, *subspace.corners):
        network.features[0].requires_grad_(False)
    gradients(subspace, row(0.5, 0.5)[None], *batch())
    subspace.keep_apart(1.0, draw_pairs(2, 1, stream(0, "pairs"))[0])
    for corner in subspace.corners:
        having = {name for name, parameter in corner.named_parameters() if parameter.grad is not None}
        expected = {name for name, _ in corner.named_parameters() if not name.startswith("features.0.")}
        assert having == expected


@pytest.mark.parametrize("pair", [(0, 1), (2, 1), (0, 2)])
@pytest.mark.parametrize(("architecture", "width"), NETWORKS)
def test_beta_has_the_gradient_of_its_formula(architecture, width, pair):
    subspace = subspace_of("bezier", 3, architecture=architecture, width=width)
    # Nearly parallel corners, so that no term is small.
    with torch.no_grad():
        for one, other, third in zip(*(c.parameters() for c in subspace.corners), strict=True):
            other.mul_(0.3).add_(one)
            third.mul_(0.5).sub_(one)
    subspace.network.train()
    images, labels = batch()
    points = draw_points("bezier", 3, 1, 1, stream(3, "points"))
    selected = torch.zeros(3, 3, dtype=torch.float64)
    selected[pair] = selected[pair[::-1]] = 1
    found = gradients(subspace, points, images, labels)
    plain = [[gradient.clone() for gradient in own] for own in found]
    value = subspace.keep_apart(2.5, selected)
    assert_close(found, by_autograd(subspace, points, images, labels, 2.5, pair))
    names = [f"{n}.weight" for n, m in subspace.network.named_modules() if isinstance(m, nn.Conv2d)]
    flat = [torch.cat([c.get_parameter(n).flatten() for n in names]) for c in subspace.corners]
    cosine = torch.cosine_similarity(flat[pair[0]], flat[pair[1]], 0).item()
    assert value.item() == pytest.approx(cosine**2, rel=1e-12)
    (left,) = {0, 1, 2} - {*pair}
    assert_close([found[left]], [plain[left]], rtol=0, atol=0)


def test_beta_without_other_gradients_pushes_corners_apart():
    subspace = subspace_of("line", 2)
    with torch.no_grad():
        for one, other in zip(*(c.parameters() for c in subspace.corners), strict=True):
            other.add_(one)
    pairs = draw_pairs(2, 1, stream(0, "pairs"))[0]
    optimiser = torch.optim.SGD(subspace.corners.parameters(), 5.0)
    values = []
    for _ in range(20):
        optimiser.zero_grad()
        values.append(subspace.keep_apart(1.0, pairs).item())
        optimiser.step()
    assert values[0] > 0.4
    assert values == sorted(values, reverse=True)
    assert values[-1] < 0.9 * values[0]


def test_beta_on_a_network_without_convolutions_is_refused():
    ends = [nn.Linear(3, 2) for _ in range(2)]
    subspace = Subspace(nn.Linear(3, 2), ends, "line")
    with pytest.raises(InputError, match=r"subspace\.beta: this network has no convolutions; set beta to 0"):
        subspace.keep_apart(1.0, draw_pairs(2, 1, stream(0, "pairs"))[0])


# Training


def trained(network, parameters, backward, steps=20, rate=0.003, momentum=0.9, decay=0.0):
    """Train for some steps; `backward` leaves the gradients of a step's loss."""
    optimiser = torch.optim.SGD(parameters, rate, momentum, weight_decay=decay)
    network.train()
    for step in range(steps):
        optimiser.zero_grad()
        backward(*batch(8, step))
        optimiser.step()


def standard(network, rate=0.003, decay=0.0):
    trained(
        network,
        network.parameters(),
        lambda images, labels: loss_on(network, images, labels).backward(),
        rate=rate,
        decay=decay,
    )


def on_subspace(subspace, point, decay=0.0):
    def backward(images, labels):
        subspace.backward(point[None], partial(loss_on, subspace.network, images, labels))

    trained(subspace.network, subspace.corners.parameters(), backward, decay=decay)


@pytest.mark.parametrize(("architecture", "width"), NETWORKS)
def test_alpha_0_is_standard_training(architecture, width):
    """Bit for bit, with weight decay, momentum and running statistics."""
    subspace = subspace_of(architecture=architecture, width=width)
    plain = built(0, architecture=architecture, width=width)
    standard(plain, decay=5e-4)
    on_subspace(subspace, row(1, 0), decay=5e-4)
    found = subspace.at(row(1, 0))
    for name, tensor in plain.state_dict().items():
        assert torch.equal(found[name], tensor), name


@pytest.mark.parametrize("alpha", [0.25, 0.5, 0.9])
@pytest.mark.parametrize(("architecture", "width"), NETWORKS)
def test_a_fixed_alpha_is_standard_training_at_another_rate(architecture, width, alpha):
    """At lr ((1 - a)^2 + a^2), from the same start."""
    subspace = subspace_of(architecture=architecture, width=width)
    plain = built(7, architecture=architecture, width=width)
    point = point_at("line", 2, alpha)
    plain.load_state_dict(subspace.at(point))
    start = {name: tensor.clone() for name, tensor in plain.state_dict().items()}
    standard(plain, rate=0.003 * ((1 - alpha) ** 2 + alpha**2))
    on_subspace(subspace, point)
    found = subspace.at(point)
    for name, tensor in plain.state_dict().items():
        torch.testing.assert_close(found[name], tensor, rtol=1e-12, atol=1e-12)
    assert any((tensor - start[name]).abs().max() > 1e-4 for name, tensor in plain.named_parameters())


def test_a_folded_network_has_the_same_subspace():
    """A corner's folded layer is the sum of its copies, and so is the point's."""
    point = row(0.3, 0.7)
    whole = subspace_of(architecture="vgg11")
    folded = subspace_of(architecture="vgg11", folded=True)
    on_subspace(whole, point)
    on_subspace(folded, point)
    one, other = whole.at(point), folded.at(point)
    for name, tensor in other.items():
        full = one[name].unflatten(1, (-1, 49)).sum(2) if name == "classifier.0.weight" else one[name]
        torch.testing.assert_close(tensor, full, rtol=0, atol=1e-9)


# What is refused


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"width": 0.125}, "corner 1: features.0.weight has shape (8, 3, 3, 3), expected (4, 3, 3, 3)"),
        ({"architecture": "vgg11"}, "corner 1 has no features.1.weight|features.1.weight"),
    ],
)
def test_corners_of_another_network_are_refused_by_their_first_layer(change, message):
    with pytest.raises(InputError) as caught:
        Subspace(built(0), [built(1), built(2, **change)], "line")
    assert any(part in str(caught.value) for part in message.split("|"))


@pytest.mark.parametrize(
    ("kind", "count", "message"),
    [
        ("line", 3, "a line has 2 corners, 3 are given"),
        ("bezier", 2, "a bezier has 3 corners, 2 are given"),
        ("simplex", 1, "a simplex has 2 corners, 1 are given"),
    ],
)
def test_a_wrong_number_of_corners_is_refused(kind, count, message):
    with pytest.raises(InputError, match=message):
        Subspace(nn.Linear(2, 2), [nn.Linear(2, 2) for _ in range(count)], kind)


# The network of the paper


def test_corners_of_cifar_resnet_20_begin_as_far_apart_as_the_papers():
    """Numbers of parameters; L2 of about 56.4, R of 4e-6 to 2e-5 on average over pairs."""
    build = partial(build_network, "cifar_resnet_20", 10, 3, 1.0, initialisation="published")
    corners = [build(generator=stream(seed, "corner")) for seed in range(8)]
    line = Subspace(build(generator=stream(9, "corner")), corners[:2], "line")
    three = Subspace(build(generator=stream(9, "corner")), corners[:3], "simplex")
    assert sum(parameter.numel() for parameter in line.network.parameters()) == 272_464
    assert sum(parameter.numel() for parameter in line.corners.parameters()) == 544_928
    assert sum(parameter.numel() for parameter in three.corners.parameters()) == 817_392
    distances, cosines = [], []
    for first in range(8):
        for second in range(first):
            pair = [corners[first], corners[second]]
            weights = [torch.cat([p.flatten() for p in c.parameters() if p.ndim == 4]) for c in pair]
            distances.append((weights[0] - weights[1]).norm().item())
            subspace = Subspace(line.network, pair, "line")
            cosines.append(subspace.keep_apart(1.0, draw_pairs(2, 1, stream(0, "pairs"))[0]).item())
    assert np.mean(distances) == pytest.approx(56.4, abs=0.5)
    assert 4e-6 < np.mean(cosines) < 2e-5
