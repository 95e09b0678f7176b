"""Networks of every family: built, initialised, taken apart, and trained for an epoch."""

import subprocess
import sys
from itertools import pairwise

import pytest
import torch
from conftest import environment, run_of
from torch import nn

from anatomy.checkpoints.snapshots import load_snapshot
from anatomy.data.dataset import open_dataset
from anatomy.networks import catalogue
from anatomy.networks.build import build_network, network_shape
from anatomy.networks.family import families, family_of
from anatomy.networks.folding import foldable
from anatomy.networks.forward import conv_layers, forward_steps, holds, layer_geometry
from anatomy.networks.layouts import geometry
from anatomy.runtime.errors import InputError
from anatomy.runtime.streams import stream
from anatomy.runtime.torchvision_import import models, torchvision
from anatomy.training.loop import train_run

# Architecture, width, image shape: one of each family, small.
NETWORKS = [
    ("vgg11bn", 0.0625, (3, 32, 32)),
    ("vgg19_orig", 0.0625, (3, 32, 32)),
    ("mlp", 0.03125, (1, 28, 28)),
    ("mlp_bn", 0.03125, (3, 32, 32)),
    ("resnet18", 0.125, (3, 32, 32)),
    ("resnet50", 0.125, (1, 40, 32)),
    ("squeezenet1_1", 1.0, (3, 40, 40)),
    ("shufflenet_v2_x0_5", 1.0, (1, 32, 32)),
    ("densenet121", 1.0, (3, 32, 32)),
]


WITH_LAYOUTS = [name for name in catalogue.names() if catalogue.layout_of(name)]


def build(architecture, width=1.0, shape=(3, 32, 32), seed=0, kind="kaiming", std=0.01):
    generator = stream(seed, "initialisation")
    return build_network(architecture, 5, shape[0], width, generator, kind, std, shape[1:])


def test_names_of_torchvision_are_those_of_the_installed_version():
    theirs = set(models.list_models(module=torchvision.models))
    listed = [
        name for family in families() if family.name in ("resnet", "torchvision") for name in family.names
    ]
    assert set(listed) == theirs - set(WITH_LAYOUTS)
    assert len(set(listed)) == len(listed)


@pytest.mark.parametrize("architecture", ["vgg11", "vgg13", "vgg16", "vgg19", "alexnet"])
def test_networks_written_here_have_torchvisions_names_and_shapes(architecture):
    forms = [architecture] + [f"{architecture}bn"] * architecture.startswith("vgg")
    for ours in forms:
        with torch.device("meta"):
            theirs = models.get_model(ours.replace("bn", "_bn"), num_classes=10)
        shapes = {name: value.shape for name, value in theirs.state_dict().items()}
        network = network_shape(ours, 10, 3)
        assert {name: value.shape for name, value in network.state_dict().items()} == shapes
        assert str(network.features) == str(theirs.features)
        assert str(network.classifier) == str(theirs.classifier)


def test_batch_normalised_vgg_has_torchvisions_logits():
    ours = build("vgg11bn").eval()
    theirs = models.vgg11_bn(num_classes=5, init_weights=False).eval()
    theirs.load_state_dict(ours.state_dict())
    images = torch.rand(2, 3, 32, 32)
    with torch.inference_mode():
        assert torch.equal(ours(images), theirs(images))


@pytest.mark.parametrize(
    ("architecture", "classes", "parameters"),
    [
        *(("vgg19", 10, 139_611_210), ("vgg19", 100, 139_979_940), ("vgg19_orig", 1000, 143_667_240)),
        *(("alexnet", 1000, 61_100_840), ("mlp_bn", 10, 37_841_930), ("resnet18", 1000, 11_689_512)),
    ],
)
def test_numbers_of_parameters(architecture, classes, parameters):
    network = network_shape(architecture, classes, 3)
    assert sum(p.numel() for p in network.parameters()) == parameters


@pytest.mark.parametrize(("architecture", "width", "shape"), NETWORKS)
def test_network_is_a_function_of_the_seed(architecture, width, shape):
    before = torch.get_rng_state()
    first = build(architecture, width, shape).state_dict()
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(3)
    second, other = (build(architecture, width, shape, seed).state_dict() for seed in (0, 1))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert all(torch.isfinite(value).all() for value in first.values())
    weights = [name for name, value in first.items() if name.endswith("weight") and value.ndim > 1]
    assert not any(torch.equal(first[name], other[name]) for name in weights)


def test_a_shape_draws_no_number_of_the_caller():
    before = torch.get_rng_state()
    network_shape("swin_t", 5, 3)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(("architecture", "width", "shape"), NETWORKS)
def test_steps_are_the_forward_pass_and_hold_every_layer_once(architecture, width, shape):
    network = build(architecture, width, shape).eval()
    activation = images = torch.rand(2, *shape, generator=stream(0, "images"))
    steps = forward_steps(network)
    with torch.inference_mode():
        for _, step in steps:
            activation = step(activation)
        logits = network(images)
    assert torch.equal(activation, logits)
    assert logits.shape == (2, 5)
    for layer, module in network.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            (position,) = [index for index, (name, _) in enumerate(steps) if holds(name, layer)]
            assert any(module is inside for inside in steps[position][1].modules())


