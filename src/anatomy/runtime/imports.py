"""What a program imports: large packages faster; its own code, file by file, and hashes of what that does."""

import ast
import gc
import hashlib
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path

from anatomy.runtime.errors import InputError
from anatomy.runtime.syntax import read_text, tree_of

# This package, and the folder that holds it.
PACKAGE = __name__.partition(".")[0]
LIBRARY = Path(__file__).parents[2]
# String literals, which may hold a #; and ends of lines, with comments and empty lines that follow.
_STRING_OR_END = re.compile(
    r"""(\"{3}|'{3})(?:\\.|(?!\1).)*\1 | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*'
        | (?P<end>(?:[ \t]*(?:\#[^\n]*)?\n)+)""",
    re.DOTALL | re.VERBOSE,
)
# Hexadecimal digits of a hash that tell two versions of a file apart.
DIGITS = 12


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


@dataclass(frozen=True)
class Source:
    """A source file: a hash of what it does, and the dotted names that it imports, wherever in the file."""

    path: Path
    hash: str
    imports: tuple[str, ...]


def read_source(path: Path, package: str = "") -> Source:
    """Read a source file; comments, docstrings and blank lines do not count for the hash.

    The hash is of text, and not of a syntax tree: trees differ between versions of Python. Relative imports
    are of `package`. `InputError` if it is no Python.
    """
    return _understood(path, read_text(path), package)


# A program looks at its own code twice, before and after its work.
@cache
def _understood(path: Path, text: str, package: str) -> Source:
    tree = tree_of(text, path)
    names = []
    for node in _statements(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            around = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
            start = ".".join(filter(None, [*around, node.module]))
            names += [f"{start}.{alias.name}" for alias in node.names]
    return Source(path, hashlib.sha256(what_counts(text, tree).encode()).hexdigest(), tuple(names))


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """Yield a node and all statements within it, at any depth; not their expressions."""
    yield node
    for part in ("body", "orelse", "finalbody", "handlers", "cases"):
        for child in getattr(node, part, ()):
            yield from _statements(child)


def what_counts(text: str, tree: ast.Module) -> str:
    """Return a source without comments, docstrings and blank lines."""
    plain = "\n".join([*_without_docstrings(text, tree), ""])
    return _STRING_OR_END.sub(lambda match: "\n" if match["end"] else match[0], plain).strip()


def _without_docstrings(text: str, tree: ast.Module) -> list[str]:
    """Return the lines of a source without those of docstrings that share no line with code."""
    lines = text.split("\n")
    for node in _statements(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.body:
            first = node.body[0]
            value = first.value if isinstance(first, ast.Expr) else None
            if not (isinstance(value, ast.Constant) and isinstance(value.value, str)):
                continue
            before = lines[first.lineno - 1].encode()[: first.col_offset]
            after = lines[first.end_lineno - 1].encode()[first.end_col_offset :]
            if not before.strip() and not after.partition(b"#")[0].strip():
                lines[first.lineno - 1 : first.end_lineno] = [""] * (first.end_lineno - first.lineno + 1)
    return lines


def code_of(program: Path, modules: Iterable[str] = ()) -> dict[str, Source]:
    """Return the source files that a program runs, by their names: its own, and those that it imports.

    Imports are followed within this library. `modules` are further ones by their dotted names, those that
    are found by a name in the configuration: of this library, or a user's own, whose imports are followed
    within its package, or within its folder if it is in none. `InputError` if one cannot be found.
    """
    found = {program.name: read_source(program)}
    waiting = [(name, LIBRARY, PACKAGE) for name in found[program.name].imports]
    waiting += [(module, *_home_of(module)) for module in modules]
    while waiting:
        name, folder, package = waiting.pop()
        top = name.partition(".")[0]
        if top == PACKAGE:
            folder, package = LIBRARY, PACKAGE
        elif package and top != package:
            continue
        for own, path in _files_of(name, folder):
            if own not in found:
                around = own if path.name == "__init__.py" else own.rpartition(".")[0]
                found[own] = read_source(path, around)
                waiting += [(other, folder, package) for other in found[own].imports]
    return dict(sorted(found.items()))


def _home_of(module: str) -> tuple[Path, str]:
    """Return the folder from which a module is imported, and the package within which its imports count.

    The package is empty for a module of a folder of the user's that is no package: then all of that folder
    counts.
    """
    parts = module.split(".")
    if parts[0] == PACKAGE:
        return LIBRARY, PACKAGE
    file = file_of(module)
    folder = file.parents[len(parts) - (file.name != "__init__.py")]
    if file not in (path for _, path in _files_of(module, folder)):
        raise InputError(f"module {module} is {file}; rename its folders to those of the module")
    installed = folder.name in ("site-packages", "dist-packages")
    return folder, parts[0] if len(parts) > 1 or installed else ""


def file_of(module: str) -> Path:
    """Return the file of a user's module, which is not imported; `InputError` if it is not found.

    It is the one that Python imports with the working directory in front of its path.
    """
    folders: Iterable[str | Path] = search_path()
    file = None
    for index, part in enumerate(module.split(".")):
        file, folders = _found(part, folders)
        # Editable installs have finders of their own.
        if index == 0 and not (file or folders) and (spec := _spec_of(part)) is not None:
            file = Path(spec.origin) if spec.has_location else None
            folders = spec.submodule_search_locations or []
    if file is None or file.suffix != ".py":
        raise InputError(
            f"module {module} is not found; looked in {', '.join(search_path())}; put it there, or install it"
        )
    return file


def _spec_of(name: str) -> ModuleSpec | None:
    """Return where Python finds a module or package of no dots; None if it does not, or runs it already."""
    try:
        return find_spec(name)
    except ValueError:
        return None


def _found(name: str, folders: Iterable[str | Path]) -> tuple[Path | None, list[Path]]:
    """Return the file of a module or package, in the first of `folders` that has it, and its own folders.

    A package without a file has all folders of its name.
    """
    portions = []
    for module in (Path(folder, name) for folder in folders):
        if (file := module / "__init__.py").is_file():
            return file, [module]
        if (file := module.with_suffix(".py")).is_file():
            return file, []
        if module.is_dir():
            portions.append(module)
    return None, portions


def search_path() -> list[str]:
    """Return where modules of users are looked for: the working directory, and what Python's path has."""
    return list(dict.fromkeys([str(Path.cwd()), *filter(None, sys.path)]))


@cache
def _files_of(name: str, root: Path) -> tuple[tuple[str, Path], ...]:
    """Return the files that run when a dotted name is imported: packages around it, and its own."""
    around, _, _ = name.rpartition(".")
    module = root.joinpath(*name.split("."))
    own = [path for path in (module / "__init__.py", module.with_suffix(".py")) if path.is_file()]
    return (*(_files_of(around, root) if around else ()), *((name, path) for path in own))


def hash_of_code(code: Mapping[str, Source]) -> str:
    """Return one hash of all that `code_of` found."""
    return hashlib.sha256(
        "".join(f"{name}:{source.hash}\n" for name, source in code.items()).encode()
    ).hexdigest()
