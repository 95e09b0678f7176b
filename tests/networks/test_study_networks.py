"""Networks of the studies: parameters as published, outputs as those of plain torch, training, snapshots."""

import math
from dataclasses import dataclass, field

import pytest
import torch
from conftest import ROOT, make_dataset, run_of
from plain_networks import (
    PlainAllConvolutional,
    PlainConvolutions,
    PlainFNN,
    PlainResNet,
    PlainSimpleConv,
    PlainVGGLike,
    take_state,
)
from torch import nn

from anatomy.checkpoints.snapshots import load_snapshot
from anatomy.data.dataset import open_dataset, write_dataset
from anatomy.networks import catalogue
from anatomy.networks.build import build_network, network_shape
from anatomy.networks.family import family_module
from anatomy.networks.folding import foldable
from anatomy.networks.forward import (
    conv_layers,
    forward_steps,
    holds,
    intermediates,
    layer_geometry,
    module_outputs,
)
from anatomy.networks.layouts import geometry
from anatomy.runtime.errors import InputError
from anatomy.runtime.streams import stream
from anatomy.runtime.torchvision_import import models
from anatomy.training.loop import train_run

GREY, RGB = (1, 28, 28), (3, 32, 32)


@dataclass
class Case:
    architecture: str
    shape: tuple
    plain: object
    width: float = 1.0
    options: dict = field(default_factory=dict)

    def build(self, classes=5, kind="kaiming", seed=0, **more):
        generator = stream(seed, "initialisation")
        arguments = classes, self.shape[0], self.width, generator, kind, 0.05, self.shape[1:], self.options
        return build_network(self.architecture, *arguments, **more)

    @property
    def name(self):
        return "-".join([self.architecture, *map(str, self.options.values())])


LOGITS = {"output": "logits"}
# Small, each with plain torch's for 5 classes.
CASES = [
    Case("small_resnet18", RGB, lambda: PlainResNet(3, 5, 8, (2, 2, 2, 2)), 0.125, LOGITS),
    Case("small_resnet34", GREY, lambda: PlainResNet(1, 5, 8, (3, 4, 6, 3)), 0.125, LOGITS),
    Case("small_resnet50", RGB, lambda: PlainResNet(3, 5, 8, (3, 4, 6, 3), True), 0.125, LOGITS),
    Case("stem_resnet18", RGB, lambda: PlainResNet(3, 5, 8, (2, 2, 2, 2), pool=True), 0.125),
    Case("tiny_resnet18", RGB, lambda: PlainResNet(3, 5, 8, (2,) * 4, convolutional=True), 0.125),
    Case("tiny_resnet50", RGB, lambda: PlainResNet(3, 5, 8, (3, 4, 6, 3), True, False, True), 0.125),
    Case("cifar_resnet_20", RGB, lambda: PlainResNet(3, 5, 16, (3, 3, 3), convolutional=True)),
    Case("cifar_resnet_8", GREY, lambda: PlainResNet(1, 5, 8, (1, 1, 1), convolutional=True), 0.5),
    Case("simple_conv", GREY, lambda: PlainSimpleConv(1, 5, 16, 32, 64 * 49), 0.5),
    Case(
        "simple_conv",
        (3, 21, 33),
        lambda: PlainSimpleConv(3, 5, 6, 9, 24 * 40),
        options={"filters": 6, "hidden": 9},
    ),
    Case("all_convolutional", GREY, lambda: PlainAllConvolutional(1, 5, 16, False)),
    Case(
        "all_convolutional",
        RGB,
        lambda: PlainAllConvolutional(3, 5, 16, True),
        options={"variant": "published"},
    ),
    Case("vgg_like", GREY, lambda: PlainVGGLike(1, 5, 8, 32, 64, False), 0.5),
    Case("vgg_like", RGB, lambda: PlainVGGLike(3, 5, 16, 64, 512, True), options={"variant": "published"}),
    Case("lenet5", RGB, lambda: PlainConvolutions((3, 6, 16), 5, (400, 120, 84, 5))),
    Case("small_cnn", GREY, lambda: PlainConvolutions((1, 16, 32), 3, (800, 5))),
    Case("fnn", GREY, lambda: PlainFNN((784, 100, 100, 5), torch.relu, False)),
    Case(
        "fnn",
        (4,),
        lambda: PlainFNN((4, 7, 5), torch.sigmoid, True),
        options={"hidden": [7], "activation": "sigmoid", "output": "log_softmax"},
    ),
]
cases = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
CIFAR = [name for name in catalogue.names() if name.startswith("cifar_resnet_")]


