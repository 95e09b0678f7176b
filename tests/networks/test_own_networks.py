"""Networks of a user's own, `package.module:Class`: found, called, initialised from the seed, and refused."""

import sys
from pathlib import Path

import pytest
import torch
from conftest import SCRIPTS

from anatomy.networks import catalogue
from anatomy.networks.build import build_network, network_shape
from anatomy.networks.family import module_of
from anatomy.networks.forward import forward_steps, layer_geometry
from anatomy.runtime.errors import InputError
from anatomy.runtime.imports import code_of, hash_of_code
from anatomy.runtime.streams import stream

# In a folder that is no package, and in a package that imports relatively.
FILES = {
    "own_layers.py": "from torch import nn\n\n\nCONVOLUTION = nn.Conv2d\n",
    "own_nets.py": """
import os

import own_layers
import torch
from torch import nn


class Narrow(nn.Module):
    def __init__(self, classes, input_shape, width, kernel=3):
        super().__init__()
        self.first = own_layers.CONVOLUTION(input_shape[0], round(8 * width), kernel)
        self.last = nn.Linear(round(8 * width), classes)

    def forward(self, images):
        return self.last(self.first(images).relu().mean((2, 3)))


def plain(classes):
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LazyLinear(classes))


class Tied(nn.Sequential):
    def __init__(self, classes):
        super().__init__(*plain(3), nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, classes))
        self[4].weight = self[3].weight


class Twice(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.first, self.last = plain(3), nn.Linear(3, classes)
        self.inner = self.again = nn.Linear(3, 3)

    def forward(self, images):
        return self.last(self.again(self.inner(self.first(images))))


def transposed(classes):
    network = nn.Sequential(*plain(3), nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, classes))
    network[4].weight = nn.Parameter(network[3].weight.detach().t())
    return network


class Pair(nn.Linear):
    def forward(self, images):
        return super().forward(images.mean((2, 3))), images


def pair(classes):
    return Pair(3, classes)


def per_pixel(classes):
    return nn.Conv2d(3, classes, 1)


def untrained(classes):
    return Modes(classes).requires_grad_(False)


def no_weights(classes):
    return nn.Sequential(nn.Flatten(), nn.AdaptiveAvgPool1d(classes))


def pooled(channels, classes):
    return nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes)


class Modes(nn.Sequential):
    def __init__(self, classes):
        super().__init__(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4).eval(), nn.BatchNorm2d(4), *pooled(4, classes))


class Odd(nn.Module):
    def __init__(self, classes, fault):
        super().__init__()
        self.last, self.fault, self.calls = nn.Linear(3, classes), fault, 0
        if fault == "double":
            self.double()
        if fault == "sparse":
            self.register_buffer("graph", torch.eye(3).to_sparse())
        if fault == "handle":
            self.handle = (n for n in range(3))

    def forward(self, images):
        found = self.last(images.mean((2, 3)).to(self.last.weight.dtype))
        match self.fault:
            case "tuple" if self.training:
                return found, found
            case "sum" if self.training:
                return found.sum()
            case "integer":
                return found.long()
            case "complex":
                return found.to(torch.complex64)
            case "detached":
                return found.detach()
            case "first":
                return found[:1]
        return found


class Hooked(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), *pooled(4, 4))
        self.head, self.features = nn.Linear(4, classes), None
        self.body.register_forward_hook(lambda module, inputs, output: setattr(self, "features", output))
        norm, forward = self.body[1], self.body[1].forward
        norm.forward = lambda images: forward(images)

    def forward(self, images):
        self.body(images)
        return self.head(self.features)


class Extra(nn.Linear):
    def __init__(self, classes):
        super().__init__(3, classes)

    def forward(self, images):
        return super().forward(images.mean((2, 3)))

    def get_extra_state(self):
        return {"calls": 3}

    def set_extra_state(self, state):
        pass


class Counting(nn.Sequential):
    def __init__(self, classes):
        layers = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.BatchNorm1d(3), nn.Dropout(), nn.Linear(3, classes)
        super().__init__(*layers)
        self.calls, self.drawn = 0, None

    def forward(self, images):
        if self.training:
            self.calls, self.drawn = self.calls + 1, torch.rand(1)
        return super().forward(images)


class Disturbing(nn.Sequential):
    def __init__(self, classes):
        super().__init__(*plain(classes))
        torch.set_default_dtype(torch.float64)
        torch.set_grad_enabled(False)

    def forward(self, images):
        os.chdir("/")
        return super().forward(images)


def no_module(classes):
    return classes


def needs(classes, depth):
    return nn.Linear(depth, classes)
""",
    "own_package/__init__.py": "",
    "own_package/parts.py": "from torch import nn\n\n\nclass Head(nn.Linear):\n    pass\n",
    "own_package/deep/__init__.py": "",
    "own_package/deep/nets.py": """
from torch import nn

from ..parts import Head


class Deep(nn.Sequential):
    def __init__(self, input_shape, classes):
        channels = input_shape[0]
        super().__init__(nn.Conv2d(channels, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), Head(4, classes))
""",
    "own_broken.py": "import own_missing\n",
    "own_wrong.py": "def network(:\n",
}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A working directory with the user's files."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("own_")]:
        del sys.modules[name]


