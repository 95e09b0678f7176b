"""Lines, curves and simplexes of networks that were not trained here."""

from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import nn

import anatomy
from anatomy.runtime.errors import InputError


def network(seed, norm=True, classes=3):
    torch.manual_seed(seed)
    layers = [nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4) if norm else nn.Identity(), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, classes))


def batches(count=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(8, 3, 8, 8, generator=generator) for _ in range(count)]


LABELS = np.arange(32) % 3


def test_a_line_is_swept_and_its_networks_are_plain_ones():
    one, other = network(0), network(1)
    before = [{name: tensor.clone() for name, tensor in each.state_dict().items()} for each in (one, other)]
    between = anatomy.line(one, other).recalibrate(batches(), points=5)
    table = between.sweep(batches(seed=1), LABELS)
    single = table[table["members"] == 1].set_index("alpha")
    assert sorted(single.index) == [0, 0.25, 0.5, 0.75, 1]
    for alpha in (0.0, 0.25, 1.0):
        point = between.network(alpha)
        for own, a, b in zip(point.parameters(), one.parameters(), other.parameters(), strict=True):
            torch.testing.assert_close(own, (1 - alpha) * a + alpha * b)
        with torch.no_grad():
            logits = torch.cat([point(batch) for batch in batches(seed=1)])
        right = (logits.argmax(1).numpy() == LABELS).mean()
        assert single.loc[alpha, "accuracy"] == pytest.approx(right)
    # What was given stays as it is.
    for each, tensors in zip((one, other), before, strict=True):
        assert all(torch.equal(each.state_dict()[name], tensor) for name, tensor in tensors.items())


def test_curves_and_simplexes():
    bent = anatomy.curve(network(0), network(1), network(2))
    bent.recalibrate(batches(), at=[0.5])
    assert bent.sweep(batches(), LABELS)["evaluation"].tolist() == ["point"]
    whole = anatomy.simplex(*map(network, range(3)))
    whole.recalibrate(batches(), random_points=2)
    found = whole.sweep(batches(), LABELS)
    assert set(found["evaluation"]) == {"network", "corner", "random", "corners", "random points"}


def test_what_was_not_recalibrated_is_refused():
    between = anatomy.line(network(0), network(1))
    with pytest.raises(InputError, match="no points were recalibrated"):
        between.sweep(batches(), LABELS)
    with pytest.raises(InputError, match=r"point 0\.3 was not recalibrated; call recalibrate"):
        between.network(0.3)
    # Without batch normalisation there is nothing to take.
    assert anatomy.line(network(0, False), network(1, False)).network(0.3)(batches()[0]).shape == (8, 3)


def test_other_mistakes_are_refused():
    with pytest.raises(InputError, match=r"corner 1: 5\.weight has shape \(4, 4\), expected \(3, 4\)"):
        anatomy.line(network(0), network(1, classes=4))
    with pytest.raises(InputError, match="no networks are given"):
        anatomy.simplex()
    between = anatomy.line(network(0), network(1))
    with pytest.raises(InputError, match="expected a number from 0 to 1"):
        between.recalibrate(batches(), at=[1.5])
    with pytest.raises(InputError, match="4 is even"):
        between.recalibrate(batches(), points=4)
    with pytest.raises(InputError, match="can be gone through once only"):
        between.recalibrate(iter(batches()))
    between.recalibrate(batches(), points=3)
    with pytest.raises(InputError, match="32 inputs, and there are 31 labels"):
        between.sweep(batches(), LABELS[1:])


class Negated(nn.Sequential):
    """Changes its inputs in place, and computes what it would of their negatives."""

    def forward(self, inputs):
        return super().forward(inputs.mul_(-1))


@pytest.mark.parametrize("passes", [lambda kept: kept, lambda kept: lambda: kept])
def test_networks_that_change_their_inputs_are_measured_as_ones_that_do_not(passes):
    given = batches()
    changing = anatomy.line(*(Negated(OrderedDict(network(seed).named_children())) for seed in range(2)))
    found = changing.recalibrate(passes(given)).sweep(passes(given), LABELS)
    assert all(map(torch.equal, given, batches()))
    negated = [-batch for batch in given]
    plain = anatomy.line(network(0), network(1)).recalibrate(negated)
    assert found.equals(plain.sweep(negated, LABELS))
