"""Code as it counts for reruns: what a program imports, and what of an edit changes a hash."""

import ast
import io
import json
import shutil
import subprocess
import sys
import tokenize

import pytest
from conftest import RUN_SCHEMA, SCHEMA_FILE, SCRIPTS, SETTINGS, environment
from source_imports import FOR_PEOPLE

from anatomy.runtime.errors import InputError
from anatomy.runtime.imports import LIBRARY, PACKAGE, code_of, hash_of_code, read_source, what_counts
from anatomy.runtime.settings import Settings
from anatomy.training.modules import modules_of

PLAIN = """import os

class Box:
    side = 1

def area(box):
    text = "a # b"
    return box.side * 2, text
"""
COMMENTED = '''"""What this is."""
# A comment, don't mind "it.

import os   # another


class Box:
    """A box."""

    side = 1  # pixels


def area(box):
    r"""Return its area.

    # not a comment
    """
    # Why.
    text = "a # b"

    return box.side * 2, text
'''
TEMPLATE = '''PAGE = """
a  # kept

b
"""
'''
SOURCES = [*LIBRARY.joinpath(PACKAGE).rglob("*.py"), *SCRIPTS.rglob("*.py")]
PROGRAMS = sorted(path for path in SCRIPTS.rglob("*.py") if path.name not in FOR_PEOPLE)


def write(folder, modules):
    """Write modules, texts by their dotted names."""
    for name, text in modules.items():
        path = folder.joinpath(*name.split(".")).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def hash_of(folder, text):
    write(folder, {"module": text})
    return read_source(folder / "module.py").hash


# What of a file counts


def test_comments_docstrings_and_empty_lines_do_not_count(tmp_path):
    assert hash_of(tmp_path, PLAIN) == hash_of(tmp_path, COMMENTED)


@pytest.mark.parametrize(
    ("text", "before", "after"),
    [
        (PLAIN, "* 2", "* 3"),
        (PLAIN, "a # b", "a # c"),
        (PLAIN, "side = 1", 'side = """text"""'),
        (TEMPLATE, "# kept", "# changed"),
        (TEMPLATE, "\n\nb", "\nb"),
        ('x = (\n    """one"""\n)\n', "one", "two"),
        ("def f(): 'one'\n", "def f", "def g"),
        ('x = r"\\" # "\n', '# "', '# " + "a"'),
        ('"""d"""; x = 1\n', "x = 1", "x = 2"),
        ('"""d\n\nd"""; x = 1\n', "x = 1", "x = 2"),
        ('def f():\n    """d\n    d"""; return 1\n', "return 1", "return 2"),
        ("x = 1\n'text # a'\n", "# a", "# b"),
        ('x = f"{1} # {2}"\n', "# {2}", "# {3}"),
        ("if x:\n    y = 1\n    z = 2\n", "    z", "z"),
    ],
    ids=[
        "code",
        "string",
        "value",
        "text",
        "blank",
        "parentheses",
        "one line",
        "raw string",
        "after a docstring",
        "after a longer docstring",
        "after a docstring of a function",
        "a string that is no docstring",
        "formatted string",
        "indentation",
    ],
)
def test_everything_else_counts(tmp_path, text, before, after):
    assert before in text
    assert hash_of(tmp_path, text) != hash_of(tmp_path, text.replace(before, after))


def tokens(text):
    """What Python reads of a text, line by line, without ends of lines and comments."""
    ignored = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.ENDMARKER)
    indents = (tokenize.INDENT, tokenize.DEDENT)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in (*ignored, *indents):
            yield token.start, token.string


def docstrings(text):
    """Where docstrings begin."""
    for node in ast.walk(ast.parse(text)):
        documented = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if documented and ast.get_docstring(node) is not None:
            yield node.body[0].lineno, node.body[0].col_offset


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: "/".join(path.parts[-3:]))
def test_what_counts_of_every_source_is_all_that_python_reads_but_docstrings(path):
    text = path.read_text()
    skipped = set(docstrings(text))
    expected = [string for start, string in tokens(text) if start not in skipped]
    assert [string for _, string in tokens(what_counts(text, ast.parse(text)))] == expected


def test_a_syntax_error_is_refused_in_one_line(tmp_path):
    write(tmp_path, {"module": "x = 1\ndef f(:\n"})
    with pytest.raises(InputError) as caught:
        read_source(tmp_path / "module.py")
    (line,) = str(caught.value).splitlines()
    assert line.startswith(f"{tmp_path / 'module.py'}, line 2: ")
    assert line.endswith("; correct the file")


