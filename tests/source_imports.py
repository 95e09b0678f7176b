"""What a source file imports, followed through the library: for tests of environments and of rules."""

import ast
import sys
from functools import cache

from conftest import ROOT

LIBRARY = ROOT / "src" / "anatomy"
# Programs that people start and no rule does: they offer the commands of all studies.
FOR_PEOPLE = {"compare.py", "status.py", "verify.py"}
# Modules that a program finds by a name in the configuration.
FAMILIES = list(LIBRARY.glob("networks/families/[a-z]*.py"))
NAMED_BY_RUNS = [
    *FAMILIES,
    *LIBRARY.glob("training/schedules/[a-z]*.py"),
    *LIBRARY.glob("training/losses/[a-z]*.py"),
]
BY_NAME = {
    "prepare_dataset.py": LIBRARY.glob("data/sources/[a-z]*.py"),
    "plot_figure.py": LIBRARY.glob("studies/*/figures/[a-z]*.py"),
    "judge_claims.py": LIBRARY.glob("studies/*/claims/*.py"),
    **dict.fromkeys(("train_network.py", "reinitialise_layers.py"), NAMED_BY_RUNS),
    "import_pretrained.py": FAMILIES,
}
BY_NAME = {program: sorted(paths) for program, paths in BY_NAME.items()}
# Names that differ between an import and PyPI.
PYPI_OF_IMPORT = {
    "PIL": "pillow",
    "mpl_toolkits": "matplotlib",
    "sklearn": "scikit-learn",
    "vl_convert": "vl-convert-python",
    "yaml": "pyyaml",
}


@cache
def names_in(path):
    """Dotted names that a source file imports itself."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Import():
                names |= {alias.name for alias in node.names}
            case ast.ImportFrom():
                names |= {f"{node.module}.{alias.name}" for alias in node.names}
            case ast.Call(func=ast.Attribute(attr="import_module"), args=[ast.Constant(value=name)]):
                names.add(name)
    return names


def imports(path, seen=None):
    """Third-party packages that a program imports, by PyPI name, through the library's modules too.

    `seen` collects the files of the library and of the program.
    """
    seen = set() if seen is None else seen
    if path in seen:
        return set()
    seen.add(path)
    found = set()
    for name in names_in(path):
        package, *parts = name.split(".")
        if package == "anatomy":
            for length in range(len(parts) + 1):
                module = LIBRARY.joinpath(*parts[:length])
                files = [module / "__init__.py", module.with_suffix(".py")]
                found |= set().union(*(imports(file, seen) for file in files if file.is_file()))
        elif package not in sys.stdlib_module_names:
            found.add(PYPI_OF_IMPORT.get(package, package))
    for file in BY_NAME.get(path.name, []):
        found |= imports(file, seen)
    return found
