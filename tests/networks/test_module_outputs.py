"""Outputs of modules by name, of one forward pass, against the layers applied by hand."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from anatomy.networks.build import build_network
from anatomy.networks.folding import fold
from anatomy.networks.forward import intermediates, module_outputs
from anatomy.networks.sequential import pool_first
from anatomy.runtime.errors import InputError
from anatomy.runtime.streams import stream


def network(architecture, width=0.125, channels=3, size=(32, 32)):
    return build_network(architecture, 5, channels, width, stream(0, "x"), "kaiming", None, size).eval()


IMAGES = torch.rand(2, 3, 32, 32, generator=stream(0, "images"))


@pytest.mark.parametrize("pooled_first", [False, True])
def test_outputs_of_a_sequence_are_not_overwritten_by_the_layers_after_them(pooled_first):
    net = network("vgg11bn")
    expected, activation = {}, IMAGES
    for name, layer in net.features.named_children():
        activation = layer(activation.clone())
        expected[f"features.{name}"] = activation
    logits = net(IMAGES)
    if pooled_first:
        before = [*net.features]
        pool_first(net)
        pooled = [*net.features]
        assert pooled != before
    found = module_outputs(net, IMAGES, ["", *expected])
    assert list(found) == ["", *expected]
    assert all(torch.equal(found[name], value) for name, value in expected.items())
    assert torch.equal(found[""], logits)
    assert not any(module._forward_hooks for module in net.modules())
    if pooled_first:
        assert [*net.features] == pooled


def test_layers_are_where_they_were_after_an_error():
    net = network("vgg11")
    pool_first(net)
    before = [*net.features]
    for images, names in ((torch.rand(2, 1, 32, 32), ["classifier"]), (IMAGES, ["features.100"])):
        with pytest.raises((RuntimeError, InputError)):
            module_outputs(net, images, names)
        assert [*net.features] == before
        assert not any(module._forward_hooks for module in net.modules())


def test_a_folded_network_has_the_outputs_of_the_whole():
    whole, folded = (network("vgg11").double() for _ in range(2))
    fold(folded)
    pool_first(folded)
    names = ["features.1", "features.20", "classifier.0", "classifier"]
    expected, found = (module_outputs(net, IMAGES.double(), names) for net in (whole, folded))
    for name in names:
        torch.testing.assert_close(found[name], expected[name])


def test_a_functional_forward_pass_and_calls_that_are_counted():
    net = network("resnet18")
    x = functional.relu(net.bn1(net.conv1(IMAGES)))
    x = net.maxpool(x)
    block = net.layer1[0]
    one = block.bn1(block.conv1(x))
    two = block.bn2(block.conv2(functional.relu(one))) + x
    names = ["layer1.0.relu[1]", "layer1.0.conv1", "layer1.0.relu[0]", "maxpool", "fc", "layer1.0.bn1"]
    found = module_outputs(net, IMAGES, names)
    assert list(found) == names
    expected = functional.relu(two), block.conv1(x), functional.relu(one), x, net(IMAGES), one
    for name, value in zip(names, expected, strict=True):
        assert torch.equal(found[name], value), name


def test_a_network_of_functions_between_modules():
    net = network("densenet121", 1.0)
    found = module_outputs(net, IMAGES, ["features", "classifier", "features.denseblock1.denselayer2.conv1"])
    pooled = functional.relu(found["features"]).mean((2, 3))
    torch.testing.assert_close(net.classifier(pooled), found["classifier"], rtol=1e-4, atol=1e-5)
    assert torch.equal(found["classifier"], net(IMAGES))
    assert found["features.denseblock1.denselayer2.conv1"].shape == (2, 128, 8, 8)


@pytest.mark.parametrize("inference", [False, True])
def test_outputs_are_reduced_before_they_are_kept(inference):
    net = network("vgg11")
    with torch.inference_mode(inference):
        whole = module_outputs(net, IMAGES, ["features.0", "features.1"])
        sums = module_outputs(net, IMAGES, ["features.0", "features.1"], lambda x: x.sum((2, 3)))
        # A view of an output that the ReLU after it overwrites.
        first = module_outputs(net, IMAGES, ["features.0"], lambda x: x[:, :, 0])["features.0"]
    assert all(torch.equal(sums[name], whole[name].sum((2, 3))) for name in whole)
    assert torch.equal(first, whole["features.0"][:, :, 0]) and (first < 0).any()


def test_gradients_flow_to_what_an_output_depends_on():
    net = network("simple_conv").train()
    found = module_outputs(net, IMAGES, ["c1", "c2act"])
    weights = [net.c1.weight, net.c2.weight, net.c3.weight]
    of_one = torch.autograd.grad(found["c1"].square().sum(), weights, allow_unused=True, retain_graph=True)
    assert [each is None for each in of_one] == [False, True, True]
    expected = functional.relu(net.c2(functional.relu(net.c1(IMAGES)))).square().sum()
    both = torch.autograd.grad(found["c2act"].square().sum(), weights[:2])
    for ours, theirs in zip(both, torch.autograd.grad(expected, weights[:2]), strict=True):
        torch.testing.assert_close(ours, theirs)
    assert net.training


class Odd(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner, self.unused, self.pair = nn.Linear(3, 3), nn.Linear(3, 3), Pair()
        self.alias = self.inner

    def forward(self, x):
        return self.inner(self.pair(self.inner(x))[0])


class Pair(nn.Module):
    def forward(self, x):
        return x, x


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["iner"], "'iner' is no module of the network; did you mean inner?"),
        (["zzzz"], "'zzzz' is no module of the network; it has inner, unused, pair, alias"),
        (["inner"], "inner is called 2 times; ask for inner[0] to inner[1]"),
        (["alias"], "alias is called 2 times; ask for alias[0] to alias[1]"),
        (["inner[2]"], "inner[2] is not called in the forward pass; the module is called 2 times"),
        (["unused"], "unused is not called in the forward pass; the module is called 0 times"),
        (["pair"], "pair returns a tuple; expected a module that returns a tensor"),
    ],
)
def test_what_has_no_output_is_refused(names, message):
    with pytest.raises(InputError) as caught:
        module_outputs(Odd(), torch.rand(2, 3), names)
    assert str(caught.value) == message


def test_close_names_of_a_layer_are_named():
    with pytest.raises(InputError, match=r"'layer1.0.conv3' is no module.*did you mean layer1.0.conv\d"):
        module_outputs(network("resnet18"), IMAGES, ["layer1.0.conv3"])


def test_calls_under_two_names_are_those_of_one_module():
    net, x = Odd(), torch.rand(2, 3)
    found = module_outputs(net, x, ["inner[0]", "alias[1]", "alias[0]"])
    assert torch.equal(found["inner[0]"], net.inner(x)) and torch.equal(found["alias[0]"], net.inner(x))
    assert torch.equal(found["alias[1]"], net.inner(net.inner(x)))


@pytest.mark.parametrize(
    ("architecture", "first", "last"),
    [
        ("resnet18", ["conv1", "bn1", "relu", "maxpool", "layer1.0.conv1"], ["avgpool", "fc"]),
        ("vgg11", ["features.0", "features.1", "features.2"], ["classifier.5", "classifier.6"]),
        ("fnn", ["flatten", "fc1", "act1"], ["act2", "fc3"]),
        ("cifar_resnet_8", ["c0", "c0act", "layer1.0.c0"], ["layer3.0.act", "avgp", "fc0"]),
    ],
)
def test_intermediates_of_a_network_are_in_the_order_of_its_forward_pass(architecture, first, last):
    net = network(architecture, 0.5).train()
    if architecture == "vgg11":
        pool_first(net)
    names = intermediates(net, (3, 32, 32))
    assert [*names][: len(first)] == first
    assert [*names][-len(last) :] == last
    assert "layer1.0.relu[0]" in names or architecture != "resnet18"
    assert module_outputs(net.eval(), IMAGES, names.values()).keys() == set(names.values())
    assert not any(module._forward_hooks for module in net.modules())
