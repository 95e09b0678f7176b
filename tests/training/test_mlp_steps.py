"""Steps of small fully connected networks against those of autograd."""

import pytest
import torch
from torch import nn
from training.small_runs import small_run, trained, write_nets

from anatomy.networks import cpu_layers
from anatomy.training.mlp_steps import layers_of

MLP = {"architecture": "nets:Mlp", "evaluate_every": 3, "epochs": 7}
KEYS = {
    "plain": {"optimiser": {"momentum": 0.0, "weight_decay": 0.0}},
    "momentum and decay": {},
    "decay of matrices": {"optimiser": {"weight_decay": 0.1, "decay": "matrices"}},
    "sigmoid": {"options": {"hidden": [30, 20, 10], "activation": "Sigmoid"}},
    "one unit": {"options": {"hidden": [1]}},
    "a batch of one image": {"batch_size": 17},
    "cosine": {"schedule": {"kind": "cosine", "warmup": 1}},
    "stored order": {"order": "stored"},
    "one layer": {"options": {"hidden": []}},
    "stops": {"stop": {"train_accuracy": 0.3}, "snapshots": [], "optimiser": {"learning_rate": 1e-3}},
    "noise": {"label_noise": {"fraction": 0.5}},
}


@pytest.fixture(autouse=True)
def nets(inside, monkeypatch):
    write_nets(monkeypatch)


@pytest.mark.parametrize("name", KEYS)
def test_bits_are_those_of_autograd(name):
    fast, plain = (small_run(**{**MLP, **KEYS[name]}) for _ in range(2))
    assert fast.mlp is not None
    plain.mlp = None
    trained(fast), trained(plain)
    expected = plain.state()
    assert all(torch.equal(tensor, expected[key]) for key, tensor in fast.state().items())
    start = fast.initial_network().state_dict()
    assert not any(torch.equal(tensor, start[key]) for key, tensor in fast.whole_state_dict().items())
    for one, other in zip(fast.history, plain.history, strict=True):
        assert (one.epoch, one.train_loss, one.train_accuracy) == (
            other.epoch,
            other.train_loss,
            other.train_accuracy,
        )


@pytest.mark.parametrize(
    "changes",
    [
        {"architecture": "nets:Small"},
        {"optimiser": {"kind": "adam"}},
        {"loss": {"kind": "squared_error"}},
        {"loss": {"smoothing": 0.1}},
        {"augmentation": {"shift": 1, "flip": False}},
        {"augmentation": {"shift": 0, "flip": True}},
        {"pixel_shuffle": True},
        {"precision": "bf16"},
        {"trainable": ["1"]},
        {"options": {"activation": "Tanh"}},
        {"architecture": "mlp", "width": 0.01},
    ],
)
def test_other_steps_are_left_to_autograd(changes):
    assert small_run(**{**MLP, **changes}).mlp is None


class Residual(nn.Sequential):
    """A sequence that is none."""

    def forward(self, inputs):
        return inputs + super().forward(inputs)


def test_layers_are_found_in_sequences_of_any_depth_and_in_nothing_else():
    one, two = nn.Linear(4, 4), cpu_layers.Linear(4, 3)
    relu = nn.ReLU(inplace=True)
    assert layers_of(nn.Sequential(nn.Flatten(), nn.Sequential(one, nn.Sequential(relu)), two)) == [
        one,
        relu,
        two,
    ]
    for wrong in (
        [one, relu, two],
        [nn.Flatten(), one, two],
        [nn.Flatten(), one, relu],
        [nn.Flatten(), relu, one],
        [nn.Flatten(), one, relu, nn.Linear(4, 3, bias=False)],
        [nn.Flatten(), Residual(one), relu, two],
        [nn.Flatten(), one, relu, two, nn.LogSoftmax(1)],
        [nn.Flatten(), one, relu, nn.Linear(4, 3).double()],
    ):
        assert layers_of(nn.Sequential(*wrong)) is None
    hooked = nn.Linear(4, 4)
    hooked.register_forward_hook(lambda module, inputs, outputs: 2 * outputs)
    assert layers_of(nn.Sequential(nn.Flatten(), hooked)) is None


def test_layers_that_are_multiplied_by_another_library_are_left_to_it(monkeypatch):
    layer = cpu_layers.Linear(4, 4)
    units = torch.backends.cpu.get_cpu_capability()
    monkeypatch.setattr(cpu_layers, "LEAST_LINEAR_WEIGHTS", {(units, torch.float32): 16})
    assert layers_of(nn.Sequential(nn.Flatten(), layer)) is None
    assert layers_of(nn.Sequential(nn.Flatten(), nn.Linear(4, 4))) is not None
