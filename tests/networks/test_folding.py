"""The folded classifier follows the full one exactly (float64)."""

import pytest
import torch
from torch.nn import functional

from anatomy.networks.build import build_network
from anatomy.networks.folding import copy_decay, fold, foldable, unfold
from anatomy.runtime.streams import stream

RATE, MOMENTUM, DECAY = 0.01, 0.9, 5e-4
WEIGHT = "classifier.0.weight"


def train(network, steps):
    """Plain SGD with dropout on random batches; returns the losses."""
    optimiser = torch.optim.SGD(network.parameters(), RATE, momentum=MOMENTUM, weight_decay=DECAY)
    batches = torch.Generator().manual_seed(1)
    torch.manual_seed(2)
    losses = []
    for _ in range(steps):
        images = torch.randn(4, 3, 32, 32, generator=batches, dtype=torch.float64)
        labels = torch.randint(0, 10, (4,), generator=batches)
        loss = functional.cross_entropy(network(images), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("steps", [1, 20])
def test_folded_training_equals_full_training(steps):
    full = build_network("vgg19", 10, 3, 0.125, stream(0, "initialisation"), "kaiming").double()
    folded = build_network("vgg19", 10, 3, 0.125, stream(0, "initialisation"), "kaiming").double()
    initial = full.get_parameter(WEIGHT).detach().clone()
    assert foldable(folded.float(), (3, 32, 32))
    folded.double()
    assert fold(folded) == 49

    losses = train(full, steps), train(folded, steps)
    assert max(abs(a - b) for a, b in zip(*losses, strict=True)) < 1e-12

    # The layer itself moved by much more than the tolerance.
    assert (initial - full.get_parameter(WEIGHT)).abs().max() > 1e-7
    restored = unfold(
        folded.get_parameter(WEIGHT).detach(), initial, copy_decay([RATE] * steps, MOMENTUM, DECAY)
    )
    assert (restored - full.get_parameter(WEIGHT)).abs().max() < 1e-12
    for name, tensor in full.state_dict().items():
        if name != WEIGHT:
            assert torch.allclose(tensor, folded.state_dict()[name], rtol=0, atol=1e-12), name


def test_larger_images_and_lenet_are_not_folded():
    vgg = build_network("vgg11", 10, 3, 0.125, stream(0, "initialisation"), "kaiming")
    assert not foldable(vgg, (3, 64, 64))
    lenet = build_network("lenet", 10, 1, 1.0, stream(0, "initialisation"), "kaiming")
    assert not foldable(lenet, (1, 28, 28))


def test_alexnet_whose_dropout_tells_the_copies_apart_is_not_folded():
    alexnet = build_network("alexnet", 10, 3, 0.125, stream(0, "initialisation"), "kaiming")
    assert alexnet.features(torch.zeros(1, 3, 64, 64)).shape[2:] == (1, 1)
    assert not foldable(alexnet, (3, 64, 64))
