"""Modules of this library that the configuration names: those of a folder, found without importing any."""

from anatomy.runtime.errors import InputError
from anatomy.runtime.imports import LIBRARY


def names_in(package: str) -> list[str]:
    """Return the names of the modules of a package, sorted; not those that begin with an underscore."""
    return sorted(path.stem for path in LIBRARY.joinpath(*package.split(".")).glob("[!_]*.py"))


def module_in(package: str, name: str, key: str, others: str = "") -> str:
    """Return the dotted name of a module of a package; `InputError` names `key` and what it may be.

    `others` says, after the names, what else it may be.
    """
    names = names_in(package)
    if name not in names:
        raise InputError(f"{key}: {name!r} is not allowed; allowed: {', '.join(names)}{others}")
    return f"{package}.{name}"
