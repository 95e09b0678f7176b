"""Initial weights of every family are a fixed function of the seed, to the bit."""

import hashlib

import pytest
import torch

from anatomy.networks.build import build_network
from anatomy.runtime.streams import stream

KINDS = ("kaiming", "normal", "published")
# Architecture, width, image shape, and for each of KINDS the beginning of the SHA-256 of names and tensors of
# the state dict, and of the three numbers that come next in the random stream.
WEIGHTS = [
    ("lenet", 0.5, (1, 28, 28), ["a17c514554cfac51", "8370ccfb26f9fa12", "26ed475ed6247c3b"]),
    ("alexnet", 0.0625, (3, 64, 64), ["c843b0a5293e2c05", "9f8751ec84190a28", "6969857a2799f969"]),
    ("vgg11bn", 0.0625, (3, 32, 32), ["5a24f0ef3cb56b69", "597611ae30c6e3fb", "5a24f0ef3cb56b69"]),
    ("vgg19_orig", 0.03125, (3, 32, 32), ["d649c3fa34947066", "0c6e789efb041c6a", "d649c3fa34947066"]),
    ("mlp", 0.03125, (1, 28, 28), ["12071aef93612b5e", "5c54604232d78827", "12071aef93612b5e"]),
    ("mlp_bn", 0.03125, (3, 16, 16), ["5de52389e6051d6e", "86d3298ae3ce26b8", "5de52389e6051d6e"]),
    ("resnet18", 0.125, (3, 32, 32), ["154854e8f604a311", "ed1dd95a53a56b26", "154854e8f604a311"]),
    ("resnet50", 0.125, (1, 32, 32), ["d2340b9ea5e46f7a", "e8918a145a9717fc", "d2340b9ea5e46f7a"]),
    ("squeezenet1_1", 1.0, (3, 32, 32), ["2513a21d93b26907", "6fc7f43eeb1b3646", "2513a21d93b26907"]),
    ("shufflenet_v2_x0_5", 1.0, (1, 32, 32), ["37883451c8b7ce65", "57d51b926fa1d45d", "37883451c8b7ce65"]),
]


@pytest.mark.parametrize(("architecture", "width", "shape", "expected"), WEIGHTS)
@pytest.mark.parametrize("kind", KINDS)
def test_weights_are_those_of_earlier_versions(architecture, width, shape, expected, kind):
    generator = stream(7, "initialisation")
    network = build_network(architecture, 5, shape[0], width, generator, kind, 0.02, shape[1:])
    digest = hashlib.sha256()
    for name, tensor in network.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.numpy().tobytes())
    digest.update(torch.rand(3, generator=generator).numpy().tobytes())
    assert digest.hexdigest().startswith(expected[KINDS.index(kind)])
