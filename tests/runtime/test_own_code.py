"""A user's own code: the file that is hashed is the one that is imported, wherever Python finds it."""

import importlib.util
import os
import re
import subprocess
import sys

import pytest
import torch
from conftest import environment

from anatomy.runtime import readings
from anatomy.runtime.endings import ending
from anatomy.runtime.errors import InputError
from anatomy.runtime.imports import code_of, file_of
from anatomy.runtime.own_calls import call_own, load_own, takes
from anatomy.runtime.own_code import is_own, module_of_own


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("own_")]:
        del sys.modules[name]


def write(folder, modules):
    """Write modules, by their paths without a suffix, whose function says which one it is."""
    for name, place in modules.items():
        path = folder / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"def where():\n    return {place!r}\n")


def hashed(module, tmp_path):
    """The file of a module among the code of a program."""
    program = tmp_path / "program.py"
    program.touch()
    return code_of(program, [module])[module].path


def test_the_form_of_a_reference():
    assert is_own("nets:Net")
    assert not is_own("vgg11")
    assert module_of_own("a.b_1.c:Net") == "a.b_1.c"
    for reference in (":Net", "nets:", "a b:Net", "a..b:Net", "1a:Net", "a:b:c", "a:Net\n", "a:b.c"):
        with pytest.raises(InputError, match="names no code of your own; expected package"):
            module_of_own(reference)


@pytest.mark.parametrize("order", ["absent", "first", "last"])
def test_the_working_directory_comes_first_wherever_it_stands_in_the_path(order, tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    write(tmp_path, {"own_nets": "here"})
    write(elsewhere, {"own_nets": "elsewhere", "own_other": "elsewhere"})
    own = {"absent": [[], []], "first": [[str(tmp_path)], []], "last": [[], [str(tmp_path)]]}[order]
    monkeypatch.setattr(sys, "path", [*own[0], str(elsewhere), *sys.path, *own[1]])
    assert call_own("own_nets:where", {}, {}) == "here"
    assert hashed("own_nets", tmp_path) == tmp_path / "own_nets.py"
    assert call_own("own_other:where", {}, {}) == "elsewhere"
    assert hashed("own_other", tmp_path) == elsewhere / "own_other.py"


def test_packages_hide_what_comes_later_as_in_python(tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    monkeypatch.syspath_prepend(str(elsewhere))
    # A package hides a module beside it, and one of the same name elsewhere; folders without a file are one.
    write(
        tmp_path,
        {"own_both": "module", "own_both/__init__": "package", "own_part/__init__": "", "own_space/a": "a"},
    )
    write(elsewhere, {"own_part/deep": "", "own_space/b": "b", "own_space/c/d": "d"})
    assert call_own("own_both:where", {}, {}) == "package"
    assert hashed("own_both", tmp_path) == tmp_path / "own_both" / "__init__.py"
    with pytest.raises(InputError, match=r"^module own_part\.deep is not found; looked in "):
        file_of("own_part.deep")
    for module, place in (("own_space.a", "a"), ("own_space.b", "b"), ("own_space.c.d", "d")):
        assert call_own(f"{module}:where", {}, {}) == place
        assert hashed(module, tmp_path) == file_of(module)


def test_a_module_of_that_name_that_was_imported_before_is_refused(tmp_path):
    write(tmp_path, {"textwrap": "mine"})
    import textwrap

    assert hashed("textwrap", tmp_path) == tmp_path / "textwrap.py"
    expected = f"textwrap:where: module textwrap is imported from {textwrap.__file__}, not from {tmp_path}"
    with pytest.raises(InputError, match=re.escape(expected)):
        load_own("textwrap:where")


class Finder:
    """What an editable install puts into `sys.meta_path`."""

    def __init__(self, found):
        self.found = found

    def find_spec(self, name, path=None, target=None):
        if name not in self.found:
            return None
        file = self.found[name]
        inside = [str(file.parent)] if file.name == "__init__.py" else None
        return importlib.util.spec_from_file_location(name, file, submodule_search_locations=inside)


def test_modules_behind_an_import_hook_are_found(tmp_path, monkeypatch):
    project = tmp_path / "project"
    write(
        project,
        {"own_flat": "flat", "own_pack/__init__": "pack", "own_pack/deep": "deep", "src/deep": "renamed"},
    )
    write(project, {"src/__init__": "renamed"})
    found = {
        "own_flat": project / "own_flat.py",
        "own_pack": project / "own_pack" / "__init__.py",
        "own_renamed": project / "src" / "__init__.py",
    }
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Finder(found)])
    for module, place in (("own_flat", "flat"), ("own_pack", "pack"), ("own_pack.deep", "deep")):
        assert call_own(f"{module}:where", {}, {}) == place
        assert hashed(module, tmp_path) == file_of(module)
    assert file_of("own_pack.deep") == project / "own_pack" / "deep.py"
    for module, name in (("own_renamed", "__init__"), ("own_renamed.deep", "deep")):
        file = project / "src" / f"{name}.py"
        with pytest.raises(InputError, match=rf"^module {module} is {file}; rename its folders to"):
            hashed(module, tmp_path)


