"""Hyperplanes of a convolution: the matrix against scipy, angles and cones against their geometry."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.signal import correlate2d

from anatomy.networks.layouts import LayerGeometry
from anatomy.studies.arrangements.cone import (
    circulant,
    cone_edges,
    convolution_matrix,
    face_angle,
    identity_cosines,
)
from anatomy.studies.arrangements.projections import layer_statistics

weights = st.floats(-5, 5, width=32)
kernels = arrays(np.float64, 3, elements=weights)


def correlated(weight, image, padding):
    """The convolution by scipy, filter by filter and channel by channel, as one column."""
    padded = np.pad(image, [(0, 0), (padding, padding), (padding, padding)])
    maps = [
        sum(correlate2d(padded[c], kernel[c], mode="valid") for c in range(len(image))) for kernel in weight
    ]
    return np.concatenate([m.ravel() for m in maps])


@pytest.mark.parametrize(
    ("filters", "channels", "size", "shape", "padding"),
    [(2, 2, 3, (5, 5), 1), (1, 1, 3, (4, 6), 0), (3, 2, 5, (6, 5), 2), (2, 3, 1, (3, 4), 0)],
)
def test_matrix_is_the_convolution(filters, channels, size, shape, padding):
    generator = np.random.default_rng(3)
    weight = generator.normal(size=(filters, channels, size, size))
    image = generator.normal(size=(channels, *shape))
    matrix = convolution_matrix(weight, shape, padding)
    np.testing.assert_allclose(matrix @ image.ravel(), correlated(weight, image, padding), atol=1e-12)
    # Unit images give the columns one by one.
    unit = np.zeros(image.size)
    unit[-1] = 1
    np.testing.assert_allclose(matrix[:, -1], correlated(weight, unit.reshape(image.shape), padding))


def test_blocks_of_the_matrix_are_shifted_rows():
    weight = np.random.default_rng(0).normal(size=(2, 2, 3, 3))
    matrix = convolution_matrix(weight, (5, 5), 1)
    assert matrix.shape == (2 * 25, 2 * 25)
    # Away from the border a receptive field to the right is the same row, shifted by one pixel.
    for first in (6, 7, 11, 12, 25 + 6):
        np.testing.assert_array_equal(matrix[first + 1], np.roll(matrix[first], 1))
    assert (matrix != 0).sum(1).max() == 2 * 9


def test_cosines_inside_the_image_are_those_of_the_projection_statistics():
    weight = np.random.default_rng(1).normal(size=(4, 2, 3, 3))
    cosines = identity_cosines(convolution_matrix(weight, (6, 6), 1)).reshape(4, 6, 6)
    geometry = LayerGeometry(1, "features.0", 1, 1, (2, 6, 6))
    expected = layer_statistics(weight, geometry).cosines
    np.testing.assert_allclose(cosines[:, 1:-1, 1:-1], np.tile(expected[:, None, None], (4, 4)))


@settings(deadline=None)
@given(kernels)
def test_all_hyperplanes_of_a_cyclic_filter_share_the_cosine_of_equation_1(kernel):
    assume(np.linalg.norm(kernel) > 1e-3)
    cosine = kernel.sum() / (np.linalg.norm(kernel) * np.sqrt(3))
    np.testing.assert_allclose(identity_cosines(circulant(kernel)), cosine, atol=1e-9)
    for normal in circulant(kernel):
        assert np.sin(face_angle(normal)) == pytest.approx(cosine, abs=1e-7)


@settings(deadline=None)
@given(kernels)
def test_cone_lies_around_the_identity_line(kernel):
    matrix = circulant(kernel)
    assume(np.linalg.norm(kernel) > 1e-3 and np.linalg.cond(matrix) < 1e4)
    edges = cone_edges(matrix)
    sides = matrix @ edges / np.linalg.norm(kernel)
    np.testing.assert_allclose(sides - np.diag(np.diag(sides)), 0, atol=1e-9)
    assert (np.diag(sides) > 0).all()
    # Every edge has the same angle with the line, on the side that the sign of the cosine tells.
    heights = edges.sum(0)
    np.testing.assert_allclose(heights, heights[0], atol=1e-9)
    assert np.sign(heights[0]) == np.sign(kernel.sum())


@settings(deadline=None)
@given(kernels)
def test_face_angle_is_the_smallest_between_the_line_and_points_of_the_hyperplane(kernel):
    assume(np.linalg.norm(kernel) > 1e-3)
    # An orthonormal basis of the hyperplane; directions on it at one degree steps.
    basis = np.linalg.svd(kernel[None])[2][1:]
    turns = np.radians(np.arange(0, 360, 1))
    points = np.stack([np.cos(turns), np.sin(turns)], 1) @ basis
    angles = np.arccos(np.clip(points.sum(1) / np.sqrt(3), -1, 1))
    assert abs(face_angle(kernel)) == pytest.approx(angles.min(), abs=np.radians(1))
