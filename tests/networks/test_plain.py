"""Networks with torch's own layers, for torch.func: same tensors, outputs, gradients, second derivatives."""

import pytest
import torch
from torch import nn
from torch.func import functional_call, grad, jvp, vmap
from torch.nn import functional

from anatomy.networks import cpu_layers
from anatomy.networks.build import build_network
from anatomy.networks.cpu_layers import Conv2d, Dropout, Linear, plain
from anatomy.networks.forward import module_outputs
from anatomy.networks.sequential import pool_first
from anatomy.runtime.streams import stream

FAST = (Conv2d, Linear, Dropout)
# With a convolution of each way to compute one, and layers that work in place.
SHAPES = {
    "vgg11": (3, 32, 32),
    "simple_conv": (1, 8, 8),
    "cifar_resnet_8": (3, 9, 9),
    "fnn": (4,),
    "lenet5": (3, 32, 32),
}
NETWORKS = pytest.mark.parametrize("architecture", SHAPES)


@pytest.fixture(autouse=True)
def every_way_is_used(monkeypatch):
    """Let layers of any size be computed in the ways that are faster for large ones."""
    units = torch.backends.cpu.get_cpu_capability()
    monkeypatch.setattr(cpu_layers, "LEAST_WHOLE_WEIGHTS", {(units, torch.float32): 0})
    monkeypatch.setattr(cpu_layers, "LEAST_LINEAR_WEIGHTS", {(units, torch.float32): 0})
    monkeypatch.setattr(cpu_layers, "MOST_PIXELS", {(units, torch.float32): 16})
    monkeypatch.setattr(cpu_layers, "LEAST_WEIGHTS_PER_PIXEL", 0)


def build(architecture):
    shape = SHAPES[architecture]
    width = 0.5 if architecture == "cifar_resnet_8" else 0.0625
    network = build_network(architecture, 3, shape[0], width, stream(0, "x"), "kaiming", None, shape[1:])
    inputs = torch.rand(5, *shape, generator=stream(0, "inputs"))
    # Off the kinks of ReLU, where zero biases leave units without inputs.
    for name, parameter in network.named_parameters():
        if name.endswith("bias"):
            parameter.data.uniform_(-0.2, 0.2, generator=stream(0, name))
    return network.eval(), inputs, torch.arange(5) % 3


def loss_of(network, inputs, labels):
    def loss(parameters):
        return functional.cross_entropy(functional_call(network, parameters, (inputs,)), labels)

    return loss


@NETWORKS
def test_the_tensors_are_shared_and_the_layers_torchs(architecture):
    network, *_ = build(architecture)
    types = [type(module) for module in network.modules()]
    # Mixed modes stay.
    network.train()
    next(network.children()).eval()
    made = plain(network)
    assert [type(module) for module in network.modules()] == types
    assert any(each in FAST for each in types) and not any(type(m) in FAST for m in made.modules())
    for ours, theirs in (
        (network.named_parameters(), made.named_parameters()),
        (network.named_buffers(), made.named_buffers()),
    ):
        assert all(a == b and one is other for (a, one), (b, other) in zip(ours, theirs, strict=True))
    modes = [(name, module.training) for name, module in network.named_modules()]
    assert [(name, module.training) for name, module in made.named_modules()] == modes
    assert not any(getattr(module, "inplace", False) for module in made.modules())
    with torch.no_grad():
        next(network.parameters()).add_(1)
    assert torch.equal(next(network.parameters()), next(made.parameters()))


def test_torch_func_cannot_look_into_the_fast_layers_and_can_into_plain_ones():
    network, inputs, labels = build("simple_conv")
    parameters = dict(network.named_parameters())
    with pytest.raises(RuntimeError):
        grad(loss_of(network, inputs, labels))(parameters)
    grad(loss_of(plain(network), inputs, labels))(parameters)


@NETWORKS
def test_gradients_of_torch_func_are_those_of_the_fast_layers(architecture):
    network, inputs, labels = build(architecture)
    made, parameters = plain(network), dict(network.named_parameters())
    torch.testing.assert_close(made(inputs), network(inputs), rtol=1e-4, atol=1e-5)
    functional.cross_entropy(network(inputs), labels).backward()
    found = grad(loss_of(made, inputs, labels))(parameters)
    for name, parameter in network.named_parameters():
        torch.testing.assert_close(found[name], parameter.grad, rtol=1e-3, atol=1e-5, msg=name)


