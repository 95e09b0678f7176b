"""A family of networks is one file, found by name; adding one changes the code of no training that exists."""

import os
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT

TINY = '''"""A network of one layer."""

from torch import nn

NAMES = {"tiny": "Tiny", "tinier": "Tinier"}


def build(architecture, classes, input_shape, width):
    return nn.Sequential(nn.Flatten(), nn.Linear(input_shape[0] * input_shape[1] * input_shape[2], classes))
'''
HASH = """
from pathlib import Path
from anatomy.runtime.imports import code_of, hash_of_code
from anatomy.runtime.schema import read_schema
from anatomy.runtime.settings import Settings
from anatomy.training.modules import modules_of
run = read_schema(Path("workflow/schemas/config.schema.yaml"))["$defs"]["run"]
program = Path("workflow/scripts/train_network.py")
for architecture in ("vgg11", "resnet18"):
    code = code_of(program, modules_of(Settings({"architecture": architecture, "epochs": 1}, run)))
    assert ("anatomy.networks.families.vgg" in code) == (architecture == "vgg11")
    assert "anatomy.networks.catalogue" not in code
    assert not any("catalogue" in name or "configuration" in name for name in code)
    print(hash_of_code(code))
"""
BUILD = """
from anatomy.networks import catalogue
assert catalogue.name_problem("tiny") is None
assert catalogue.architecture_label("tiny") == "Tiny"
assert "did you mean tiny" in catalogue.name_problem("tiney")
assert "has one width only" in catalogue.width_problem("tiny", 0.5)
import sys
assert "torch" not in sys.modules
from anatomy.networks.build import build_network, network_shape
from anatomy.runtime.streams import stream
arguments = ("tiny", 7, 3, 1.0)
one, other = (build_network(*arguments, stream(0, "a"), "kaiming", size=(4, 5)) for _ in "ab")
assert one[1].weight.shape == network_shape("tiny", 7, 3, size=(4, 5))[1].weight.shape == (7, 60)
assert (one[1].weight == other[1].weight).all()
"""


@pytest.fixture
def copy(tmp_path):
    """A copy of library, programs and schemas."""
    for name in ("src/anatomy", "workflow/scripts", "workflow/schemas"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def output(folder, program):
    """Run a program in a folder with the library there."""
    environment = {**os.environ, "PYTHONPATH": str(folder / "src")}
    command = [sys.executable, "-c", program]
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result.stdout


BAD = """
from anatomy.runtime.errors import InputError
from anatomy.networks.family import families
try:
    families()
except InputError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("NAMES = (\n", "tiny.py, line 1: '(' was never closed; correct the file"),
        ("x = 1\nNAMES = ['tiny'", "tiny.py, line 2: '[' was never closed; correct the file"),
        ("LEAST_WIDTH = 0\n", "tiny.py has no literal NAMES; expected names with their labels"),
        ("NAMES = tuple('ab')\n", "tiny.py has no literal NAMES"),
        ("NAMES = ('tiny')\n", "tiny.py has no literal NAMES"),
        ("NAMES: tuple = ('tiny', 'lenet')\n", "tiny.py: family lenet has lenet as well; rename one"),
        ("NAMES: tuple[str, ...] = ('tiny',)\n", ""),
    ],
)
def test_a_family_that_does_not_list_its_networks_is_refused(copy, text, message):
    (copy / "src/anatomy/networks/families/tiny.py").write_text(text)
    found = output(copy, BAD)
    assert found.count("\n") == bool(message)
    assert message in found


def test_a_file_is_a_family_and_reruns_no_other(copy):
    families = copy / "src/anatomy/networks/families"
    before = output(copy, HASH)
    (families / "tiny.py").write_text(TINY)
    output(copy, BUILD)
    assert output(copy, HASH) == before
    vgg = families / "vgg.py"
    vgg.write_text(vgg.read_text().replace("(256,) * 4", "(256,) * 5"))
    after = output(copy, HASH)
    assert [one == other for one, other in zip(before.split(), after.split(), strict=True)] == [False, True]