@pytest.mark.parametrize("encoding", ["latin-1", "utf-8-sig"])
def test_a_file_is_read_in_its_encoding(encoding, tmp_path):
    text = f"# -*- coding: {encoding} -*-\nname = 'Zoë'\n"
    (tmp_path / "module.py").write_bytes(text.encode(encoding))
    assert read_source(tmp_path / "module.py").hash == hash_of(tmp_path, "name = 'Zoë'\n")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"x = 1\n\n\ny = '\xe4'\n", "; save the file as UTF-8"),
        (b"# coding: nonsense\n", "; save the file as UTF-8"),
        (b"# coding: rot13\n", "; save the file as UTF-8"),
        (b"x = 1\0\n", "source code string cannot contain null bytes; correct the file"),
        (b"x = " + b"-" * 100_000 + b"1\n", "expressions are nested too deep for Python; correct the file"),
    ],
    ids=["bytes", "encoding", "no text encoding", "NUL", "depth"],
)
def test_what_python_cannot_read_is_refused_in_one_line(content, said, tmp_path):
    (tmp_path / "module.py").write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_source(tmp_path / "module.py")
    (line,) = str(caught.value).splitlines()
    assert line.startswith(f"{tmp_path / 'module.py'}: ")
    assert line.endswith(said)


def test_the_running_program_is_no_module(mine):
    with pytest.raises(InputError, match="module __main__ is not found"):
        names(mine, "__main__")


HASHES = """
import json, sys
from pathlib import Path
from anatomy.runtime.imports import read_source
print(json.dumps([read_source(Path(path)).hash for path in sys.argv[1:]]))
"""


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_hashes_are_the_same_on_other_pythons(version, tmp_path):
    python = shutil.which(f"python{version}")
    # A shim of pyenv is there for versions that are not.
    if python is None or subprocess.run([python, "-c", ""], capture_output=True).returncode:
        pytest.skip(f"no Python {version} here")
    write(tmp_path, {"plain": PLAIN, "commented": COMMENTED, "template": TEMPLATE})
    paths = [*SOURCES, *tmp_path.glob("*.py")]
    told = subprocess.run(
        [python, "-c", HASHES, *paths], capture_output=True, text=True, env=environment(), check=True
    )
    assert json.loads(told.stdout) == [read_source(path).hash for path in paths]


# What a program runs


@pytest.fixture
def mine(inside, tmp_path):
    """A project directory of a user's own, with a program that imports nothing."""
    write(tmp_path, {"program": "x = 1\n"})
    return tmp_path


def names(folder, *modules):
    """What the program runs with these modules, but itself."""
    return code_of(folder / "program.py", modules).keys() - {"program.py"}


def test_imports_are_followed_wherever_they_stand(mine):
    inside = "from anatomy.runtime.locks import locked\n    import anatomy.runtime.errors\n"
    write(mine, {"program": f"def f():\n    {inside}"})
    found = code_of(mine / "program.py")
    assert found.keys() >= {"program.py", "anatomy", "anatomy.runtime", "anatomy.runtime.locks"}
    assert "anatomy.runtime.errors" in found
    assert "anatomy.training" not in found
    assert found["anatomy.runtime.locks"].path == LIBRARY / "anatomy/runtime/locks.py"


def test_modules_of_a_users_package_are_followed_within_it_and_into_this_library(mine):
    write(
        mine,
        {
            "nets.__init__": "",
            "nets.small": "from . import layers\nfrom .sub.parts import a\nimport numpy, other, nets.plain\n",
            "nets.layers": "",
            "nets.plain": "from anatomy.runtime import locks\n",
            "nets.unused": "",
            "nets.sub.__init__": "",
            "nets.sub.parts": "from .. import deep\nfrom ..relative import thing\n",
            "nets.deep": "",
            "nets.relative": "",
            "other": "",
            "numpy": "",
        },
    )
    found = names(mine, "nets.small")
    assert {name for name in found if not name.startswith("anatomy")} == {
        "nets",
        "nets.small",
        "nets.layers",
        "nets.plain",
        "nets.sub",
        "nets.sub.parts",
        "nets.deep",
        "nets.relative",
    }
    assert "anatomy.runtime.locks" in found


