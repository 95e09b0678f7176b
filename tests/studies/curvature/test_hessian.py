"""Products and the whole matrix against autograd and closed forms."""

import numpy as np
import pytest
import torch
from studies.curvature.small_networks import data, objective, reference_hessian, relu_network
from torch import nn
from torch.nn import functional

from anatomy.runtime.errors import InputError
from anatomy.studies.curvature import hessian as hessian_module
from anatomy.studies.curvature.hessian import Hessian
from anatomy.studies.curvature.objective import Objective
from anatomy.training.losses.cross_entropy import loss as cross_entropy


def squared_error(logits, target, reduction="mean"):
    """Half the squared distance to the one-hot label, summed or averaged over inputs."""
    total = ((logits - functional.one_hot(target, logits.shape[1])) ** 2).sum() / 2
    return total if reduction == "sum" else total / len(logits)


def convolutional():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 3, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(3, 4, 2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(16, 3),
    ).double()


@pytest.mark.parametrize("activation", [nn.ReLU, nn.Sigmoid])
@pytest.mark.parametrize("loss", [cross_entropy, squared_error])
def test_matrix_and_products_are_those_of_autograd(activation, loss):
    network, (x, y) = relu_network(activation=activation), data()
    expected = reference_hessian(network, x, y, loss)
    hessian = Hessian(objective(network, [(x, y)], loss))
    assert np.abs(hessian.matrix() - expected).max() < 1e-13
    vectors = np.random.default_rng(0).normal(size=(hessian.size, 3))
    assert np.abs(hessian.products(vectors) - expected @ vectors).max() < 1e-12
    assert np.abs(hessian @ vectors[:, 0] - expected @ vectors[:, 0]).max() < 1e-12


def test_a_convolutional_network():
    x = torch.randn(6, 1, 8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    y = torch.tensor([0, 1, 2, 0, 1, 2])
    network = convolutional()
    found = Hessian(objective(network, [(x, y)])).matrix()
    assert np.abs(found - reference_hessian(network, x, y)).max() < 1e-12


def test_batches_are_weighted_by_their_size():
    x, y = data(20)
    network = relu_network()
    whole = Hessian(objective(network, [(x, y)])).matrix()
    batches = [(x[:13], y[:13]), (x[13:14], y[13:14]), (x[14:], y[14:])]
    assert np.abs(Hessian(objective(network, batches)).matrix() - whole).max() < 1e-14


def test_the_network_itself_is_left_alone_and_evaluated():
    network = nn.Sequential(nn.Linear(2, 5), nn.BatchNorm1d(5), nn.Dropout(0.5), nn.ReLU(), nn.Linear(5, 3))
    before = {name: own.clone() for name, own in network.state_dict().items()}
    hessian = Hessian(objective(network))
    assert np.array_equal(hessian.matrix(), Hessian(objective(network)).matrix())
    assert network.training and all(
        torch.equal(own, before[name]) for name, own in network.state_dict().items()
    )


def test_linear_regression_in_closed_form():
    """H = X'X/N with the bias as a column of ones, one copy for each output."""
    x, y = data(30, inputs=4)
    network = nn.Linear(4, 3).double()
    found = Hessian(objective(nn.Sequential(network), [(x, y)], squared_error)).matrix()
    weights = torch.kron(torch.eye(3), x.T @ x / 30).numpy()
    mean = torch.kron(torch.eye(3), x.mean(0)[:, None]).numpy()
    expected = np.block([[weights, mean], [mean.T, np.eye(3)]])
    assert np.abs(found - expected).max() < 1e-10


def test_logistic_regression_in_closed_form():
    """H = 1/N sum (diag(p) - p p') (x) x x'."""
    x, y = data(30, inputs=4)
    network = nn.Sequential(nn.Linear(4, 3, bias=False)).double()
    p = network(x).softmax(1).detach()
    curvatures = torch.diag_embed(p) - p[:, :, None] * p[:, None]
    expected = sum(torch.kron(d, torch.outer(one, one)) for d, one in zip(curvatures, x, strict=True)) / 30
    assert np.abs(Hessian(objective(network, [(x, y)])).matrix() - expected.numpy()).max() < 1e-10


def test_some_layers_only():
    network, (x, y) = relu_network(), data()
    whole = reference_hessian(network, x, y)
    own = objective(network, [(x, y)], layers=["2"])
    assert [block.layer for block in own.blocks] == ["2"]
    assert np.abs(Hessian(own).matrix() - whole[21:93, 21:93]).max() < 1e-13


def test_blocks_cover_all_parameters_in_order():
    assert [(own.layer, own.start, own.stop) for own in objective().blocks] == [
        ("0", 0, 21),
        ("2", 21, 93),
        ("4", 93, 123),
    ]


def hinge(logits, target, reduction="mean"):
    """Torch has no second derivative of this one."""
    return functional.multi_margin_loss(logits, target, reduction=reduction)


def hinge_by_hand(logits, target, reduction="mean"):
    """The same, of operations that torch differentiates as often as one likes."""
    missing = (1 - logits.gather(1, target[:, None]) + logits).clamp(min=0)
    total = (missing * (1 - functional.one_hot(target, logits.shape[1]))).sum() / logits.shape[1]
    return total if reduction == "sum" else total / len(logits)


def test_a_piecewise_linear_loss_has_the_curvature_of_the_network():
    network, (x, y) = relu_network(), data()
    found = Hessian(objective(network, [(x, y)], hinge)).matrix()
    assert np.abs(found - reference_hessian(network, x, y, hinge_by_hand)).max() < 1e-13
    assert np.abs(found).max() > 1e-3


def test_where_the_loss_is_linear_in_the_parameters_the_hessian_is_zero():
    assert not Hessian(objective(nn.Sequential(nn.Linear(2, 3)).double(), loss=hinge)).matrix().any()


def test_the_memory_is_known_on_any_system(monkeypatch, tmp_path):
    """On a Mac there is no /proc: the whole memory takes the place of what is free, and is not less."""
    free = hessian_module._free_memory()
    monkeypatch.setattr(hessian_module, "MEMORY", tmp_path / "meminfo")
    assert 0 < free <= hessian_module._free_memory()


class Unused(nn.Module):
    def __init__(self):
        super().__init__()
        self.used, self.idle = nn.Linear(2, 3), nn.Linear(2, 3)

    def forward(self, x):
        return self.used(x)


def test_refusals():
    x, y = data()
    with pytest.raises(InputError, match=r"label 5 is not one of the network's 3 classes"):
        objective(batches=[(x, y + 5)])
    broken = relu_network()
    with torch.no_grad():
        broken[0].weight[0, 0] = float("nan")
    with pytest.raises(InputError, match="the loss of the network is nan"):
        objective(broken)
    with pytest.raises(InputError, match=r"parameter idle\.weight does not reach the loss"):
        Hessian(objective(Unused())).matrix()
    with pytest.raises(InputError, match="layer 'conv' has no parameters; expected some of 0, 2, 4"):
        objective(layers=["conv"])
    with pytest.raises(InputError, match=r"123 parameters .*take 0\.0 GiB.*top eigenpairs"):
        Hessian(objective()).matrix(memory=1000)
    with pytest.raises(InputError, match="no data"):
        Objective(relu_network(), [], cross_entropy)
