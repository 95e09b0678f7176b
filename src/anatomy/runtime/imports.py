"""What a program imports: large packages faster, its own code as files and as a hash."""

import ast
import gc
import hashlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

PACKAGE = __name__.partition(".")[0]


@contextmanager
def without_collection() -> Iterator[None]:
    """Import packages in this context without looking for garbage: torch takes a third less time to import.

    What was made in it is never looked at again, which makes the end of a program shorter as well.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()


def code_hash() -> str:
    """Return a hash of the program that runs and of the modules of this package that it imported."""
    digest = hashlib.sha256()
    for name, module in sorted(sys.modules.items()):
        source = getattr(module, "__file__", None)
        if source and (name == "__main__" or name.split(".")[0] == PACKAGE):
            digest.update(name.encode() + Path(source).read_bytes())
    return digest.hexdigest()


def code_of(program: Path, library: Path, *modules: str) -> list[Path]:
    """Return the source files that a program runs: its own, and those of this package that it imports.

    Imports are followed wherever they stand, in functions too; `library` is the folder that holds the
    package. `modules` are named by their dotted names: those that are found by a name in the configuration.
    """
    found: dict[Path, None] = {program: None}
    waiting = [*_imported(program), *modules]
    while waiting:
        for path in _files_of(waiting.pop(), library):
            if path not in found:
                found[path] = None
                waiting += _imported(path)
    return sorted(found)


def _files_of(name: str, library: Path) -> Iterator[Path]:
    """Yield the files that run when a dotted name is imported: packages around it, and its own."""
    directory = library
    for part in name.split("."):
        directory = directory / part
        for path in (directory / "__init__.py", directory.with_suffix(".py")):
            if path.is_file():
                yield path


@cache
def _imported(path: Path) -> tuple[str, ...]:
    """Return the dotted names of this package that a file imports, modules and what is taken from them."""
    names = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return tuple(name for name in names if name.partition(".")[0] == PACKAGE)