def test_a_residual_block_is_one_step():
    names = [name for name, _ in forward_steps(build("resnet18", 0.125))]
    blocks = [f"layer{stage}.{block}" for stage in (1, 2, 3, 4) for block in (0, 1)]
    assert names == ["conv1", "bn1", "relu", "maxpool", *blocks, "avgpool", "flatten", "fc"]
    assert [name for name, _ in forward_steps(network_shape("densenet121", 5, 3))] == [""]


def test_width_scales_every_layer_of_a_resnet():
    narrow = build("resnet50", 0.25)
    full = network_shape("resnet50", 5, 3)
    for name, layer in conv_layers(full).items():
        ours = narrow.get_submodule(name)
        assert ours.out_channels == layer.out_channels // 4
        assert ours.in_channels == (3 if name == "conv1" else layer.in_channels // 4)
        assert (ours.stride, ours.padding, ours.bias) == (layer.stride, layer.padding, None)
    assert (narrow.fc.in_features, narrow.fc.out_features) == (512, 5)


@pytest.mark.parametrize("architecture", ["vgg11bn", "resnet18", "mlp_bn"])
def test_initialisation_of_batch_normalised_networks(architecture):
    network = build(architecture, 0.5)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            assert (module.weight == 1).all() and not module.bias.any()
            assert (module.running_var == 1).all() and not module.running_mean.any()
            assert module.num_batches_tracked == 0
        elif isinstance(module, nn.Conv2d) or (architecture == "mlp_bn" and isinstance(module, nn.Linear)):
            fan_out = module.weight.numel() / module.weight.shape[1]
            if module.weight.numel() > 1000:
                assert module.weight.std().item() == pytest.approx((2 / fan_out) ** 0.5, rel=0.1)
            assert module.bias is None or not module.bias.any()


def test_the_vgg19_that_fails_has_one_deviation():
    for layer in build("vgg19_orig", 0.5).modules():
        if hasattr(layer, "weight") and layer.weight.numel() > 5000:
            assert layer.weight.std().item() == pytest.approx(0.01, rel=0.05)
            assert not layer.bias.any()


def test_normal_initialisation_of_a_network_of_torchvision():
    for layer in build("squeezenet1_1", kind="normal", std=0.3).modules():
        if isinstance(layer, nn.Conv2d) and layer.weight.numel() > 5000:
            assert layer.weight.std().item() == pytest.approx(0.3, rel=0.05)
            assert not layer.bias.any()


@pytest.mark.parametrize("architecture", WITH_LAYOUTS)
@pytest.mark.parametrize("width", [1.0, 0.3])
def test_geometry_without_torch_is_that_of_the_forward_pass(architecture, width):
    shape = (3, 67, 64) if architecture == "alexnet" else (3, 36, 40)
    network = network_shape(architecture, 5, 3, width, shape[1:])
    expected = [
        (layer, tuple(network.get_submodule(layer.name).weight.shape))
        for layer in layer_geometry(network, shape)
    ]
    assert geometry(catalogue.layout_of(architecture), shape, width) == expected


@pytest.mark.parametrize("architecture", ["resnet18", "densenet121", "googlenet", "mobilenet_v2"])
def test_geometry_follows_the_forward_pass_and_leaves_the_network_alone(architecture):
    network = build(architecture, shape=(3, 64, 64)).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    geometry = layer_geometry(network, (3, 64, 64))
    assert all(module.training for module in network.modules())
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert not any(module._forward_pre_hooks for module in network.modules())

    met = []
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(
                lambda _, given, out, name=name: met.append((name, tuple(given[0].shape[1:])))
            )
    network.eval()(torch.rand(1, 3, 64, 64))
    assert [(layer.name, layer.input_shape) for layer in geometry] == met
    assert [layer.layer for layer in geometry] == list(range(1, len(met) + 1))
    for one, other in pairwise(geometry):
        assert (other.stage, other.block) in ((one.stage, one.block + 1), *[(s, 0) for s in range(1, 20)])


def test_geometry_of_linear_layers_follows_the_last_pooling():
    layers = layer_geometry(build("vgg11", 0.125), (3, 32, 32), (nn.Conv2d, nn.Linear))
    assert [(x.name, x.stage, x.block, x.input_shape) for x in layers[8:]] == [
        ("classifier.0", 5, 0, (3136,)),
        ("classifier.3", 5, 1, (512,)),
        ("classifier.6", 5, 2, (512,)),
    ]
    assert layer_geometry(build("mlp", 0.03125), (3, 32, 32)) == []


@pytest.mark.parametrize(
    ("architecture", "shape"), [("mlp", (3, 28, 28)), ("googlenet", (1, 32, 32)), ("vit_b_16", (3, 32, 32))]
)
def test_images_that_do_not_fit_are_refused(architecture, shape):
    network = network_shape(architecture, 5, 3)
    with pytest.raises(InputError, match=r"do not fit this network|too small for this network"):
        layer_geometry(network.to_empty(device="cpu"), shape)


def test_folding_looks_at_any_network_and_leaves_it_alone():
    network = build("vgg11bn", 0.0625).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    assert foldable(network, (3, 32, 32))
    assert not foldable(network, (3, 64, 64))
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert network.features[1].training
    for architecture, width, shape in NETWORKS[2:]:
        assert not foldable(build(architecture, width, shape), shape)


@pytest.mark.parametrize(
    ("architecture", "width", "in_the_configuration", "by_the_builder"),
    [
        (
            "resnet20",
            1,
            "did you mean resnet50 or resnet152 or resnet101?",
            "allowed: alexnet, all_convolutional",
        ),
        ("vgg17", 1, *["did you mean vgg19 or vgg16 or vgg13? allowed: alexnet, all_convolutional"] * 2),
        ("nothing", 1, *["'nothing' is not an architecture; allowed: alexnet, all_convolutional"] * 2),
        ("a b:C", 1, *["'a b:C' names no code of your own; expected package.module:name"] * 2),
        ("googlenet", 0.5, "googlenet has one width only", "googlenet cannot have width 0.5; allowed: 1"),
        (
            "resnet18",
            0.0625,
            "resnet18 is at least 0.125 wide",
            "resnet18 cannot have width 0.0625; allowed: 1, ",
        ),
        (
            "vgg11",
            0.0,
            "width is 0.0, expected a factor on the channels above 0",
            "vgg11 cannot have width 0.0",
        ),
        ("vgg11", float("inf"), "width is inf, expected a factor", "vgg11 cannot have width inf"),
    ],
)
def test_unknown_names_and_widths_are_refused(architecture, width, in_the_configuration, by_the_builder):
    for function, message in (
        (catalogue.require_architecture, in_the_configuration),
        (build, by_the_builder),
        (lambda *network: network_shape(network[0], 5, 3, network[1]), by_the_builder),
    ):
        with pytest.raises(InputError) as caught:
            function(architecture, width)
        assert message in str(caught.value)


@pytest.mark.parametrize(
    ("architecture", "family", "label"),
    [
        *(("lenet", "lenet", "LeNet"), ("alexnet", "alexnet", "AlexNet"), ("mlp_bn", "mlp", "MLP-BN")),
        *(
            ("vgg19bn", "vgg", "VGG19-BN"),
            ("vgg19_orig", "vgg", "VGG19, N(0, 0.01²)"),
            ("vgg11", "vgg", "VGG11"),
        ),
        *(("resnet18", "resnet", "ResNet18"), ("wide_resnet50_2", "resnet", "wide_ResNet50_2")),
        *(("vgg11_bn", "torchvision", "vgg11_bn"), ("timm/resnet10t", "timm", "timm/resnet10t")),
    ],
)
def test_families_and_labels(architecture, family, label):
    assert family_of(architecture).name == family
    assert catalogue.architecture_label(architecture) == label
    assert catalogue.name_problem(architecture) is None


def test_networks_of_timm():
    pytest.importorskip("timm")
    network = build("timm/resnet10t", shape=(1, 32, 32)).eval()
    assert network(torch.rand(2, 1, 32, 32)).shape == (2, 5)
    again = build("timm/resnet10t", shape=(1, 32, 32))
    assert torch.equal(network.fc.weight, again.fc.weight)
    assert len(layer_geometry(network, (1, 32, 32))) == len(conv_layers(network))
    with pytest.raises(InputError, match=r"timm has no network 'resnet10'.*did you mean one of .*resnet10t"):
        build("timm/resnet10")


def test_the_papers_networks_do_not_import_torchvision():
    program = "import sys; from anatomy.networks.build import network_shape; network_shape('vgg11bn', 9, 3)"
    program += "; network_shape('alexnet', 9, 3); sys.exit('torchvision' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], env=environment()).returncode == 0


@pytest.mark.parametrize(
    ("architecture", "width"), [("vgg11bn", 0.0625), ("resnet18", 0.125), ("mlp_bn", 0.03125)]
)
def test_networks_train_and_leave_snapshots(architecture, width, dataset_folder, tmp_path):
    run = run_of(*open_dataset(dataset_folder), architecture=architecture, width=width, epochs=1)
    train_run(run, tmp_path, {}, {})
    first, last = (load_snapshot(tmp_path / f"snapshots/epoch={e}.safetensors") for e in (0, 1))
    initial = conv_layers(build_network(architecture, 4, 3, width, stream(0, "initialisation"), "kaiming"))
    assert [layer.name for layer in first.layers] == list(initial)
    for name, layer in initial.items():
        assert torch.equal(torch.from_numpy(first.arrays[f"{name}.weight"]), layer.weight)
        assert not torch.equal(torch.from_numpy(last.arrays[f"{name}.weight"]), layer.weight)
        assert (f"{name}.bias" in first.arrays) == (layer.bias is not None)
