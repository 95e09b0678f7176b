"""Which points are evaluated, and which together."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from anatomy.networks.subspace import draw_points
from anatomy.runtime.streams import stream
from anatomy.studies.subspaces.points import Point, groups_of, points_of


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