def random_statistics(network):
    """Running statistics and weights of batch normalisation as training leaves them, so that they count."""
    generator = stream(1, "statistics")
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            for tensor, low in ((module.running_mean, -0.5), (module.bias, -0.5)):
                tensor.data.uniform_(low, low + 1, generator=generator)
            for tensor in (module.running_var, module.weight):
                tensor.data.uniform_(0.5, 1.5, generator=generator)


@cases
@pytest.mark.parametrize("training", [False, True])
def test_outputs_and_gradients_are_those_of_plain_torch(case, training):
    ours = case.build().double().train(training)
    random_statistics(ours)
    theirs = take_state(case.plain().double(), ours).train(training)
    inputs = torch.rand(4, *case.shape, generator=stream(0, "inputs"), dtype=torch.float64)
    gradients = []
    for network in (ours, theirs):
        network(inputs).square().sum().backward()
        gradients.append([parameter.grad for parameter in network.parameters()])
    torch.testing.assert_close(ours(inputs), theirs(inputs))
    torch.testing.assert_close(*gradients, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("architecture", "classes", "shape", "options", "parameters"),
    [
        ("simple_conv", 10, GREY, {}, 540_970),
        ("simple_conv", 10, RGB, {"filters": 64, "hidden": 128}, 2_653_898),
        ("all_convolutional", 10, GREY, {}, 38_986),
        ("all_convolutional", 10, RGB, {"filters": 64}, 611_722),
        ("vgg_like", 10, GREY, {}, 303_226),
        ("vgg_like", 10, RGB, {"filters": 64, "hidden": 128}, 4_953_034),
        ("small_resnet18", 10, GREY, {}, 11_172_810),
        ("small_resnet50", 10, RGB, {}, 23_520_842),
        ("tiny_resnet18", 200, (3, 64, 64), {}, 11_271_232),
        ("cifar_resnet_20", 10, RGB, {}, 272_464),
        ("fnn", 2, (1,), {"hidden": [10]}, 42),
        ("fnn", 2, (2,), {}, 10_602),
        ("fnn", 3, (2,), {"hidden": [100, 100]}, 10_703),
        ("fnn", 4, (2,), {"activation": "sigmoid"}, 10_804),
        ("fnn", 3, (2,), {"hidden": [30, 30]}, 1_113),
        ("fnn", 3, (4,), {"hidden": [50, 50]}, 2_953),
        ("small_cnn", 3, GREY, {}, 7_203),
        ("lenet5", 10, RGB, {}, 62_006),
    ],
)
def test_parameters_are_those_that_the_papers_code_has(architecture, classes, shape, options, parameters):
    network = network_shape(architecture, classes, shape[0], 1.0, shape[1:], options)
    assert sum(p.numel() for p in network.parameters()) == parameters


@pytest.mark.parametrize("name", CIFAR)
@pytest.mark.parametrize("width", [1, 2])
def test_parameters_of_cifar_resnets_by_formula(name, width):
    n, w = (int(name.rpartition("_")[2]) - 2) // 6, 16 * width
    # 2 n convolutions of 3 x 3 per stage; the first of a later stage has half the inputs.
    convolutions = 27 * w + 9 * w**2 * (2 * n + (2 * n - 1) * 4 + 2 + (2 * n - 1) * 16 + 8)
    shortcuts = 2 * w**2 + 8 * w**2
    normalisations = 2 * (w + 2 * n * (w + 2 * w + 4 * w) + 2 * w + 4 * w)
    network = network_shape(name, 10, 3, width)
    assert sum(p.numel() for p in network.parameters()) == convolutions + shortcuts + normalisations + 40 * w


