"""Options and dropout of networks, and points as inputs: given to some, refused for others."""

import sys

import pytest
import torch
from configuration.configuration_examples import changed, refusal, resolved_experiment
from conftest import run_of
from torch import nn
from torch.nn import functional

from anatomy.data.dataset import open_dataset
from anatomy.networks.build import build_network, network_shape
from anatomy.networks.forward import layer_geometry, module_outputs
from anatomy.runtime.errors import InputError
from anatomy.runtime.streams import stream

OWN = """
from torch import nn


def with_dropout(classes, input_shape, dropout=0.25):
    return nn.Sequential(nn.Flatten(), nn.Dropout(dropout), nn.LazyLinear(classes))


def without(classes):
    return nn.Sequential(nn.Flatten(), nn.LazyLinear(classes))
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A working directory with networks of a user's own."""
    (tmp_path / "own_dropout.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield
    sys.modules.pop("own_dropout", None)


def build(architecture, shape=(3, 32, 32), width=1.0, options=None, dropout=0.0):
    generator = stream(0, "initialisation")
    size = shape[1:]
    return build_network(
        architecture, 5, shape[0], width, generator, "kaiming", None, size, options or {}, dropout
    )


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (
            "{architecture: fnn, options: {hiden: [3]}}",
            "options.hiden: unknown key; allowed: hidden, activation",
        ),
        ("{architecture: fnn, options: {hidden: 3}}", "options.hidden: 3 is not of type array"),
        (
            "{architecture: fnn, options: {hidden: [0]}}",
            "options.hidden: 0 is not allowed; expected at least 1",
        ),
        (
            "{architecture: fnn, options: {activation: tanh}}",
            "options.activation: 'tanh' is not allowed; allowed: relu, sigmoid",
        ),
        (
            "{architecture: vgg_like, options: {variant: right}}",
            "options.variant: 'right' is not allowed; allowed: corrected, published",
        ),
        (
            "{architecture: simple_conv, options: {variant: published}}",
            "options.variant: unknown key; allowed",
        ),
        (
            "{architecture: lenet5, options: {filters: 3}}",
            "options: lenet5 has none, found filters; remove the key, which is for networks of your own and "
            "for all_convolutional, fnn, simple_conv, small_resnet18",
        ),
        (
            "{architecture: vgg19, dropout: 0.5}",
            "dropout: vgg19 has no form with dropout; remove the key, or take one of cifar_resnet_8, ",
        ),
        ("{architecture: cifar_resnet_20, dropout: 1}", "dropout: 1"),
        ("{architecture: cifar_resnet_20, dropout: -0.1}", "dropout: -0.1"),
        ("{architecture: cifar_resnet_20, width: 0.25}", "width: cifar_resnet_20 is at least 0.5 wide"),
    ],
)
def test_what_a_network_does_not_have_is_refused_before_any_job(entry, message):
    assert f"experiments.plain.{message}" in refusal(changed(f"experiments: {{plain: {entry}}}"))


@pytest.mark.parametrize(
    ("architecture", "options", "dropout", "message"),
    [
        ("fnn", {"hiden": [3]}, 0.0, "options.hiden: unknown key; allowed: hidden, activation, output"),
        ("resnet18", {}, 0.1, "dropout: resnet18 has no form with dropout"),
        ("timm/resnet18", {}, 0.1, "dropout: timm/resnet18 has no form with dropout"),
        ("cifar_resnet_8", {}, 1.0, "dropout: 1.0 is not allowed; expected at least 0 and less than 1"),
        ("cifar_resnet_8", {"depth": 3}, 0.0, "options: cifar_resnet_8 has none, found depth"),
    ],
)
def test_the_builder_refuses_the_same(architecture, options, dropout, message):
    for attempt in (build, lambda a, **o: network_shape(a, 5, 3, **o)):
        with pytest.raises(InputError) as caught:
            attempt(architecture, options=options, dropout=dropout)
        assert message in str(caught.value)


def test_what_a_network_has_is_part_of_its_settings_and_defaults_are_not():
    found = resolved_experiment(
        "experiments: {plain: {architecture: simple_conv, options: {hidden: 30, output: logits}}}"
    )
    assert found.copy_of("options") == {"hidden": 30, "output": "logits"}
    assert found.dropout == 0 and "dropout" not in found.stored()
    found = resolved_experiment("experiments: {plain: {architecture: cifar_resnet_20, dropout: 0.5}}")
    assert found.stored()["dropout"] == 0.5
    assert "dropout" not in resolved_experiment("experiments: {plain: {dropout: 0}}").stored()


