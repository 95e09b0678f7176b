"""Packages import in one direction: the table of docs/house.md, held against every import of the library."""

import ast
import subprocess
import sys

import pytest
from conftest import environment
from source_imports import LIBRARY

# By package, or module, what its modules may import beside their own; the longest name that fits decides.
# With `=` the package itself alone: what is in it is found by its name.
MAY_IMPORT = {
    "runtime": [],
    "data": ["runtime"],
    "networks": ["runtime"],
    "checkpoints": ["networks.layouts", "runtime"],
    "reporting": ["runtime"],
    "configuration": [
        *("networks.catalogue", "networks.sizes", "reporting.figures", "reporting.kinds", "runtime"),
        "=studies",
    ],
    "training": ["data", "networks", "checkpoints", "reporting.tables", "runtime"],
    "studies": [
        *("training.trained", "training.task", "training.evaluation", "training.losses"),
        *("data", "networks", "checkpoints", "reporting", "runtime"),
    ],
    "studies.arrangements.hp_arrangements": [
        *("studies.arrangements", "training", "configuration"),
        *("data", "networks", "checkpoints", "reporting", "runtime"),
    ],
    "__init__": ["=studies"],
    "__main__": ["=studies", "configuration.files", "reporting", "runtime"],
}
# Where importing torch, or matplotlib, would slow down what needs neither.
WITHOUT = {
    "checkpoints": {"torch"},
    "reporting": {"torch"},
    "configuration": {"torch", "matplotlib"},
    "networks.catalogue": {"torch"},
    "networks.layouts": {"torch"},
    "networks.sizes": {"torch"},
    "studies.arrangements.settings": {"torch", "matplotlib"},
    "studies.arrangements.paper": {"torch", "matplotlib"},
    "studies.arrangements.api": {"torch", "matplotlib", "pandas"},
}
MODULES = sorted(".".join(path.relative_to(LIBRARY).with_suffix("").parts) for path in LIBRARY.rglob("*.py"))


def within(name, package):
    return name == package or name.startswith(f"{package}.")


def imported(module):
    """Modules of the library that a module imports, at its top or within its functions."""
    names = set()
    for node in ast.walk(ast.parse(LIBRARY.joinpath(*module.split(".")).with_suffix(".py").read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module} imports by a relative name"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    ours = {name.removeprefix("anatomy.") for name in names if within(name, "anatomy")}
    return {max((m for m in MODULES if within(name, m)), key=len, default=name) for name in ours}


def package_of(module):
    """The entry of the table that a module belongs to."""
    return max((name for name in MAY_IMPORT if within(module, name)), key=len)


def study(module):
    return module.split(".")[1] if within(module, "studies") and "." in module else None


def allows(entry, name):
    return name == entry[1:] if entry.startswith("=") else within(name, entry)


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_what_its_package_may(module):
    own = package_of(module)
    for name in imported(module):
        if own == package_of(name):
            assert study(module) == study(name), f"{module} imports {name}, of another study"
        else:
            allowed = MAY_IMPORT[own]
            assert any(allows(entry, name) for entry in allowed), (
                f"{module} imports {name}; {own} may import {', '.join(allowed) or 'nothing'}"
            )


@pytest.mark.parametrize("package", WITHOUT)
def test_packages_that_promise_it_load_without(package):
    modules = [f"anatomy.{m}" for m in MODULES if within(m, package) and not m.endswith("__init__")]
    lines = [f"import {', '.join(['sys', *modules])}", "print(*sys.modules)"]
    if package == "reporting":
        # plotting is for programs that draw.
        lines[0] = lines[0].replace(", anatomy.reporting.plotting", "")
    result = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)],
        capture_output=True,
        text=True,
        check=True,
        env=environment(),
    )
    assert not WITHOUT[package] & set(result.stdout.split())