@pytest.mark.parametrize(
    ("architecture", "theirs"),
    [
        *(("small_resnet18", "resnet18"), ("small_resnet34", "resnet34"), ("small_resnet50", "resnet50")),
        *(("stem_resnet18", "resnet18"), ("tiny_resnet50", "resnet50")),
    ],
)
def test_residual_networks_are_torchvisions_but_for_stem_and_classifier(architecture, theirs):
    network = network_shape(architecture, 1000, 3)
    ours = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    with torch.device("meta"):
        other = getattr(models, theirs)()
    expected = {name: tuple(tensor.shape) for name, tensor in other.state_dict().items()}
    expected["conv1.weight"] = (64, 3, 3, 3)
    if architecture == "tiny_resnet50":
        expected["fc.weight"] = (1000, 2048, 1, 1)
        del expected["fc.bias"]
    assert ours == expected


@pytest.mark.parametrize(
    ("architecture", "shape", "options", "count", "units"),
    [
        ("simple_conv", GREY, {}, 16, 884),
        ("simple_conv", RGB, {"filters": 64, "hidden": 128}, 16, 1_748),
        ("all_convolutional", GREY, {"variant": "published"}, 20, 456),
        ("all_convolutional", RGB, {"variant": "published", "filters": 64}, 20, 1_704),
        ("all_convolutional", GREY, {}, 19, 446),
        ("vgg_like", GREY, {"variant": "published"}, 24, 1_348),
        ("vgg_like", RGB, {"filters": 64, "hidden": 128}, 24, 5_076),
        ("small_resnet18", GREY, {"variant": "published"}, 53, 12_180),
        ("small_resnet50", RGB, {}, 133, 77_716),
    ],
)
def test_intermediate_outputs_are_as_many_as_the_papers(architecture, shape, options, count, units):
    network = build_network(
        architecture, 10, shape[0], 1.0, stream(0, "x"), "published", None, shape[1:], options
    ).eval()
    names = intermediates(network, shape)
    with torch.no_grad():
        found = module_outputs(network, torch.rand(1, *shape), names.values())
    assert len(names) == count
    assert sum(found[name].shape[1] for name in names.values()) == units


@pytest.mark.parametrize(
    "case",
    [case for case in CASES if hasattr(case.plain(), "units") or "simple" in case.name],
    ids=lambda case: case.name,
)
def test_intermediate_outputs_are_those_of_plain_torch(case):
    ours = case.build().eval()
    random_statistics(ours)
    theirs = take_state(case.plain(), ours).eval()
    inputs = torch.rand(3, *case.shape)
    names = intermediates(ours, case.shape)
    with torch.no_grad():
        found = module_outputs(ours, inputs, names.values())
        theirs(inputs)
    assert list(names) == list(theirs.seen)
    for label, name in names.items():
        expected = theirs.seen[label]
        torch.testing.assert_close(found[name].reshape(expected.shape), expected, rtol=1e-4, atol=1e-5)


def test_what_is_measured_of_a_residual_network_as_published_and_corrected():
    shape, found = GREY, {}
    for variant in ("published", "corrected"):
        case = Case("small_resnet18", shape, None, 0.125, {"variant": variant})
        network = case.build().eval()
        random_statistics(network)
        names = intermediates(network, shape)
        inputs = torch.rand(2, *shape, generator=stream(0, "inputs"))
        found[variant] = {
            label: module_outputs(network, inputs, [name])[name] for label, name in names.items()
        }
    published, corrected = found.values()
    assert list(published) == list(corrected)
    different = [name for name in published if not torch.equal(published[name], corrected[name])]
    blocks = [
        f"layer{stage}.{block}.{part}" for stage in (1, 2, 3, 4) for block in (0, 1) for part in ("c0", "c1")
    ]
    assert different == ["c0", *blocks]
    # A block is its branch and its shortcut; the corrected c1 is the whole branch.
    torch.testing.assert_close(
        corrected["layer2.0.sum"], corrected["layer2.0.c1"] + corrected["layer2.0.short"]
    )
    assert torch.equal(corrected["layer1.0.short"], corrected["c0act"])
    assert torch.equal(published["layer2.0.act"], published["layer2.0.sum"].relu())


