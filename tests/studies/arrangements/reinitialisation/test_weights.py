"""Weights to reset to: fresh ones, folded ones, those that do not fit."""

from copy import deepcopy

import pytest
import torch
from reset_networks import changed, network, task, weights_of

from anatomy.networks.build import build_network
from anatomy.runtime.errors import InputError
from anatomy.runtime.streams import stream
from anatomy.studies.arrangements.reinitialisation.predictions import TRAINED
from anatomy.studies.arrangements.reinitialisation.resetter import Resetter
from anatomy.studies.arrangements.reinitialisation.weights import fold_all, fresh_weights


@pytest.mark.parametrize("linear", [False, True])
def test_a_folded_classifier_gives_the_same_predictions_under_every_reset(linear):
    trained, earlier = network("vgg11", 0).double(), network("vgg11", 1).double()
    images = torch.randn(20, 3, 32, 32, dtype=torch.float64)
    resets = {"0": weights_of(earlier, linear)}
    folded_network = deepcopy(trained)
    folded = fold_all(folded_network, resets, (3, 32, 32))
    assert folded_network.classifier[0].in_features == 32
    for (layer, key), logits in Resetter(folded_network, folded, (3, 32, 32), linear).logits(images, 512):
        net = trained if (layer, key) == TRAINED else changed(trained, layer, resets[key][layer])
        with torch.inference_mode():
            assert torch.allclose(logits, net(images), rtol=0, atol=1e-12), layer


def test_fresh_weights_are_independent_of_the_run_and_of_each_other():
    first, again, other, second = (
        fresh_weights(task("vgg11", seed), *draw) for seed, *draw in ((0,), (0, 1), (1,), (0, 2))
    )
    with_linear = fresh_weights(task("vgg11"), linear=True)
    initial = weights_of(build_network("vgg11", 10, 3, 0.0625, stream(0, "initialisation"), "kaiming"))
    for name, (weight, bias) in first.items():
        assert torch.equal(weight, again[name][0])
        assert torch.equal(weight, with_linear[name][0])
        for different in (other, second, initial):
            assert not torch.equal(weight, different[name][0])
        assert not bias.any()
    assert with_linear.keys() - first.keys() == {f"classifier.{index}" for index in (0, 3, 6)}


def broken(change):
    """Weights of another vgg11, changed."""
    weights = weights_of(network("vgg11", 1))
    change(weights)
    return weights


def with_nan(weights):
    weights["features.3"][0][5, 0, 0, 0] = torch.nan


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (
            weights_of(build_network("vgg11", 10, 3, 0.125, stream(0, "x"), "kaiming")),
            "reset to 0: layer features.0 has shape 8x3x3x3, the network's has 4x3x3x3; the snapshot is of",
        ),
        (
            weights_of(build_network("vgg13", 10, 3, 0.0625, stream(0, "x"), "kaiming")),
            "has no layer features.3; the",
        ),
        (broken(lambda weights: weights.update(conv=weights["features.0"])), "has a layer conv, the network"),
        (
            broken(lambda weights: weights.update({"features.0": (weights["features.0"][0], None)})),
            "layer features.0 has no bias, unlike the network's",
        ),
        (broken(with_nan), "layer features.3 has NaN or infinite weights in filter 5"),
    ],
)
def test_weights_that_do_not_fit_are_refused(weights, message):
    with pytest.raises(InputError, match=message):
        Resetter(network("vgg11", 0), {"0": weights}, (3, 32, 32))
