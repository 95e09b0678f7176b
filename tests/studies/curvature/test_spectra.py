"""Eigenpairs, whole spectrum, density and trace, against LAPACK on the whole matrix and in finite cases."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from studies.curvature.small_networks import (
    Matrix,
    data,
    objective,
    random_matrix,
    reference_hessian,
    relu_network,
)
from torch import nn

from anatomy.runtime.errors import InputError
from anatomy.studies.curvature.density import lanczos, spectral_density
from anatomy.studies.curvature.eigenpairs import top_pairs
from anatomy.studies.curvature.hessian import Hessian
from anatomy.studies.curvature.layer_curvature import layer_shares, top_of_layers
from anatomy.studies.curvature.outliers import outliers
from anatomy.studies.curvature.spectrum import exact_range, solved, solved_values, whole_spectrum
from anatomy.studies.curvature.trace import HUTCH_PP, HUTCHINSON, traces

SIDE = 29


@pytest.fixture(scope="module")
def thousand():
    """A network of 1,049 parameters, its Hessian, and that by torch.linalg.eigh."""
    network, (x, y) = relu_network(hidden=(SIDE, SIDE), seed=2), data(15)
    hessian, matrix = Hessian(objective(network, [(x, y)])), reference_hessian(network, x, y)
    # By products it takes a second, and test_hessian compares both.
    hessian.matrix = lambda copies=1: matrix.copy()
    values, vectors = torch.linalg.eigh(torch.from_numpy(matrix))
    return hessian, values.numpy()[::-1], vectors.numpy()[:, ::-1]


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_top_pairs_equal_those_of_the_whole_matrix(thousand):
    hessian, values, vectors = thousand
    pairs = top_pairs(hessian, 12).require_converged()
    assert np.abs(pairs.values - values[:12]).max() < 1e-10 * values[0]
    assert np.abs(np.abs((pairs.vectors * vectors[:, :12]).sum(0)) - 1).max() < 1e-9
    exact = np.linalg.norm(hessian.matrix() @ pairs.vectors - pairs.vectors * pairs.values, axis=0)
    assert np.allclose(pairs.residuals, exact, atol=1e-12 * values[0])
    largest = np.take_along_axis(pairs.vectors, np.abs(pairs.vectors).argmax(0)[None], 0)
    assert (largest > 0).all()


def test_pairs_are_a_function_of_the_network_and_the_seed(thousand):
    one, other = (top_pairs(thousand[0], 3, seed=4) for _ in range(2))
    assert np.array_equal(one.vectors, other.vectors)


@given(st.integers(1, 12), st.integers(0, 100))
@settings(max_examples=20, deadline=None)
def test_as_many_pairs_as_are_asked_for_up_to_all(k, seed):
    values = np.sort(np.random.default_rng(seed).normal(size=12))[::-1]
    matrix, basis = random_matrix(values, seed)
    pairs = top_pairs(matrix, k)
    assert np.allclose(pairs.values, values[:k]) and pairs.converged.all()
    assert np.allclose(np.abs((pairs.vectors * basis[:, :k]).sum(0)), 1)


def test_more_pairs_than_parameters_are_refused():
    with pytest.raises(InputError, match="5 eigenpairs are asked for; expected 1 to 4"):
        top_pairs(Matrix(np.eye(4)), 5)


def test_a_pair_that_has_not_converged_is_marked_and_refused():
    values = np.concatenate([[2.0], 1 + 1e-9 * np.arange(299)])
    pairs = top_pairs(random_matrix(values)[0], 8, tolerance=1e-14, restarts=2)
    assert pairs.converged[0] and not pairs.converged.all()
    with pytest.raises(InputError, match="has not converged"):
        pairs.require_converged()


def test_the_exact_range_is_the_whole_spectrum(thousand):
    count, (hessian, values, _) = 6, thousand
    found = whole_spectrum(hessian)
    assert found.basis is not None and found.zeros > 400
    assert np.abs(found.all_values - values).max() < 1e-12 * values[0]
    vectors = found.vectors(count)
    assert np.abs(hessian.products(vectors) - vectors * values[:count]).max() < 1e-12 * values[0]
    chosen = np.random.default_rng(0).normal(size=(4, hessian.size))
    assert np.abs(found.project(chosen)[:, :count] - chosen @ vectors).max() < 1e-12
    assert found.layer_traces(hessian.objective.blocks) == pytest.approx(
        [np.trace(hessian.matrix()[own.entries, own.entries]) for own in hessian.objective.blocks]
    )


def test_the_solver_for_any_network(thousand):
    hessian, values, _ = thousand
    found = solved(hessian)
    assert found.zeros == 0
    assert np.abs(found.values - values).max() < 1e-12 * values[0]
    assert np.abs(solved_values(hessian) - values).max() < 1e-12 * values[0]
    assert found.layer_traces(hessian.objective.blocks).sum() == pytest.approx(values.sum())
    # What is exactly 0 by one way is so but for rounding by the other.
    assert (~found.is_null).sum() == (~whole_spectrum(hessian).is_null).sum()


def test_the_exact_range_is_not_claimed_where_it_does_not_hold():
    network = relu_network(hidden=(SIDE, SIDE), activation=nn.Sigmoid)
    hessian = Hessian(objective(network, [data(15)]))
    block = max(hessian.objective.blocks, key=lambda own: own.stop - own.start)
    assert exact_range(hessian, block) is None
    found = whole_spectrum(hessian)
    expected = np.linalg.eigvalsh(reference_hessian(network, *data(15)))[::-1]
    assert np.abs(found.values - expected).max() < 1e-12 * expected[0]


def test_lanczos_of_all_steps_is_the_matrix():
    values = np.array([5.0, 3, 2, -1, 0.5])
    matrix, _ = random_matrix(values)
    diagonal, beside = lanczos(matrix, np.arange(1.0, 6), 5)
    tridiagonal = np.diag(diagonal) + np.diag(beside, 1) + np.diag(beside, -1)
    assert np.allclose(np.linalg.eigvalsh(tridiagonal), np.sort(values))


def test_the_density_has_the_moments_of_its_vectors(thousand):
    hessian, values, _ = thousand
    steps, found = 12, spectral_density(hessian, 3, 12, generator())
    assert found.nodes.shape == (3, steps)
    assert np.allclose(found.weights.sum(1), 1)
    starts = np.stack(
        [torch.randn(hessian.size, generator=g, dtype=torch.float64) for g in [generator()] * 3]
    )
    starts /= np.linalg.norm(starts, axis=1, keepdims=True)
    matrix, power = hessian.matrix() / values[0], starts.T
    for moment in range(1, 7):
        power = matrix @ power
        expected = (starts.T * power).sum(0).mean()
        assert found.moment(moment) / values[0] ** moment == pytest.approx(expected, rel=1e-8)


def test_the_density_integrates_to_one_and_ends_early_in_an_invariant_subspace():
    matrix, _ = random_matrix(np.array([3.0] * 4 + [1.0] * 16))
    found = spectral_density(matrix, 200, 10, generator())
    assert (np.count_nonzero(found.weights > 1e-12, axis=1) == 2).all()
    points = np.linspace(0, 4, 2001)
    density = found.at(points, 0.05)
    assert np.trapezoid(density, points) == pytest.approx(1, abs=1e-6)
    assert np.trapezoid(density[points > 2], points[points > 2]) == pytest.approx(0.2, abs=0.03)


@pytest.mark.parametrize("method", [None, HUTCHINSON, HUTCH_PP])
def test_the_trace_lies_in_its_interval_as_often_as_it_says(method):
    """Of 200 intervals of 95 % fewer than 180 cover with probability 1e-3 if they cover so often."""
    values = np.concatenate([[9.0, 4, 2, 1], np.linspace(-0.5, 0.5, 56)])
    matrix, _ = random_matrix(values)
    found = [traces(matrix, 40, generator(seed), (), method) for seed in range(200)]
    covered = sum(own.whole.low <= values.sum() <= own.whole.high for own in found)
    assert covered >= (180 if method else 170)


def test_the_pilot_takes_the_better_method():
    steep, _ = random_matrix(np.concatenate([[50.0, 20, 10], np.full(97, 0.01)]))
    flat, _ = random_matrix(np.resize([1.0, -1.0], 100))
    assert traces(steep, 40, generator()).method == HUTCH_PP
    methods = [traces(flat, 40, generator(seed)).method for seed in range(40)]
    assert methods.count(HUTCHINSON) > 25


def test_the_trace_of_a_diagonal_matrix_is_exact_and_so_are_its_layers():
    from anatomy.studies.curvature.objective import Block

    blocks = [Block("a", 0, 3), Block("b", 3, 8)]
    found = traces(Matrix(np.diag(np.arange(8.0))), 20, generator(), blocks, HUTCHINSON)
    assert found.whole.value == pytest.approx(28) and found.whole.high == pytest.approx(28)
    assert found.layers["a"].value == pytest.approx(3) and found.layers["b"].value == pytest.approx(25)
    with pytest.raises(InputError, match="11 products are too few"):
        traces(Matrix(np.eye(2)), 11, generator())


def test_curvature_of_each_layer(thousand):
    hessian, _, vectors = thousand
    blocks, matrix = hessian.objective.blocks, hessian.matrix()
    for block, pairs in zip(blocks, top_of_layers(hessian, blocks).values(), strict=True):
        expected = np.linalg.eigvalsh(matrix[block.entries, block.entries])[-1]
        assert pairs.values[0] == pytest.approx(expected, rel=1e-10)
    shares = layer_shares(vectors[:, :5], blocks)
    assert np.allclose(shares.sum(0), 1) and (shares >= 0).all()


@pytest.mark.parametrize(
    ("values", "count"),
    [
        ([0.154, 0.023, 0.009, 0.006, 0.005, 0.002, 0.002], 2),
        ([0.003, 0.001, 0.001, 0.0], 3),
        ([0.016, 0.0, -0.001], 1),
        ([5.092, 2.299, 1.422, 0.627, 0.353], 4),
        ([0.0, -1.0], 0),
    ],
)
def test_outliers_of_the_values_that_the_paper_prints(values, count):
    assert outliers(np.array(values)) == count
