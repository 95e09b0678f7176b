"""Small networks, and copies of them with one layer reset."""

from copy import deepcopy

import torch
from conftest import make_dataset, task_of

from anatomy.networks.build import build_network
from anatomy.networks.forward import conv_layers
from anatomy.runtime.streams import stream
from anatomy.studies.arrangements.reinitialisation.weights import own_weights, resettable_layers


def task(architecture, seed=0):
    """What such a network sees: images of ten classes."""
    channels, size, _ = shape_of(architecture)
    dataset = make_dataset(channels=channels, size=size, classes=10)
    description = {"mean": [0.5] * channels, "std": [0.2] * channels}
    width = 1.0 if architecture == "lenet" else 0.0625
    return task_of(dataset, description, seed, architecture=architecture, width=width)


def network(architecture, seed):
    """A small network with random biases, whose predictions spread over its classes."""
    channels = 1 if architecture == "lenet" else 3
    net = build_network(
        architecture, 10, channels, 1.0 if channels == 1 else 0.0625, stream(seed, "x"), "kaiming"
    )
    with torch.no_grad():
        for layer in conv_layers(net).values():
            layer.bias.normal_(0, 0.1, generator=stream(seed, "bias"))
    return net.eval()


def shape_of(architecture):
    return (1, 28, 28) if architecture == "lenet" else (3, 32, 32)


def weights_of(net, linear=False):
    return own_weights(resettable_layers(net, linear))


def changed(trained, name, weights):
    """A copy of a network with other weights in one layer."""
    copy = deepcopy(trained)
    layer = copy.get_submodule(name)
    layer.weight.data = weights[0]
    if weights[1] is not None:
        layer.bias.data = weights[1]
    return copy
