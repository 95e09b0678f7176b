"""Which points are evaluated, and which together."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from anatomy.networks.subspace import Subspace, draw_points
from anatomy.runtime.errors import InputError
from anatomy.runtime.streams import stream
from anatomy.studies.subspaces.points import (
    Point,
    groups_of,
    move,
    points_of,
    points_of_plane,
    points_of_snapshots,
)


def points(kind, corners, count=5, random=3, rows=1):
    return points_of(kind, corners, rows, count, random, stream(0, "random points"))


def test_a_line_is_cut_into_equal_steps_and_the_middle_comes_first():
    found = points("line", 2)
    assert [(p.evaluation, p.alpha) for p in found] == [
        *(("network", 0.5), ("point", 0.0), ("point", 0.25), ("point", 0.75), ("point", 1.0))
    ]
    assert all(p.coefficients.tolist() == [[1 - p.alpha, p.alpha]] for p in found)


def test_a_curve_ends_at_its_first_two_corners():
    by_alpha = {p.alpha: p.coefficients.tolist()[0] for p in points("bezier", 3)}
    assert by_alpha[0.0] == [1, 0, 0] and by_alpha[1.0] == [0, 1, 0]
    assert by_alpha[0.5] == [0.25, 0.25, 0.5]


def test_a_simplex_has_corners_a_middle_and_random_points():
    found = points("simplex", 3)
    assert [p.evaluation for p in found] == ["network", *["corner"] * 3, *["random"] * 3]
    assert found[0].coefficients.tolist()[0] == pytest.approx([1 / 3] * 3)
    assert torch.cat([p.coefficients for p in found[1:4]]).equal(torch.eye(3, dtype=torch.float64))
    assert all(p.coefficients.sum().item() == pytest.approx(1) for p in found)


def test_layers_of_a_layerwise_simplex_draw_their_own():
    *_, last = points("simplex", 3, rows=4)
    assert last.coefficients.shape == (4, 3)
    assert len({tuple(row) for row in last.coefficients.tolist()}) == 4


@given(st.integers(1, 20).map(lambda half: 2 * half + 1))
def test_every_point_of_a_line_is_in_one_group_and_pairs_mirror(count):
    found = points("line", 2, count)
    assert len(found) == count
    groups = groups_of(found)
    assert sorted(i for _, members in groups for i in members) == list(range(count))
    for name, members in groups:
        alphas = [found[i].alpha for i in members]
        assert (name, sum(alphas)) == (("pair", pytest.approx(1)) if len(members) == 2 else (None, 0.5))
    assert [name for name, _ in groups].count("pair") == count // 2


def test_points_of_ones_own_are_paired_where_both_are_there():
    own = [Point("point", torch.tensor([[1 - a, a]]), a) for a in (0.1, 0.3, 0.9)]
    assert groups_of(own) == [("pair", [0, 2]), (None, [1])]


def test_corners_and_random_points_of_a_simplex_are_ensembles():
    found = points("simplex", 3)
    assert groups_of(found) == [(None, [0]), ("corners", [1, 2, 3]), ("random points", [4, 5, 6])]


def test_a_simplex_of_two_corners_is_the_line_in_distribution():
    """Of Dirichlet(1, 1) the second coefficient is uniform, as alpha is: their ordered draws agree."""
    simplex = draw_points("simplex", 2, 20000, 1, stream(0, "a"))[:, 0, 1].sort().values
    line = draw_points("line", 2, 20000, 1, stream(0, "b"))[:, 0, 1].sort().values
    assert (simplex - line).abs().max() < 1.63 * (2 / 20000) ** 0.5


# Between averaged networks

EPOCHS = [3, 5, 9]


def between(*names, random=4, rows=2, seed=0):
    found = points_of_snapshots(EPOCHS, rows, 5, random, seed, names, 0.7)
    return [point for point in found if point.evaluation not in ("average", "snapshot", "random")]


def networks(count=3):
    """Layers whose weights are 0, 1, 4, ..., so that combinations can be told apart."""
    layers = [nn.Sequential(nn.Linear(40, 50), nn.Linear(50, 40)) for _ in range(count)]
    with torch.no_grad():
        for index, layer in enumerate(layers):
            for parameter in layer.parameters():
                parameter.fill_(index**2)
    return layers


def moved(point, corners):
    subspace = Subspace(nn.Sequential(nn.Linear(40, 50), nn.Linear(50, 40)), corners, "simplex", True)
    move(subspace, point)
    return [parameter.detach().clone() for parameter in subspace.network.parameters()]


def test_a_line_goes_from_the_first_network_to_the_last():
    found = between("line")
    assert [(p.evaluation, p.alpha) for p in found] == [("point", a) for a in (0, 0.25, 0.5, 0.75, 1)]
    assert found[1].coefficients.tolist() == [[0.75, 0, 0.25]]
    names = [name for name, _ in groups_of(found)]
    assert names.count("pair") == 2


def test_endpoints_are_near_one_network_each():
    found = between("endpoints")
    assert [p.index for p in found] == EPOCHS
    expected = [[0.7, 0.15, 0.15], [0.15, 0.7, 0.15], [0.15, 0.15, 0.7]]
    for point, row in zip(found, expected, strict=True):
        assert point.coefficients.tolist()[0] == pytest.approx(row)
    assert groups_of(found) == [("endpoints", [0, 1, 2])]


def test_layers_draw_their_own_point():
    found = between("layers", rows=3)
    assert len(found) == 4 and all(p.coefficients.shape == (3, 3) for p in found)
    assert groups_of(found) == [("random points by layer", [0, 1, 2, 3])]


def test_weights_have_the_dirichlet_distribution_each():
    """Means and variances of Dirichlet(1, 1, 1), part by part."""
    points_ = between("weights", random=2)
    corners = networks(3)
    for part in range(3):
        with torch.no_grad():
            for index, corner in enumerate(corners):
                for parameter in corner.parameters():
                    parameter.fill_(float(index == part))
        own = torch.cat([w.flatten() for w in moved(points_[0], corners)])
        assert own.mean().item() == pytest.approx(1 / 3, abs=0.015)
        assert own.var().item() == pytest.approx(1 / 18, abs=0.005)
    ones = networks(3)
    for corner in ones:
        for parameter in corner.parameters():
            nn.init.ones_(parameter)
    assert all(w.allclose(torch.ones_like(w)) for w in moved(points_[0], ones))
    again, other = moved(points_[0], corners), moved(points_[1], corners)
    assert all(map(torch.equal, again, moved(points_[0], corners)))
    assert not torch.equal(again[0], other[0])


def test_swag_samples_have_its_mean_and_covariance():
    """Over many samples of one weight: mean m and variance v / 2 + sum_k (w_k - m)^2 / (2 (K - 1))."""
    values = torch.tensor([0.0, 1.0, 4.0])
    mean, variance = values.mean(), values.var(correction=0)
    samples = between("swag", random=2000)
    subspace = Subspace(
        nn.Sequential(nn.Linear(1, 2), nn.Linear(2, 1)),
        [nn.Sequential(nn.Linear(1, 2), nn.Linear(2, 1)) for _ in range(3)],
        "simplex",
        True,
    )
    with torch.no_grad():
        for corner, value in zip(subspace.corners, values, strict=True):
            for parameter in corner.parameters():
                parameter.fill_(value)
    drawn = []
    for point in samples:
        move(subspace, point)
        drawn.append(torch.cat([p.detach().flatten() for p in subspace.network.parameters()]))
    drawn = torch.stack(drawn)
    assert drawn.mean().item() == pytest.approx(mean.item(), abs=0.1)
    low_rank = ((values - mean) ** 2).sum() / 4
    assert drawn.var(0).mean().item() == pytest.approx((variance / 2 + low_rank).item(), rel=0.08)
    # What weights have in common is the low-rank part, here the same for all.
    covariance = torch.cov(drawn.T)
    off = covariance[~torch.eye(len(covariance), dtype=torch.bool)]
    assert off.mean().item() == pytest.approx(low_rank.item(), rel=0.12)


def test_what_is_not_between_is_refused():
    with pytest.raises(InputError, match="'corners' is nothing between snapshots; expected line, endpoints"):
        between("corners")


def test_a_plane_begins_with_its_corners():
    gram = torch.diag(torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)).numpy()
    found = points_of_plane(gram, 3)
    assert torch.cat([p.coefficients for p in found[:3]]).equal(torch.eye(3, dtype=torch.float64))
    assert len(found) == 3 + 9 and {p.evaluation for p in found} == {"plane"}
    assert all(p.coefficients.sum().item() == pytest.approx(1) for p in found)
    assert all(name is None and len(members) == 1 for name, members in groups_of(found))
    with pytest.raises(InputError, match="a plane goes through three corners; the subspace has 2"):
        points_of_plane(gram[:2, :2], 3)
