"""Eigenvalues against those of hessian-eigenthings, of the test extra."""

import hessian_eigenthings as peer
import pytest
from studies.curvature.small_networks import data, relu_network

from anatomy.studies.curvature.any_network import curvature
from anatomy.training.losses.cross_entropy import loss as cross_entropy


def test_top_eigenvalues_are_those_of_hessian_eigenthings():
    network, (x, y) = relu_network(hidden=(20, 20)), data(30)
    operator = peer.HessianOperator(network, [(x, y)], peer.supervised_loss(cross_entropy))
    expected = peer.lanczos(operator, k=6, max_iter=120, tol=1e-9, reorthogonalize=True, which="LA", seed=0)
    values = sorted(expected.eigenvalues.tolist(), reverse=True)
    assert curvature(network, x, y, k=6).pairs.values.tolist() == pytest.approx(values, rel=1e-5)