def test_a_run_has_the_options_and_the_dropout_of_its_settings(dataset_folder):
    data = open_dataset(dataset_folder)
    run = run_of(*data, architecture="fnn", width=1.0, options={"hidden": [7], "output": "log_softmax"})
    assert [p.shape[0] for p in run.network.parameters()] == [7, 7, 4, 4]
    assert type(run.network[-1]) is nn.LogSoftmax
    run = run_of(*data, architecture="cifar_resnet_8", width=0.5, dropout=0.3)
    assert [m.p for m in run.network.modules() if isinstance(m, nn.Dropout)] == [0.3] * 3


def test_width_and_hidden_units():
    assert [m.out_features for m in build("fnn", width=0.5) if isinstance(m, nn.Linear)] == [50, 50, 5]
    assert [m.out_features for m in build("fnn", options={"hidden": []}) if isinstance(m, nn.Linear)] == [5]
    assert isinstance(build("fnn", options={"activation": "sigmoid"}).act2, nn.Sigmoid)
    assert build("simple_conv", width=2.0).fc1.weight.shape == (128, 128 * 2 * 64)


@pytest.mark.parametrize("architecture", ["small_resnet18", "simple_conv", "all_convolutional", "vgg_like"])
def test_log_probabilities_are_those_of_the_logits(architecture):
    images = torch.rand(3, 3, 32, 32)
    log, logits = (
        build(architecture, width=0.125, options={"output": output}).eval()(images)
        for output in ("log_softmax", "logits")
    )
    assert torch.equal(log, functional.log_softmax(logits, 1))
    assert not torch.equal(log, logits)
    torch.testing.assert_close(functional.log_softmax(log, 1), log)


def test_dropout_is_before_the_shortcut_is_added_and_changes_no_initial_weight():
    images = torch.rand(4, 3, 32, 32)
    without, with_it = (build("cifar_resnet_8", dropout=p) for p in (0.0, 0.4))
    states = without.state_dict(), with_it.state_dict()
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(one, other) for one, other in zip(*(s.values() for s in states), strict=True))
    assert torch.equal(without.eval()(images), with_it.eval()(images))
    torch.manual_seed(0)
    names = [f"layer2.0.{part}" for part in ("bn2", "dropout", "downsample", "add", "act")]
    branch, dropped, shortcut, total, output = module_outputs(with_it.train(), images, names).values()
    kept = dropped != 0
    assert kept.float().mean().item() == pytest.approx(0.6, abs=0.02)
    torch.testing.assert_close(dropped[kept], branch[kept] / 0.6)
    assert torch.equal(total, dropped + shortcut) and torch.equal(output, total.relu())


def test_dropout_of_a_network_of_ones_own(own):
    assert build("own_dropout:with_dropout")[1].p == 0.25
    assert build("own_dropout:with_dropout", dropout=0.5)[1].p == 0.5
    assert build("own_dropout:with_dropout", options={"dropout": 0.75})[1].p == 0.75
    with pytest.raises(InputError, match=r"own_dropout:without has no argument `dropout`; set dropout to 0"):
        build("own_dropout:without", dropout=0.5)


@pytest.mark.parametrize("architecture", ["fnn", "mlp", "mlp_bn", "own_dropout:without"])
def test_inputs_may_be_points(architecture, own):
    width = 1.0 if ":" in architecture else 0.03125
    network = build(architecture, (4,), width).eval()
    points = torch.rand(6, 4)
    first = next(m for m in network.modules() if isinstance(m, nn.Linear))
    assert first.in_features == 4 and network(points).shape == (6, 5)
    assert layer_geometry(network, (4,)) == []
    assert layer_geometry(network, (4,), (nn.Linear,))[0].input_shape == (4,)
    # Images are flattened: one of 4 x 1 x 1 is the same point.
    assert torch.equal(network(points[:, :, None, None]), network(points))
    other = build(architecture, (4, 1, 1), width)
    other.load_state_dict(network.state_dict())
    assert torch.equal(other.eval()(points), network(points))


@pytest.mark.parametrize(
    "architecture",
    [
        "vgg11",
        "lenet",
        "alexnet",
        "lenet5",
        "small_cnn",
        "resnet18",
        "cifar_resnet_20",
        "simple_conv",
        "googlenet",
    ],
)
def test_a_convolutional_network_refuses_points(architecture):
    for attempt in (
        lambda: build(architecture, (2,)),
        lambda: network_shape(architecture, 5, 2, size=()),
    ):
        with pytest.raises(InputError) as caught:
            attempt()
        assert str(caught.value) == (
            f"{architecture} takes images (C, H, W), but the data are points (d,); take fnn, mlp, "
            "mlp_bn, or a network of your own"
        )