@NETWORKS
def test_gradients_of_each_image_by_vmap(architecture):
    network, inputs, labels = build(architecture)
    made = plain(network)
    parameters = {name: tensor.detach() for name, tensor in network.named_parameters()}

    def loss(parameters, image, label):
        logits = functional_call(made, parameters, (image[None],))
        return functional.cross_entropy(logits, label[None])

    found = vmap(grad(loss), (None, 0, 0))(parameters, inputs, labels)
    for index in (0, 4):
        network.zero_grad()
        functional.cross_entropy(network(inputs[index : index + 1]), labels[index : index + 1]).backward()
        for name, parameter in network.named_parameters():
            torch.testing.assert_close(found[name][index], parameter.grad, rtol=1e-3, atol=1e-5, msg=name)


def direction(parameters):
    generator = stream(3, "direction")
    return {name: torch.randn(tensor.shape, generator=generator) for name, tensor in parameters.items()}


@NETWORKS
def test_forward_derivatives_are_the_product_with_the_gradient(architecture):
    network, inputs, labels = build(architecture)
    parameters = {name: tensor.detach() for name, tensor in network.named_parameters()}
    along = direction(parameters)
    _, found = jvp(loss_of(plain(network), inputs, labels), (parameters,), (along,))
    functional.cross_entropy(network(inputs), labels).backward()
    expected = sum((p.grad * along[name]).sum() for name, p in network.named_parameters())
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)


def double_backward(network, inputs, labels, along):
    parameters = dict(network.named_parameters())
    loss = functional.cross_entropy(network(inputs), labels)
    gradients = torch.autograd.grad(loss, list(parameters.values()), create_graph=True)
    product = sum(
        (gradient * along[name]).sum() for name, gradient in zip(parameters, gradients, strict=True)
    )
    return torch.autograd.grad(product, list(parameters.values()))


@NETWORKS
def test_hessian_vector_products(architecture):
    network, inputs, labels = build(architecture)
    made = plain(network)
    parameters = {name: tensor.detach() for name, tensor in network.named_parameters()}
    along = direction(parameters)
    expected = double_backward(made, inputs, labels, along)
    # By double backward of the fast layers, forward over reverse, and differences of gradients.
    _, forward = jvp(grad(loss_of(made, inputs, labels)), (parameters,), (along,))
    doubled = made.double()
    wide = {name: tensor.detach().double() for name, tensor in parameters.items()}
    gradient = grad(loss_of(doubled, inputs.double(), labels))
    sides = [
        gradient({name: tensor + sign * 1e-6 * along[name] for name, tensor in wide.items()})
        for sign in (1, -1)
    ]
    network.float()
    fast = double_backward(network, inputs, labels, along)
    for index, name in enumerate(parameters):
        largest = expected[index].abs().max().item() + 1e-3
        difference = (sides[0][name] - sides[1][name]) / 2e-6
        torch.testing.assert_close(difference.float(), expected[index], rtol=0, atol=1e-2 * largest, msg=name)
        torch.testing.assert_close(forward[name], expected[index], rtol=0, atol=1e-3 * largest, msg=name)
        torch.testing.assert_close(fast[index], expected[index], rtol=0, atol=1e-3 * largest, msg=name)


def test_a_network_that_trains_with_pooling_first_keeps_its_form():
    network, inputs, _ = build("vgg11")
    expected = module_outputs(network, inputs, ["features.1"])["features.1"]
    pool_first(network)
    made = plain(network)
    assert [type(m) for m in made.features][1:3] == [nn.MaxPool2d, nn.ReLU]
    torch.testing.assert_close(made(inputs), network(inputs), rtol=1e-4, atol=1e-5)
    found = module_outputs(made, inputs, ["features.1"])["features.1"]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    assert [type(m) for m in network.features][1:3] == [nn.MaxPool2d, nn.ReLU]


def test_dropout_is_torchs():
    network = plain(build_network("cifar_resnet_8", 3, 3, 1.0, stream(0, "x"), "kaiming", dropout=0.3))
    layer = network.layer1[0].dropout
    assert type(layer) is nn.Dropout and layer.p == 0.3
    torch.manual_seed(0)
    ours = layer.train()(torch.ones(1000))
    torch.manual_seed(0)
    assert torch.equal(ours, functional.dropout(torch.ones(1000), 0.3))
