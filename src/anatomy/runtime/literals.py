"""What a Python file says of itself in literals, read without importing it."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from anatomy.runtime.errors import InputError


def literals(path: Path) -> dict[str, Any]:
    """Return the constants of a file, names in capitals, whose values stand there as literals.

    `InputError` if it is no Python.
    """
    found = {}
    for name, value in _assigned(path):
        try:
            found[name] = ast.literal_eval(value)
        except ValueError:
            continue
    return found


def constants(path: Path) -> set[str]:
    """Return the names of all constants of a file, literals or not; `InputError` as `literals`."""
    return {name for name, _ in _assigned(path)}


def _assigned(path: Path) -> Iterator[tuple[str, ast.expr]]:
    """Yield each constant of a file with the expression of its value."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except SyntaxError as error:
        raise InputError(f"{path}, line {error.lineno}: {error.msg}; correct the file") from error
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name), *_], value=value):
                pass
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                pass
            case _:
                continue
        if name.isupper():
            yield name, value
