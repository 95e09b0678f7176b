"""What a Python file says of itself in literals, read without importing it."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from anatomy.runtime.syntax import read_text, tree_of


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
    for node in tree_of(read_text(path), path).body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name), *_], value=value):
                pass
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                pass
            case _:
                continue
        if name.isupper():
            yield name, value
