"""Optimisers against those of torch."""

import pytest
import torch
from conftest import settings_of

from anatomy.training.optimisers import SLOTS, build_optimiser, optimiser_state, restore_optimiser, set_rate


def convolutions_in_a_row():
    """Weights that are channels last, that are so by their shape alone, and that are not."""
    return torch.nn.Sequential(
        torch.nn.Conv2d(1, 3, 2),
        torch.nn.Conv2d(3, 3, 1),
        torch.nn.Conv2d(3, 5, 2),
        torch.nn.Flatten(),
        torch.nn.Linear(20, 4),
    ).to(memory_format=torch.channels_last)


@pytest.mark.parametrize(("kind", "momentum"), [("sgd", 0.9), ("sgd", 0.0), ("adam", 0.9)])
def test_optimisers_step_as_torchs(kind, momentum):
    options = {"kind": kind, "learning_rate": 0.1, "momentum": momentum, "weight_decay": 0.01}
    theirs, ours = convolutions_in_a_row(), convolutions_in_a_row()
    ours.load_state_dict(theirs.state_dict())
    expected = torch.optim.SGD(theirs.parameters(), 0.1, momentum, weight_decay=0.01, fused=True)
    if kind == "adam":
        expected = torch.optim.Adam(theirs.parameters(), 0.1, weight_decay=0.01, fused=True)
    optimiser = build_optimiser(ours, settings_of(optimiser=options).optimiser, torch.device("cpu"))
    images = torch.arange(32.0).reshape(2, 1, 4, 4) / 100
    for rate in (0.1, 0.1, 0.05):
        for part, steps in ((theirs, expected), (ours, optimiser)):
            set_rate(steps, rate)
            steps.zero_grad(set_to_none=True)
            part(images).square().sum().backward()
            steps.step()
        assert all(map(torch.equal, theirs.parameters(), ours.parameters()))
    kept = dict(optimiser_state(ours, optimiser))
    assert not any(tensor.requires_grad for tensor in kept.values())
    if kind == "sgd":
        assert len(kept) == (8 if momentum else 0)
    for name, momenta in kept.items():
        slot, _, parameter = name.partition(".")
        assert torch.equal(momenta, expected.state[theirs.get_parameter(parameter)][SLOTS[slot]])


def test_momentum_that_a_start_lacks_begins_with_zero():
    options = {"learning_rate": 0.1, "momentum": 0.5, "weight_decay": 0.0}
    layer = torch.nn.Linear(2, 1)
    before = {name: parameter.detach().clone() for name, parameter in layer.named_parameters()}
    optimiser = build_optimiser(layer, settings_of(optimiser=options).optimiser, torch.device("cpu"))
    restore_optimiser(layer, optimiser, {"momentum.weight": torch.tensor([[1.0, -2.0]])})
    layer(torch.ones(1, 2)).sum().backward()
    optimiser.step()
    # Velocity is half the momentum plus the gradient, which is 1.
    assert torch.allclose(layer.weight, before["weight"] - 0.1 * torch.tensor([[1.5, 0.0]]))
    assert torch.allclose(layer.bias, before["bias"] - 0.1)
    layer.weight.grad = None
    after = layer.weight.detach().clone()
    optimiser.step()
    assert torch.equal(layer.weight, after)
    assert torch.allclose(layer.bias, before["bias"] - 0.1 - 0.15)
