"""Files in the formats in which weights are released: torchvision's and MatConvNet's."""

import hashlib

import numpy as np
import pytest
import torch
from scipy.io import savemat

from anatomy.runtime.errors import InputError
from anatomy.runtime.torchvision_import import models
from anatomy.studies.arrangements.pretrained.read import (
    ALEXNET_2012,
)

ORIGIN = {"architecture": "test", "dataset": "imagenet", "experiment": "x", "seed": 3, "epoch": -1}
ALEXNET_INPUTS = [(3, 227, 227), (96, 27, 27), (256, 13, 13), (384, 13, 13), (384, 13, 13)]
# Layer shape, stride, padding, and whether pooling follows: MatConvNet's AlexNet.
ALEXNET = list(
    zip(ALEXNET_2012, [4, 1, 1, 1, 1], [0, 2, 1, 1, 1], [True, True, False, False, True], strict=True)
)


def refusal(function, *arguments):
    with pytest.raises(InputError) as caught:
        function(*arguments)
    return str(caught.value)


def state_dict(architecture, seed=0):
    """Random convolutions under torchvision's names, and a classifier of one number per parameter."""
    generator = torch.Generator().manual_seed(seed)
    with torch.device("meta"):
        network = models.get_model(architecture)
    return {
        name: torch.randn(value.shape, generator=generator) if value.ndim == 4 else torch.randn(len(value))
        for name, value in network.state_dict().items()
    }


def save_named(state, folder, name, **options):
    """Save a state dict under a name that ends in the beginning of its checksum; return path and digits."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(state, folder / "unnamed", **options)
    digits = hashlib.sha256((folder / "unnamed").read_bytes()).hexdigest()[:8]
    return (folder / "unnamed").rename(folder / f"{name}-{digits}.pth"), digits


def cell(items):
    """A MATLAB cell array with one row."""
    array = np.empty((1, len(items)), object)
    array[0] = items
    return array


def struct_array(items):
    """A MATLAB struct array with one row."""
    array = np.empty((1, len(items)), [(name, object) for name in items[0]])
    for index, item in enumerate(items):
        array[0, index] = tuple(item.values())
    return array


def filters(shape, seed):
    """Filters as torch has them (F, C, H, W), and as MatConvNet does (H, W, C, F)."""
    weight = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    return weight, weight.transpose(2, 3, 1, 0)


def simplenn(convolutions, fully_connected, old=False):
    """Layers of a SimpleNN network, and its weights in torch's layout."""
    layers, weights = [], []
    for position, (shape, stride, pad, pooled) in enumerate(convolutions, 1):
        weight, stored = filters(shape, position)
        weights.append(weight)
        bias = np.full((1, len(weight)), position, np.float32)
        values = {"filters": stored, "biases": bias} if old else {"weights": cell([stored, bias.T])}
        options = {"stride": stride, "pad": pad} if old else {"stride": [stride] * 2, "pad": [pad] * 4}
        layers.append({"type": "conv", "name": f"conv{position}", **values, **options})
        layers.append({"type": "relu", "name": f"relu{position}"})
        if pooled:
            size = 3 if stride == 4 or shape[0] != 64 else 2
            layers.append(
                {"type": "pool", "name": f"pool{position}", "pool": [size] * 2, "stride": 2, "method": "max"}
            )
    layers.append({"type": "conv", "name": "fc6", "weights": cell([np.zeros((*fully_connected, 7)), []])})
    layers.append({"type": "softmax", "name": "prob"})
    return cell(layers), weights


def dagnn(convolutions, fully_connected):
    """Layers and parameters of a DagNN network, and its weights in torch's layout."""
    layers, parameters, weights = [], [], []

    def add(name, layer_type, block, names=()):
        layers.append(
            {
                "name": name,
                "type": f"dagnn.{layer_type}",
                "inputs": cell(["x"]),
                "outputs": cell(["y"]),
                "params": cell(list(names)),
                "block": block,
            }
        )

    for position, (shape, stride, pad, pooled) in enumerate(convolutions, 1):
        weight, stored = filters(shape, position)
        weights.append(weight)
        names = [f"conv{position}f", f"conv{position}b"]
        for name, value in zip(names, (stored, np.full((len(weight), 1), position, np.float32)), strict=True):
            parameters.append({"name": name, "value": value, "learningRate": 1.0})
        block = {"size": stored.shape, "hasBias": True, "pad": [pad] * 4, "stride": [stride] * 2}
        add(f"conv{position}", "Conv", block, names)
        add(f"relu{position}", "ReLU", {"leak": 0.0})
        if pooled:
            add(f"pool{position}", "Pooling", {"poolSize": [3, 3], "pad": [0] * 4, "stride": [2, 2]})
    parameters.append({"name": "fc6f", "value": np.zeros((*fully_connected, 7)), "learningRate": 1.0})
    block = {"size": [*fully_connected, 7], "hasBias": False, "pad": [0] * 4, "stride": [1, 1]}
    add("fc6", "Conv", block, ["fc6f"])
    return struct_array(layers), struct_array(parameters[::-1]), weights


def save_alexnet(path, file_format):
    """Write MatConvNet's AlexNet in one of its formats; return its weights in torch's layout."""
    image_size = {"normalization": {"imageSize": np.array([[227.0, 227.0, 3.0]])}}
    if file_format == "dagnn":
        layers, parameters, weights = dagnn(ALEXNET, (6, 6, 256))
        content = {"layers": layers, "params": parameters, "vars": [], "meta": image_size}
    else:
        layers, weights = simplenn(ALEXNET, (6, 6, 256), old=file_format == "old")
        content = {"layers": layers, **(image_size if file_format == "old" else {"meta": image_size})}
    savemat(path, content)
    return weights
