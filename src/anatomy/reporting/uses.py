"""Which tables the claims of a study use, read from their files without importing them.

Claims stand in `claims.py` of a study, or in the files of its folder `claims`; each is a function under a
decorator `claim(uses={figure: "table table"}, ...)`.
"""

import ast
from collections.abc import Mapping
from pathlib import Path

from anatomy.reporting.kinds import PACKAGE
from anatomy.runtime.errors import InputError
from anatomy.runtime.syntax import read_text, tree_of


def claiming_studies() -> list[str]:
    """Return the studies that have claims."""
    return sorted(path.name for path in PACKAGE.glob("studies/*") if _files(path.name))


def uses_of(study: str) -> dict[str, dict[str, list[str]]]:
    """Return the tables that each claim of a study uses: {id: {figure: [table, ...]}}."""
    found = {}
    for path in _files(study):
        for node in tree_of(read_text(path), path).body:
            for call in getattr(node, "decorator_list", ()):
                if isinstance(call, ast.Call) and ast.unparse(call.func) == "claim":
                    found[identifier(node.name)] = _uses(call, f"{path}: claim {node.name}")
    return found


def identifier(function: str) -> str:
    """Return the id of the claim that a function of this name judges."""
    return function.replace("_", "-")


def tables_by_figure(uses: Mapping[str, str]) -> dict[str, list[str]]:
    """Return what a claim uses as lists; in its decorator the tables of a figure are one text."""
    return {figure: tables.split() for figure, tables in uses.items()}


def _files(study: str) -> list[Path]:
    folder = PACKAGE / "studies" / study
    return sorted([*folder.glob("claims.py"), *folder.glob("claims/*.py")])


def _uses(call: ast.Call, where: str) -> dict[str, list[str]]:
    """Return `uses` of a decorator; `InputError` if it does not stand there as a literal."""
    for keyword in call.keywords:
        if keyword.arg == "uses":
            try:
                return tables_by_figure(ast.literal_eval(keyword.value))
            except ValueError:
                break
    raise InputError(f'{where}: expected uses={{figure: "table table"}} as a literal')