def test_features_before_the_last_relu_of_a_cifar_resnet():
    case = next(case for case in CASES if case.architecture == "cifar_resnet_20")
    ours = case.build().eval()
    theirs = take_state(case.plain(), ours).eval()
    images = torch.rand(2, *RGB)
    with torch.no_grad():
        found = module_outputs(ours, images, ["layer3.2.add"])["layer3.2.add"]
        theirs(images)
    assert found.flatten(1).shape == (2, 4096) and (found < 0).any()
    torch.testing.assert_close(found, theirs.blocks[-1].sum, rtol=1e-4, atol=1e-5)


def test_two_published_cifar_resnets_are_as_far_apart_as_stated():
    def vector(seed):
        case = Case("cifar_resnet_20", RGB, None)
        weights = conv_layers(case.build(10, "published", seed)).values()
        return torch.cat([layer.weight.flatten() for layer in weights]).double()

    one, other = vector(0), vector(1)
    # Kaiming normal by fan-in: |W|^2 is twice the number of output channels.
    channels = 16 * 7 + 32 * 7 + 64 * 7 + 10
    assert one.norm().item() ** 2 == pytest.approx(2 * channels, rel=0.03)
    assert (one - other).norm().item() == pytest.approx(56.4, rel=0.02)
    assert ((one @ other) / one.norm() / other.norm()).item() ** 2 < 1e-4


@pytest.mark.parametrize("architecture", ["fnn", "small_cnn", "lenet5", "simple_conv", "vgg_like"])
def test_published_weights_are_drawn_as_torch_draws_them(architecture):
    shape = RGB if architecture != "small_cnn" else GREY
    for layer in Case(architecture, shape, None).build(kind="published").modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            bound = 1 / math.sqrt(layer.weight[0].numel())
            assert layer.weight.abs().max().item() <= bound and layer.bias.abs().max().item() <= bound
            if layer.weight.numel() > 1000:
                assert layer.weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.1)
            assert layer.bias.any()


@cases
def test_network_is_a_function_of_the_seed(case):
    before = torch.get_rng_state()
    first = case.build().state_dict()
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(3)
    second, other = (case.build(seed=seed).state_dict() for seed in (0, 1))
    assert all(torch.equal(first[name], second[name]) for name in first)
    weights = [name for name, value in first.items() if name.endswith("weight") and value.ndim > 1]
    assert weights and not any(torch.equal(first[name], other[name]) for name in weights)
    shapes = {name: value.shape for name, value in first.items()}
    meta = network_shape(case.architecture, 5, case.shape[0], case.width, case.shape[1:], case.options)
    assert {name: value.shape for name, value in meta.state_dict().items()} == shapes
    assert all(value.is_meta for value in meta.state_dict().values())


@cases
def test_steps_are_the_forward_pass_and_hold_every_layer_once(case):
    network = case.build().eval()
    activation = inputs = torch.rand(2, *case.shape, generator=stream(0, "inputs"))
    steps = forward_steps(network)
    assert len(steps) > 3
    with torch.inference_mode():
        for _, step in steps:
            activation = step(activation)
        assert torch.equal(activation, network(inputs))
    for layer, module in network.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            assert sum(holds(name, layer) for name, _ in steps) == 1


@cases
def test_geometry_and_folding_look_at_every_network(case):
    network = case.build()
    met = layer_geometry(network, case.shape)
    assert {layer.name for layer in met} == conv_layers(network).keys()
    for layer in met:
        assert layer.input_shape[0] == network.get_submodule(layer.name).in_channels
    assert not foldable(network, case.shape)
    if layout := catalogue.layout_of(case.architecture):
        both = geometry(layout, case.shape, case.width, 5)
        types = (nn.Conv2d, nn.Linear)
        assert [layer for layer, _ in both] == layer_geometry(network, case.shape, types)
        for layer, shape in both:
            assert network.get_submodule(layer.name).weight.shape == shape
    for name in (case.architecture, *family_module(case.architecture).NAMES):
        assert catalogue.architecture_label(name) != name and catalogue.name_problem(name) is None