def build(architecture, width=1.0, seed=0, kind="kaiming", **options):
    generator = stream(seed, "initialisation")
    return build_network(architecture, 5, 3, width, generator, kind, 0.5, (9, 8), options)


def test_a_class_in_the_working_directory_is_called_with_what_it_takes():
    network = build("own_nets:Narrow", 0.5, kernel=5)
    assert network.first.weight.shape == (4, 3, 5, 5)
    assert network(torch.rand(2, 3, 9, 8)).shape == (2, 5)
    shape = network_shape("own_nets:Narrow", 5, 3, 0.5, (9, 8), {"kernel": 5})
    assert shape.first.weight.is_meta
    assert shape.first.weight.shape == (4, 3, 5, 5)
    assert [layer.input_shape for layer in layer_geometry(network, (3, 9, 8))] == [(3, 9, 8)]
    assert [name for name, _ in forward_steps(network)] == [""]


def test_a_class_in_a_package_with_relative_imports():
    network = build("own_package.deep.nets:Deep")
    assert type(network[3]).__module__ == "own_package.parts"
    assert network(torch.rand(2, 3, 9, 8)).shape == (2, 5)


def test_an_installed_package_is_found_after_the_working_directory(tmp_path, monkeypatch):
    elsewhere = tmp_path / "site-packages" / "own_installed"
    elsewhere.mkdir(parents=True)
    elsewhere.joinpath("__init__.py").write_text("from own_nets import plain\n")
    monkeypatch.syspath_prepend(str(elsewhere.parent))
    assert build("own_installed:plain")[2].weight.shape == (5, 3)


def test_lazy_layers_have_weights_of_the_seed():
    one, again, other = (build("own_nets:plain", seed=seed) for seed in (0, 0, 1))
    assert torch.equal(one[2].weight, again[2].weight)
    assert not torch.equal(one[2].weight, other[2].weight)


def test_the_image_that_is_tried_leaves_no_trace():
    network = build("own_nets:Modes")
    assert [module.training for module in network] == [True, False, True, True, True, True]
    assert network[2].num_batches_tracked == 0


def test_the_batch_that_is_tried_in_training_leaves_no_trace():
    before = torch.get_rng_state()
    network = build("own_nets:Counting")
    assert torch.equal(torch.get_rng_state(), before)
    assert (network.calls, network.drawn, network[2].num_batches_tracked) == (0, None, 0)
    assert all(module.training for module in network.modules())


def test_neither_constructor_nor_trial_leaves_anything_to_others(tmp_path):
    assert build("own_nets:Disturbing")[2].weight.dtype == torch.float32
    assert (Path.cwd(), torch.get_default_dtype()) == (tmp_path, torch.float32)
    assert torch.is_grad_enabled()


def test_a_network_that_cannot_be_copied_is_built():
    assert build("own_nets:Odd", fault="handle")(torch.rand(2, 3, 9, 8)).shape == (2, 5)


def test_hooks_and_wrapped_passes_see_their_own_network_and_keep_its_statistics():
    network = build("own_nets:Hooked")
    norm = network.body[1]
    assert (norm.num_batches_tracked, norm.running_mean.abs().sum()) == (0, 0)
    assert network(torch.rand(2, 3, 9, 8)).shape == (2, 5)
    assert norm.num_batches_tracked == 1


