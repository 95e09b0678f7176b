"""What a Python file says of itself in literals, read without importing it."""

import ast
from pathlib import Path
from typing import Any


def literals(path: Path) -> dict[str, Any]:
    """Return the constants of a file, names in capitals, whose values stand there as literals."""
    found = {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            if name.isupper():
                try:
                    found[name] = ast.literal_eval(node.value)
                except ValueError:
                    continue
    return found