IMAGES = {shape: make_dataset(48, 16, shape[0], shape[1]) for shape in (GREY, RGB)}


@pytest.mark.parametrize("case", [case for case in CASES if case.shape in IMAGES], ids=lambda case: case.name)
def test_a_run_trains_and_leaves_snapshots(case, tmp_path):
    write_dataset(IMAGES[case.shape], tmp_path / "data", "shades", {"source": "test"})
    chosen = {"architecture": case.architecture, "width": case.width, "options": case.options}
    run = run_of(*open_dataset(tmp_path / "data"), **chosen, epochs=1, batch_size=24)
    weights = conv_layers(run.network).values()
    assert all(layer.weight.is_contiguous(memory_format=torch.channels_last) for layer in weights)
    before = {name: tensor.clone() for name, tensor in run.network.state_dict().items()}
    train_run(run, tmp_path / "run", {}, {})
    state = run.whole_state_dict()
    assert all(torch.isfinite(tensor).all() for tensor in state.values())
    changed = [name for name, p in run.network.named_parameters() if not torch.equal(p, before[name])]
    # With 22 to 24 images a unit may be dead; of a layer some are not.
    assert len(changed) > 0.9 * len(list(run.network.parameters()))
    snapshots = [load_snapshot(tmp_path / f"run/snapshots/epoch={epoch}.safetensors") for epoch in (0, 1)]
    for name, layer in conv_layers(run.network).items():
        first, last = (torch.from_numpy(each.arrays[f"{name}.weight"]) for each in snapshots)
        assert torch.equal(first, before[f"{name}.weight"]) and torch.equal(last, layer.weight)
    again = run.task.initial_network()
    again.load_state_dict(state)
    images = torch.rand(3, *case.shape)
    with torch.no_grad():
        torch.testing.assert_close(again.eval()(images), run.network.eval()(images))


@pytest.mark.parametrize(
    ("architecture", "shape", "message"),
    [
        ("lenet5", (3, 11, 32), "images of 32x11 px are too small for this network: 14x3 px are left at"),
        (
            "small_cnn",
            (1, 9, 9),
            "9x9 px are too small for this network: 1x1 px are left at max-pooling layer 2",
        ),
        ("lenet5", (3, 4, 32), "too small for this network: 32x4 px are left at convolution features.0"),
        ("simple_conv", (3, 3, 9), "images of 9x3 px are too small for this network, which needs 4x4"),
        ("vgg_like", (3, 28, 15), "images of 15x28 px are too small for this network, which needs 16x16"),
    ],
)
def test_images_too_small_for_the_network_are_refused(architecture, shape, message):
    with pytest.raises(InputError) as caught:
        Case(architecture, shape, None).build()
    assert message in str(caught.value)


@pytest.mark.parametrize("architecture", ["lenet5", "small_cnn"])
def test_geometry_without_torch_refuses_small_images_too(architecture):
    layout = catalogue.layout_of(architecture)
    for side in range(1, 18):
        try:
            network_shape(architecture, 5, 3, 1.0, (side, 40))
        except InputError as error:
            with pytest.raises(InputError) as caught:
                geometry(layout, (3, side, 40), 1.0, 5)
            assert str(caught.value) == str(error)
        else:
            assert len(geometry(layout, (3, side, 40), 1.0, 5)) == len(layout.classifier) // 2 + 3


@pytest.mark.parametrize("name", catalogue.names())
def test_the_methods_text_lists_the_networks_whose_weights_are_drawn_here(name):
    template = (ROOT / "workflow" / "report" / "methods.rst").read_text()
    assert hasattr(family_module(name), "LINEAR") == (f'"{name}"' in template)