def test_weights_are_a_function_of_the_seed_alone():
    before = torch.get_rng_state()
    one, again, other = (build("own_nets:Narrow", seed=seed) for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(one.first.weight, again.first.weight)
    assert not torch.equal(one.first.weight, other.first.weight)


def test_normal_initialisation_draws_all_weights_anew():
    network = build("own_nets:Narrow", 8.0, kind="normal")
    assert network.first.weight.std().item() == pytest.approx(0.5, rel=0.1)
    assert not network.first.bias.any()


def test_the_module_and_the_label_are_those_of_the_reference():
    assert module_of("own_package.deep.nets:Deep") == "own_package.deep.nets"
    assert catalogue.architecture_label("own_package.deep.nets:Deep") == "Deep"
    assert catalogue.name_problem("own_package.deep.nets:Deep") is None
    assert catalogue.layout_of("own_package.deep.nets:Deep") is None
    assert catalogue.width_problem("own_package.deep.nets:Deep", 0.5) is None


@pytest.mark.parametrize(
    ("architecture", "used", "unused"),
    [
        ("own_nets:Narrow", "own_layers", "own_package.parts"),
        ("own_package.deep.nets:Deep", "own_package.parts", "own_layers"),
    ],
)
def test_what_a_network_imports_of_its_folder_or_package_counts_for_the_code(
    folder, architecture, used, unused
):
    def found():
        return code_of(SCRIPTS / "train_network.py", [module_of(architecture)])

    before = found()
    assert {module_of(architecture), used} <= before.keys()
    assert unused not in before
    for name, changes in ((unused, False), (used, True)):
        with folder.joinpath(*name.split(".")).with_suffix(".py").open("a") as file:
            file.write("CHANGED = True\n")
        assert (hash_of_code(found()) != hash_of_code(before)) == changes


@pytest.mark.parametrize(
    ("architecture", "options", "message"),
    [
        ("own_nets:Narow", {}, "own_nets.py has no class or function Narow; did you mean Narrow?"),
        ("own_nets:own_layers", {}, "has no class or function own_layers"),
        ("own_net:Narrow", {}, "module own_net is not found; looked in "),
        ("own_broken:Net", {}, "own_broken.py cannot be imported (No module named 'own_missing')"),
        ("own_wrong:network", {}, "own_wrong.py cannot be imported (invalid syntax"),
        (
            "own_nets:Narrow",
            {"kernels": 3},
            "is called as (classes, input_shape, width, kernel=3), but got an unex",
        ),
        ("own_nets:needs", {}, "is called as (classes, depth), but missing a required argument: 'depth'"),
        ("own_nets:no_module", {}, "own_nets:no_module returns a int; expected a torch.nn.Module"),
        ("own_nets.Narrow:", {}, "names no code of your own; expected package.module:name"),
        (
            "own_nets:Tied",
            {},
            "own_nets:Tied: 3.weight and 4.weight share their weights; expected a tensor for",
        ),
        ("own_nets:Twice", {}, "own_nets:Twice: inner.weight and again.weight share their weights"),
        ("own_nets:transposed", {}, "own_nets:transposed: 3.weight and 4.weight share their weights"),
        (
            "own_nets:pair",
            {},
            "pair returns a tuple for inputs of shape (1, 3, 9, 8); expected a tensor of shape (1, 5)",
        ),
        ("own_nets:per_pixel", {}, "own_nets:per_pixel returns a Tensor of shape (1, 5, 9, 8) for inputs of"),
        (
            "own_nets:Odd",
            {"fault": "tuple"},
            "Odd returns a tuple for inputs of shape (4, 3, 9, 8) in training; e",
        ),
        ("own_nets:Odd", {"fault": "sum"}, "own_nets:Odd returns a Tensor of shape () for inputs of"),
        (
            "own_nets:Odd",
            {"fault": "integer"},
            "own_nets:Odd returns outputs of torch.int64; expected floating",
        ),
        ("own_nets:Odd", {"fault": "complex"}, "own_nets:Odd returns outputs of torch.complex64; expected"),
        (
            "own_nets:Odd",
            {"fault": "detached"},
            "own_nets:Odd returns outputs without a gradient in training",
        ),
        (
            "own_nets:Odd",
            {"fault": "first"},
            "Odd returns a Tensor of shape (1, 5) for inputs of shape (4, 3",
        ),
        (
            "own_nets:Odd",
            {"fault": "double"},
            "own_nets:Odd: last.weight is torch.float64; expected torch.float",
        ),
        (
            "own_nets:Odd",
            {"fault": "sparse"},
            "own_nets:Odd: graph of its state dict is torch.sparse_coo; expected",
        ),
        (
            "own_nets:Extra",
            {},
            "own_nets:Extra: _extra_state of its state dict is a dict; expected dense tensors",
        ),
        ("own_nets:untrained", {}, "own_nets:untrained has no parameter that requires a gradient"),
        ("own_nets:no_weights", {}, "own_nets:no_weights has no parameter that requires a gradient"),
        ("vgg11", {"depth": 3}, "options: vgg11 has none, found depth; remove the key"),
        ("squeezenet1_1", {"depth": 3}, "options: squeezenet1_1 has none, found depth; remove the key"),
    ],
)
def test_what_cannot_be_a_network_is_refused(architecture, options, message):
    with pytest.raises(InputError) as caught:
        build(architecture, **options)
    assert message in str(caught.value)


def test_a_width_that_the_network_does_not_take_is_refused():
    with pytest.raises(
        InputError, match=r"own_package.deep.nets:Deep has no argument `width`; set width to 1"
    ):
        build("own_package.deep.nets:Deep", 0.5)
