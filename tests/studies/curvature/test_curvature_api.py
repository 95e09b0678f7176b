"""The curvature of any network in one call, against the whole Hessian."""

import numpy as np
import pytest
import torch
from studies.curvature.small_networks import data, reference_hessian, relu_network
from torch import nn

import anatomy
from anatomy.runtime.errors import InputError


def test_curvature_of_a_network_in_one_call():
    network, (x, y) = relu_network(), data(30)
    found = anatomy.curvature(network, x, y, k=4, batch=13)
    matrix = reference_hessian(network, x, y)
    values = np.linalg.eigvalsh(matrix)[::-1]
    assert found.pairs.values == pytest.approx(values[:4])
    assert found.trace.whole.low <= np.trace(matrix) <= found.trace.whole.high
    assert found.layers["layer"].tolist() == ["0", "2", "4"]
    tops = [np.linalg.eigvalsh(matrix[part, part])[-1] for part in (slice(21), slice(21, 93), slice(93, 123))]
    assert found.layers["top"].tolist() == pytest.approx(tops)
    assert found.layers[["share_1", "share_4"]].sum().tolist() == pytest.approx([1, 1])
    assert found.alignments.shape == (30, 4)
    assert found.outliers == 4 < (values > values[0] / 10).sum()


def test_arrays_are_inputs_and_labels_too():
    network, (x, y) = relu_network(), data()
    one, other = (anatomy.curvature(network, *own, k=2) for own in ((x, y), (x.numpy(), y.numpy())))
    assert np.array_equal(one.pairs.values, other.pairs.values)


def test_a_loss_of_ones_own_and_some_layers():
    network, (x, y) = relu_network(), data()

    def halved(logits, target, reduction):
        assert reduction == "sum"
        return torch.nn.functional.cross_entropy(logits, target, reduction="sum") / 2

    whole = reference_hessian(network, x, y) / 2
    found = anatomy.curvature(network, x, y, loss=halved, k=2, layers=["4"])
    assert found.pairs.values == pytest.approx(np.linalg.eigvalsh(whole[93:, 93:])[::-1][:2])
    assert found.pairs.vectors.shape == (30, 2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"k": 124}, "124 eigenpairs are asked for; expected 1 to 123"),
        ({"labels": torch.full((20,), 3)}, "label 3 is not one of the network's 3 classes"),
        ({"inputs": torch.full((20, 2), torch.nan)}, "the loss of the network is nan"),
        ({"layers": ["fc9"]}, "layer 'fc9' has no parameters; expected some of 0, 2, 4"),
        ({"loss": "unknown"}, "unknown"),
        ({"labels": torch.zeros(19, dtype=torch.int64)}, "there are 20 inputs and 19 labels"),
        (
            {"labels": torch.zeros(20)},
            r"labels are torch\.float32 of shape \(20,\); expected 20 class indices",
        ),
        ({"loss": lambda logits, labels, reduction: logits.sum(1)}, r"the loss has shape \(20,\)"),
        ({"layers": []}, "no parameters to differentiate"),
        ({"model": nn.Sequential(nn.Linear(2, 1).double(), nn.Flatten(0))}, r"an output of shape \(20,\)"),
        ({"model": relu_network().state_dict()}, "a OrderedDict has no curvature; expected an nn.Module"),
    ],
)
def test_what_is_refused(changes, message):
    x, y = data()
    given = {"model": relu_network(), "inputs": x, "labels": y, **changes}
    with pytest.raises(InputError, match=message):
        anatomy.curvature(**given)


class Negated(nn.Sequential):
    """Changes its inputs in place."""

    def forward(self, inputs):
        return super().forward(inputs.mul_(-1))


def test_a_network_that_changes_its_inputs_is_refused():
    network, (x, y) = Negated(*relu_network()), data()
    given = x.clone()
    with pytest.raises(InputError, match=r"changes its inputs in place; let it begin with a copy"):
        anatomy.curvature(network, x, y, k=2)
    assert torch.equal(x, given)