def test_a_module_in_no_package_is_followed_within_its_folder(mine):
    write(mine, {"nets": "import layers, json\nfrom anatomy.runtime import locks\n"})
    write(mine, {"layers": "", "unused": ""})
    found = names(mine, "nets")
    assert {name for name in found if not name.startswith("anatomy")} == {"nets", "layers"}
    # What this library imports is looked for in no folder of the user's.
    write(mine, {"contextlib": "", "pathlib": ""})
    assert names(mine, "nets") == found


def test_an_edit_of_what_is_imported_changes_the_hash_and_one_beside_it_does_not(mine):
    write(mine, {"nets": "import layers\n", "layers": "x = 1\n", "unused": "x = 1\n"})

    def total():
        return hash_of_code(code_of(mine / "program.py", ["nets"]))

    before = total()
    write(mine, {"unused": "x = 2\n", "layers": "# A comment.\nx = 1\n"})
    assert total() == before
    write(mine, {"layers": "x = 2\n"})
    assert total() != before


def test_this_package_is_never_taken_from_the_working_directory(mine):
    write(mine, {"anatomy.__init__": "x = 1\n", "anatomy.runtime.__init__": ""})
    write(mine, {"anatomy.runtime.locks": "x = 1\n"})
    write(mine, {"nets": "from anatomy.runtime import locks\n"})
    for modules in (["nets"], ["anatomy.runtime.locks"]):
        found = code_of(mine / "program.py", modules)
        for name, source in found.items():
            assert not name.startswith(PACKAGE) or source.path.is_relative_to(LIBRARY)


def test_an_installed_package_is_followed_within_itself(mine, monkeypatch, tmp_path_factory):
    installed = tmp_path_factory.mktemp("env") / "site-packages"
    write(installed, {"theirs": "import json, helper\n", "helper": ""})
    write(installed, {"wide.__init__": "from . import a\n", "wide.a": ""})
    monkeypatch.setattr(sys, "path", [*sys.path, str(installed)])
    assert names(mine, "theirs") == {"theirs"}
    assert names(mine, "wide") == {"wide", "wide.a"}
    # The working directory's comes first.
    write(mine, {"wide": ""})
    assert code_of(mine / "program.py", ["wide"])["wide"].path == mine / "wide.py"


def test_a_module_that_is_not_found_is_refused(mine):
    with pytest.raises(InputError, match=rf"^module mine\.nets is not found; looked in {mine}, "):
        code_of(mine / "program.py", ["mine.nets"])


def test_circles_end(mine):
    write(mine, {"one": "import two\n", "two": "import one\n"})
    assert names(mine, "one") == {"one", "two"}


# Against what Python imports

RUNS = """
import json, runpy, sys
found = {}
for path in sys.argv[1:]:
    for name in [name for name in sys.modules if name.partition(".")[0] == "anatomy"]:
        del sys.modules[name]
    sys.argv = [path, "--help"]
    try:
        runpy.run_path(path, run_name="__main__")
    except SystemExit:
        pass
    found[path] = [name for name in sys.modules if name.partition(".")[0] == "anatomy"]
print("\\n" + json.dumps(found))
"""


def test_whatever_a_program_imports_is_code_of_it():
    told = subprocess.run(
        [sys.executable, "-c", RUNS, *PROGRAMS], capture_output=True, text=True, env=environment()
    )
    assert told.returncode == 0, told.stderr
    found = json.loads(told.stdout.splitlines()[-1])
    assert found.keys() == set(map(str, PROGRAMS))
    for program in PROGRAMS:
        assert found[str(program)], program
        assert set(found[str(program)]) <= code_of(program).keys(), program


def test_whatever_a_training_imports_is_code_of_it(dataset_folder, tmp_path):
    settings = {**SETTINGS, "epochs": 1}
    arguments = ["--experiment", "e", "--settings", json.dumps(settings), "--schema", SCHEMA_FILE]
    arguments += ["--dataset", dataset_folder, "--seed", "0", "--output", tmp_path / "run"]
    at_exit = (
        "import atexit, runpy, sys\n"
        "atexit.register(lambda: print(*[n for n in sys.modules if n.partition('.')[0] == 'anatomy']))\n"
        "sys.argv = sys.argv[1:]\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    program = SCRIPTS / "train_network.py"
    told = subprocess.run(
        [sys.executable, "-c", at_exit, program, *arguments],
        capture_output=True,
        text=True,
        env=environment(),
    )
    assert told.returncode == 0, told.stderr
    imported = set(told.stdout.splitlines()[-1].split())
    assert {"anatomy.training.loop", "anatomy.networks.families.vgg"} <= imported
    assert imported <= code_of(program, modules_of(Settings(settings, RUN_SCHEMA))).keys()
