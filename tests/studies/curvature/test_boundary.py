"""The boundary and its margin, of networks whose boundary is known."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from studies.curvature.small_networks import data, objective, relu_network
from torch import nn

from anatomy.studies.curvature.alignment import alignments, random_directions
from anatomy.studies.curvature.boundary import (
    Grid,
    as_inputs,
    boundary_pixels,
    boundary_points,
    class_map,
    jumps,
    reconstruction,
    sections,
)
from anatomy.studies.curvature.margin import descend, measure_margin, squared_cosine


def halves(slope=1.0):
    """A network that tells x1 > 0 from x1 < 0; its boundary is the line x1 = 0."""
    network = nn.Sequential(nn.Linear(2, 2)).double()
    with torch.no_grad():
        network[0].weight.copy_(torch.tensor([[-slope, 0.0], [slope, 0.0]]))
        network[0].bias.zero_()
    return network


def test_the_grid_runs_along_x_first():
    grid = Grid(((-1, 1), (0, 4)), 3)
    assert grid.points.tolist()[:4] == [[-1, 0], [0, 0], [1, 0], [-1, 2]]
    assert grid.shape == (3, 3)
    assert Grid(((0, 1),), 3).points.tolist() == [[0], [0.5], [1]]


def test_boundary_pixels_are_on_both_sides_of_a_line():
    classes = np.zeros((6, 8), int)
    classes[:, 4:] = 1
    found = boundary_pixels(classes)
    assert found[:, 3:5].all() and found.sum() == 12
    assert not boundary_pixels(np.ones((4, 4))).any()


@given(st.integers(2, 9), st.integers(2, 9), st.integers(1, 4), st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_sections_have_every_edge_between_two_classes_once(height, width, classes, seed):
    own = np.random.default_rng(seed).integers(0, classes, (height, width))
    found = sections(own)
    flat = own.reshape(-1)
    edges = {
        (min(i, j), max(i, j))
        for i in range(flat.size)
        for j in (i + 1, i + width)
        if j < flat.size and (j == i + width or j % width) and flat[i] != flat[j]
    }
    listed = [(min(i, j), max(i, j)) for own in found for i, j in zip(own.one, own.other, strict=True)]
    assert len(listed) == len(set(listed)) and set(listed) == edges
    for section in found:
        assert (flat[section.one] == section.classes[0]).all()
        assert (flat[section.other] == section.classes[1]).all()


def test_points_of_the_boundary_lie_on_it():
    own = objective(halves(), [data(classes=2)])
    grid = Grid(((-1.3, 1), (-1, 1)), 10)
    found = sections(class_map(own, grid.points).reshape(grid.shape))
    assert [section.classes for section in found] == [(0, 1)]
    (points,) = boundary_points(own, grid.points, found)
    assert len(points) == 10 and np.abs(points[:, 0]).max() < 1e-10


def test_of_any_direction_the_alignment_changes_sign_across_the_boundary():
    """By construction: a change of sign says nothing of an eigenvector, the size of the jump does."""
    network = relu_network(classes=2, seed=3)
    own = objective(network, [data(classes=2)])
    grid = Grid(((-2, 2), (-2, 2)), 60)
    points = grid.points
    found = sections(class_map(own, points).reshape(grid.shape))
    (boundary,) = boundary_points(own, points, found)
    x = as_inputs(boundary, own)
    vectors = random_directions(own.size, torch.Generator().manual_seed(0), 6)
    one, other = (alignments(own, x, torch.full((len(x),), label), vectors) for label in (0, 1))
    assert np.abs(one).max() > 0.05
    assert np.abs(one + other).max() < 1e-8


def test_a_jump_is_half_the_mean_difference():
    (section,) = sections(np.array([[0, 1], [0, 1]]))
    along = np.array([[0.5, 0.2], [-0.5, 0.2], [0.3, 0.1], [-0.1, 0.1]])
    assert jumps(section, along).tolist() == pytest.approx([0.35, 0])


def test_reconstruction_is_weighted_by_eigenvalues():
    along = np.array([[1.0, 0], [0, 1], [-1, 1]])
    assert reconstruction(np.array([2.0, 1]), along).tolist() == [1, 0.5, -0.5]
    assert not reconstruction(np.zeros(2), along).any()


def test_the_margin_of_a_straight_boundary():
    """v is the gradient's direction at x2 = 0, which is the representative."""
    x = torch.tensor([[1.5, 0.0], [-0.75, 0.0], [2.0, 1.0]], dtype=torch.float64)
    own = objective(halves(), [(x, torch.tensor([1, 0, 1]))])
    vector = np.array([0, 0, 0, 0, -1, 1]) / np.sqrt(2)
    grid = Grid(((-2, 2), (-2, 2)), 41)
    found = measure_margin(own, vector, grid, torch.Generator().manual_seed(0), steps=300)
    assert found.nearest == pytest.approx(0.75, abs=1e-9)
    assert found.representative == pytest.approx([0, 0], abs=1e-9)
    assert found.margin == pytest.approx(0.75, abs=1e-6)
    assert found.off == pytest.approx(
        np.hypot(found.descended[0], max(0, abs(found.descended[1]) - 2)), abs=0.1
    )
    assert found.on_boundary == (found.off <= 0.1 * found.estimate)


def test_there_is_no_margin_without_a_boundary():
    own = objective(halves(), [data(classes=2)])
    grid = Grid(((1, 2), (1, 2)), 5)
    assert measure_margin(own, np.eye(6)[0], grid, torch.Generator().manual_seed(0), 2) is None


def test_the_descent_ends_where_the_gradient_is_along_the_vector():
    """For a linear network g is proportional to (x, 1) (x) (e_b - e_a): v of x = (1, -2) is reached there."""
    own = objective(halves(), [data(classes=2)])
    start = torch.tensor([1.0, -2.0, 1.0], dtype=torch.float64)
    vector = torch.cat([-start[:2], start[:2], torch.tensor([-1.0, 1.0])]).numpy()
    vector /= np.linalg.norm(vector)
    x = torch.tensor([[1.0, -2.0]], dtype=torch.float64)
    assert squared_cosine(own, x, torch.from_numpy(vector)).item() == pytest.approx(1)
    found, cosine = descend(own, vector, torch.Generator().manual_seed(0), steps=3000)
    assert cosine > 0.95 and np.abs(found - [1, -2]).max() < 1
