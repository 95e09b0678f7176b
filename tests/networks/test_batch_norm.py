"""Recalibrated statistics of batch normalisation against torch's cumulative average, and frozen ones."""

import copy

import pytest
import torch
from torch import nn

from anatomy.networks.batch_norm import freeze, normalisations, recalibrate
from anatomy.networks.build import build_network
from anatomy.runtime.errors import InputError
from anatomy.runtime.streams import stream


def network(architecture="cifar_resnet_8", dropout=0.0, width=0.5):
    built = build_network(architecture, 5, 3, width, stream(0, "x"), "kaiming", dropout=dropout)
    # As training leaves it: with statistics of its own.
    with torch.no_grad():
        built.train()(torch.rand(8, 3, 32, 32, generator=stream(1, "images")) * 3)
    return built


def batches(*sizes):
    generator = stream(2, "images")
    return [torch.rand(size, 3, 32, 32, generator=generator) for size in sizes]


@pytest.mark.parametrize("architecture", ["cifar_resnet_8", "vgg11bn", "densenet121", "vgg_like"])
def test_on_equal_batches_they_are_torchs_cumulative_average(architecture):
    width = 1.0 if architecture == "densenet121" else 0.5
    ours = network(architecture, width=width)
    theirs = copy.deepcopy(ours)
    recalibrate(ours, batches(6, 6, 6))
    for module in theirs.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None
        module.training = isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)
    with torch.no_grad():
        for batch in batches(6, 6, 6):
            theirs(batch)
    for (name, tensor), expected in zip(ours.state_dict().items(), theirs.state_dict().values(), strict=True):
        torch.testing.assert_close(tensor, expected, msg=name)


def test_a_batch_counts_by_its_size():
    layer = nn.Sequential(nn.BatchNorm2d(3))
    parts = batches(6, 2, 4)
    recalibrate(layer, iter(parts))
    means = [part.mean((0, 2, 3)) for part in parts]
    variances = [part.transpose(0, 1).flatten(1).var(1) for part in parts]
    for found, each in ((layer[0].running_mean, means), (layer[0].running_var, variances)):
        expected = sum(len(part) * value for part, value in zip(parts, each, strict=True)) / 12
        torch.testing.assert_close(found, expected)
    # The mean is that of all images together, as it would not be if batches counted alike.
    torch.testing.assert_close(layer[0].running_mean, torch.cat(parts).mean((0, 2, 3)))
    assert layer[0].num_batches_tracked == 3 and layer[0].momentum == 0.1


def test_weights_modes_and_numbers_of_the_caller_stay():
    net = network(dropout=0.5).train()
    net.layer1.eval()
    modes = [module.training for module in net.modules()]
    weights = {name: parameter.clone() for name, parameter in net.named_parameters()}
    before = torch.get_rng_state()
    recalibrate(net, batches(4, 4))
    assert torch.equal(torch.get_rng_state(), before)
    assert [module.training for module in net.modules()] == modes
    assert all(torch.equal(parameter, weights[name]) for name, parameter in net.named_parameters())
    assert all(parameter.grad is None for parameter in net.parameters())
    assert {layer.momentum for layer in normalisations(net).values()} == {0.1}
    # Dropout is off: the statistics are those of the network without it.
    plain = network()
    recalibrate(plain, batches(4, 4))
    state = plain.state_dict()
    assert all(
        torch.equal(tensor, state[name]) for name, tensor in net.state_dict().items() if "running" in name
    )


def test_momentum_comes_back_after_an_error():
    net = network()
    with pytest.raises(RuntimeError):
        recalibrate(net, [*batches(4), torch.rand(4, 1, 32, 32)])
    assert net.training and {layer.momentum for layer in normalisations(net).values()} == {0.1}


def test_without_batches_it_is_refused_and_without_layers_nothing_is_read():
    net = network()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    with pytest.raises(InputError, match=r"no batches.*give at least one"):
        recalibrate(net, [])
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
    recalibrate(network("fnn"), iter(lambda: pytest.fail("a batch was asked for"), None))
    recalibrate(nn.Sequential(nn.BatchNorm2d(3, track_running_stats=False)), [])


def test_frozen_statistics_stay_while_weights_train():
    net = network(dropout=0.5).train()
    freeze(net)
    assert net.training and net.layer1[0].dropout.training
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    optimiser = torch.optim.SGD(net.parameters(), 0.1)
    net(batches(6)[0]).square().sum().backward()
    optimiser.step()
    for name, tensor in net.state_dict().items():
        statistics = name.rpartition(".")[2] in ("running_mean", "running_var", "num_batches_tracked")
        assert torch.equal(tensor, before[name]) == statistics, name
    net.train()
    net(batches(6)[0])
    assert not torch.equal(net.bn1.running_mean, before["bn1.running_mean"])
