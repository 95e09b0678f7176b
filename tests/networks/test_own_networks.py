"""Networks of a user's own, `package.module:Class`: found, called, initialised from the seed, and refused."""

import sys

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
import own_layers
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
    elsewhere.joinpath("__init__.py").write_text("from torch.nn import Linear\n")
    monkeypatch.syspath_prepend(str(elsewhere.parent))
    assert build("own_installed:Linear", in_features=2, out_features=3).weight.shape == (3, 2)


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
        ("own_net:Narrow", {}, "module own_net cannot be imported (No module named 'own_net')"),
        ("own_broken:Net", {}, "module own_broken cannot be imported (No module named 'own_missing')"),
        ("own_wrong:network", {}, "module own_wrong cannot be imported (invalid syntax"),
        (
            "own_nets:Narrow",
            {"kernels": 3},
            "is called as (classes, input_shape, width, kernel=3), but got an unex",
        ),
        ("own_nets:needs", {}, "is called as (classes, depth), but missing a required argument: 'depth'"),
        ("own_nets:no_module", {}, "own_nets:no_module returns a int; expected a torch.nn.Module"),
        ("own_nets.Narrow:", {}, "names no code; expected package.module:name"),
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
