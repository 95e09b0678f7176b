"""`anatomy.invariance` of any network: the same numbers as the measure, tidy, and clear about wrong input."""

from collections import OrderedDict

import numpy as np
import pytest
import torch
from studies.invariance.plain_measure import AGGREGATE, activations, deviations
from studies.invariance.small_networks import NAMES, images, in_unit, labels, small
from torch import nn

import anatomy
from anatomy.runtime.errors import InputError
from anatomy.studies.invariance.rotations import Rotations


def test_it_is_the_measure_in_tidy_form():
    table = anatomy.invariance(small(), images(), labels(), layers=[*NAMES.values()], angles=6)
    values = activations(small(), images(), [*NAMES.values()], Rotations(6, 0), in_unit, AGGREGATE["mean"])
    for kind, name, chosen in (("all", None, np.full(40, True)), ("class", 2, labels().numpy() == 2)):
        own = table[table["kind"] == kind]
        own = own if name is None else own[own["class"] == name]
        v, b = deviations(values[:, chosen])
        np.testing.assert_allclose(own["transformation"], v, rtol=2e-3, atol=1e-6)
        np.testing.assert_allclose(own["invariance"], v / b, rtol=2e-3, atol=1e-6)
    by_class = table[table["kind"] == "class"].pivot(
        index=["layer", "unit"], columns="class", values="invariance"
    )
    mean = table[table["kind"] == "stratified"].set_index(["layer", "unit"])["invariance"]
    np.testing.assert_allclose(by_class.mean(1).loc[mean.index], mean)
    assert table.groupby("layer", sort=False).size().to_dict() == {"c1": 20, "c2": 30, "fc": 15}


def test_by_default_all_modules_of_all_images_are_measured():
    table = anatomy.invariance(small(), images().numpy(), angles=2)
    assert list(table["layer"].unique()) == ["c1", "act", "pool", "c2", "flatten", "fc"]
    assert set(table["kind"]) == {"all"} and set(table["status"]) <= {"defined", "dead"}


def test_images_of_numbers_are_turned_without_rounding():
    whole = anatomy.invariance(small(), images(), angles=4)
    numbers = anatomy.invariance(small(), images().float() / 255, angles=4)
    # Quarter turns move pixels and interpolate nothing.
    np.testing.assert_allclose(whole["invariance"], numbers["invariance"], rtol=1e-4)
    double = anatomy.invariance(small(True), images().double() / 255, angles=6)
    single = anatomy.invariance(small(), images().float() / 255, angles=6)
    np.testing.assert_allclose(double["invariance"], single["invariance"], rtol=2e-3)


def test_one_class_is_its_own_stratum():
    table = anatomy.invariance(small(), images(), torch.zeros(40, dtype=torch.int64), angles=2)
    whole, within = (table[table["kind"] == kind]["invariance"].to_numpy() for kind in ("all", "stratified"))
    np.testing.assert_array_equal(whole, within)


def test_other_transformations_and_the_local_measure():
    shifted = anatomy.invariance(small(), images(), labels(), transformation="translation", local=True)
    turned = anatomy.invariance(small(), images(), labels())
    assert list(shifted.columns) == [*turned.columns, "local"]
    whole = shifted["kind"] == "all"
    assert shifted["local"][whole].notna().all() and shifted["local"][~whole].isna().all()
    assert not np.allclose(shifted["invariance"], turned["invariance"])


def test_broken_units_are_named_and_counted(capsys):
    network = small()
    with torch.no_grad():
        network.c2.bias[2] = torch.nan
    table = anatomy.invariance(network, images(), angles=2, layers=["c1", "c2"])
    assert table[table["status"] == "not finite"][["layer", "unit"]].to_numpy().tolist() == [["c2", 2]]
    assert "warning: Sequential: 1 of 6 units of layer c2 have NaN" in capsys.readouterr().err


class Named(nn.Module):
    """A network whose output is no tensor."""

    def __init__(self):
        super().__init__()
        self.c1 = nn.Conv2d(1, 2, 3)

    def forward(self, inputs):
        return {"logits": self.c1(inputs)}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"model": "resnet18"}, "expected an nn.Module"),
        ({"images": images()[0]}, r"expected \(N, C, H, W\)"),
        ({"images": images().int()}, "expected uint8 or floating-point"),
        ({"labels": labels()[:5]}, "expected 40 whole numbers"),
        ({"labels": torch.arange(40)}, "class 0 has 1 images"),
        ({"transformation": "shear"}, "allowed: rotation, scale, translation, combined"),
        ({"jitter": -1.0}, "jitter: -1.0; expected degrees of at least 0"),
        ({"local": True, "aggregation": "same_equivariance"}, "maps that are turned back"),
        ({"layers": ["c11"]}, "did you mean c1"),
        ({"angles": 1}, "2 or more angles"),
        ({"images": images(side=20)}, "do not fit"),
        ({"model": Named()}, "^the network returns a dict; expected"),
        ({"model": nn.LSTM(12, 3), "images": images()}, "do not fit|returns a tuple"),
    ],
)
def test_wrong_input_is_answered(given, words):
    given = {"model": small(), "images": images()} | given
    with pytest.raises(InputError, match=words):
        anatomy.invariance(given.pop("model"), given.pop("images"), **given)


class Negated(nn.Sequential):
    """Changes its inputs in place, and computes what it would of their negatives."""

    def forward(self, inputs):
        return super().forward(inputs.mul_(-1))


@pytest.mark.parametrize("normalise", [None, lambda images: images])
def test_a_network_that_changes_its_inputs_is_measured_as_one_that_does_not(normalise):
    given = images().float() / 255
    options = {"angles": 4, "local": True, "layers": [*NAMES.values()], "normalise": normalise}
    found = anatomy.invariance(Negated(OrderedDict(small().named_children())), given, **options)
    assert torch.equal(given, images().float() / 255)
    options["normalise"] = lambda turned: -turned
    expected = anatomy.invariance(small(), given, **options)
    assert found.equals(expected)
