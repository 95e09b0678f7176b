"""Resetting layers: shared activations against whole forward passes."""

from copy import deepcopy

import pytest
import torch

from hyperplanes.architectures import build_network, conv_layers
from hyperplanes.errors import InputError
from hyperplanes.folding import fold
from hyperplanes.reinitialisation import count_correct, fresh_weights
from hyperplanes.streams import stream

SETTINGS = {"architecture": "vgg11", "width": 0.0625, "initialisation": {"kind": "kaiming"}}


def network(architecture, seed):
    channels = 1 if architecture == "lenet" else 3
    return build_network(architecture, 10, channels, 1.0 if channels == 1 else 0.0625, stream(seed, "x"))


def weights_of(net):
    return {name: (layer.weight.detach(), layer.bias.detach()) for name, layer in conv_layers(net).items()}


@pytest.mark.parametrize("architecture", ["vgg11", "lenet"])
def test_every_cell_equals_a_whole_evaluation(architecture):
    trained, earlier = network(architecture, 0), network(architecture, 1)
    with torch.no_grad():
        for net in (trained, earlier):
            for layer in conv_layers(net).values():
                layer.bias.normal_(0, 0.1, generator=stream(2, "bias"))
    shape = (1, 28, 28) if architecture == "lenet" else (3, 32, 32)
    images = torch.randn(30, *shape, generator=stream(3, "images"))
    # Labels that the trained network gets right, so that the counts tell networks apart.
    with torch.inference_mode():
        labels = trained.eval()(images).argmax(1)
    resets = {"0": weights_of(earlier), "random": fresh_weights(trained, SETTINGS, 0)}
    batches = zip(images.split(8), labels.split(8), strict=True)
    baseline, cells = count_correct(trained, batches, resets)
    assert baseline == 30
    assert len(cells) == 2 * len(conv_layers(trained))
    for cell in cells:
        changed = deepcopy(trained)
        layer = changed.get_submodule(cell.name)
        weight, bias = resets[cell.reset_to][cell.name]
        layer.weight.data, layer.bias.data = weight, bias
        with torch.inference_mode():
            logits = torch.cat([changed(batch) for batch in images.split(8)])
        assert cell.correct == int((logits.argmax(1) == labels).sum()), cell
        assert list(conv_layers(trained))[cell.layer - 1] == cell.name


def test_resetting_to_the_trained_weights_changes_nothing():
    trained = network("vgg11", 0)
    images, labels = torch.randn(20, 3, 32, 32), torch.randint(0, 10, (20,))
    baseline, cells = count_correct(trained, iter([(images, labels)]), {"2": weights_of(trained)})
    assert {cell.correct for cell in cells} == {baseline}


def test_the_folded_classifier_gives_the_same_predictions():
    trained = network("vgg11", 0).double()
    images = torch.randn(20, 3, 32, 32, dtype=torch.float64)
    with torch.inference_mode():
        expected = trained.eval()(images)
    fold(trained)
    with torch.inference_mode():
        assert torch.allclose(trained(images), expected, rtol=0, atol=1e-12)


def test_fresh_weights_are_new_and_leave_the_network_alone():
    trained = network("vgg11", 0)
    before = {name: tensor.clone() for name, tensor in trained.state_dict().items()}
    first, again, other = (fresh_weights(trained, SETTINGS, seed) for seed in (0, 0, 1))
    initial = weights_of(build_network("vgg11", 10, 3, 0.0625, stream(0, "initialisation")))
    for name, (weight, bias) in first.items():
        assert torch.equal(weight, again[name][0])
        assert not torch.equal(weight, other[name][0])
        assert not torch.equal(weight, initial[name][0])
        assert not bias.any()
    assert all(torch.equal(tensor, before[name]) for name, tensor in trained.state_dict().items())


def test_weights_of_another_network_are_refused():
    trained = network("vgg11", 0)
    other = build_network("vgg11", 10, 3, 0.125, stream(0, "x"))
    with pytest.raises(InputError, match="the snapshot is of another network"):
        count_correct(trained, iter([]), {"0": weights_of(other)})
