"""Constants of a Python file, read without importing it."""

import pytest

from anatomy.runtime.errors import InputError
from anatomy.runtime.literals import literals


def test_only_constants_that_stand_there_as_literals_are_read(tmp_path):
    path = tmp_path / "module.py"
    path.write_text(
        "import gone\n"
        'TEXT = ("in two " "parts")\n'
        "NAMES = ('a', 'b')\n"
        "EMPTY = ()\n"
        "COMPUTED = len(NAMES)\n"
        "lower = 1\n"
        "TYPED: tuple[str, ...] = ('c',)\n"
        "DECLARED: int\n"
        "FIRST, SECOND = 1, 2\n"
        "def function():\n"
        "    INSIDE = 1\n"
    )
    assert literals(path) == {"TEXT": "in two parts", "NAMES": ("a", "b"), "EMPTY": (), "TYPED": ("c",)}


def test_what_is_no_python_is_refused(tmp_path):
    path = tmp_path / "module.py"
    path.write_text("A = 1\nB = )\n")
    with pytest.raises(InputError, match=rf"^{path}, line 2: unmatched '\)'; correct the file$"):
        literals(path)


def test_what_is_no_text_is_refused(tmp_path):
    path = tmp_path / "module.py"
    path.write_bytes(b"A = '\xe4'\n")
    with pytest.raises(InputError, match=rf"^{path}: .*; save the file as UTF-8$"):
        literals(path)