@pytest.mark.parametrize("module", ["sys", "own_gone", "own_gone.deep", "_json"])
def test_what_is_no_file_of_python_is_refused(module):
    with pytest.raises(InputError, match=f"^module {module} is not found; looked in "):
        load_own(f"{module}:name")


def test_a_module_may_import_torchvision_plainly(tmp_path):
    (tmp_path / "own_vision.py").write_text(
        "import torchvision\ndef names():\n    import torchvision.ops\n    return torchvision.__name__\n"
    )
    program = (
        "import sys; from anatomy.runtime.own_calls import call_own\n"
        "assert 'torch' not in sys.modules\n"
        "print(call_own('own_vision:names', {}, {}))"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment()
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "torchvision\n", "")


@pytest.mark.parametrize(("call", "said"), [("0", "0"), ("", ""), ("'no\\ndata'", r"'no\ndata'")])
def test_code_that_ends_the_program_is_an_error_that_names_it(call, said, tmp_path):
    (tmp_path / "own_nets.py").write_text(f"import sys\ndef ends():\n    sys.exit({call})\n")
    expected = f"own_nets:ends ends the program, sys.exit({said}); raise an exception that says what is wrong"
    with pytest.raises(InputError, match=f"^{re.escape(expected)}$"):
        call_own("own_nets:ends", {}, {})
    (tmp_path / "own_other.py").write_text(f"raise SystemExit({call})\n")
    with pytest.raises(InputError, match=re.escape(f"own_other:ends ends the program, sys.exit({said});")):
        load_own("own_other:ends")


CHANGES = """import os

import torch


def change(fails=False):
    os.chdir("/")
    torch.set_default_dtype(torch.float64)
    torch.set_grad_enabled(False)
    if fails:
        raise ValueError("no data")


if IMPORTED:
    change()
"""


@pytest.mark.parametrize("imported", [False, True])
@pytest.mark.parametrize("fails", [False, True])
def test_code_leaves_the_working_directory_and_torch_as_they_were(imported, fails, tmp_path):
    (tmp_path / "own_nets.py").write_text(CHANGES.replace("IMPORTED", str(imported)))
    try:
        call_own("own_nets:change", {}, {"fails": fails})
    except ValueError:
        assert fails
    assert (os.getcwd(), torch.get_default_dtype()) == (str(tmp_path), torch.float32)
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("error", ["ValueError('no data')", "RuntimeError('no data')"])
def test_an_error_of_code_keeps_its_traceback_and_says_whose_it_is(error, tmp_path, monkeypatch):
    # Files that were read are not at fault.
    monkeypatch.setattr(readings, "_READ", {tmp_path / "data.safetensors": frozenset()})
    (tmp_path / "own_nets.py").write_text(f"def fails():\n    raise {error}\n")
    with pytest.raises((ValueError, RuntimeError)) as caught:
        call_own("own_nets:fails", {}, {})
    assert ending(caught.value) is None
    assert caught.value.__notes__ == ["raised in code of your own, own_nets:fails"]


def test_what_the_system_refuses_to_code_is_said_to_be_so(tmp_path):
    (tmp_path / "own_nets.py").write_text("def fails():\n    raise OSError(28, 'No space left on device')\n")
    with pytest.raises(OSError, match="No space") as caught:
        call_own("own_nets:fails", {}, {})
    said, status = ending(caught.value)
    assert status == 1 and said.endswith("(raised in code of your own, own_nets:fails)")


def test_code_that_does_not_say_its_arguments_is_refused(tmp_path):
    (tmp_path / "own_nets.py").write_text("class Known(dict):\n    pass\n")
    for ask in (lambda: call_own("own_nets:Known", {}, {}), lambda: takes("own_nets:Known", "width")):
        with pytest.raises(
            InputError, match=r"^own_nets:Known does not say its arguments \(no signature found"
        ):
            ask()
