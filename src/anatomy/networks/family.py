"""The family of a network, found by the names that its file lists; no family is imported to find one."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from types import ModuleType

from anatomy.runtime.errors import InputError
from anatomy.runtime.imports import LIBRARY
from anatomy.runtime.literals import literals
from anatomy.runtime.named import names_in
from anatomy.runtime.own_code import is_own, module_of_own

PACKAGE = "anatomy.networks.families"


@dataclass(frozen=True)
class Family:
    """A module of `families`: its networks with their labels, and what it says of them in literals.

    `prefix` comes before the names of networks that another library lists; `least_width` is None if all
    have one width.
    """

    name: str
    module: str
    names: Mapping[str, str]
    prefix: str | None
    least_width: float | None


@cache
def families() -> tuple[Family, ...]:
    """Return all families, in the order of their names; `InputError` if a file does not list its networks."""
    found: list[Family] = []
    for name in names_in(PACKAGE):
        module = f"{PACKAGE}.{name}"
        path = LIBRARY.joinpath(*module.split(".")).with_suffix(".py")
        own = literals(path)
        names = own.get("NAMES")
        if not isinstance(names, Mapping | tuple | list):
            raise InputError(f"{path} has no literal NAMES; expected names with their labels, or names alone")
        names = names if isinstance(names, Mapping) else {each: each for each in names}
        for other in found:
            if twice := names.keys() & other.names.keys():
                raise InputError(f"{path}: family {other.name} has {min(twice)} as well; rename one")
        found.append(Family(name, module, names, own.get("PREFIX"), own.get("LEAST_WIDTH")))
    return tuple(found)


def family_of(architecture: str) -> Family | None:
    """Return the family of a network; None for a user's own, and for a name that is none."""
    for family in families():
        if architecture in family.names or (family.prefix and architecture.startswith(family.prefix)):
            return family
    return None


def module_of(architecture: str) -> str:
    """Return the dotted name of the module with a network: of its family, or a user's own.

    `InputError` if no family has this name.
    """
    if is_own(architecture):
        return module_of_own(architecture)
    family = family_of(architecture)
    if family is None:
        names = [name for family in families() for name in family.names]
        close = difflib.get_close_matches(architecture, names, 3)
        hint = f", did you mean {' or '.join(close)}?" if close else ";"
        others = [
            f"{family.prefix}<name> if {family.name} is installed" for family in families() if family.prefix
        ]
        raise InputError(
            f"{architecture!r} is not an architecture{hint} allowed: {', '.join([*names, *others])}, and "
            "package.module:Class of your own"
        )
    return family.module


def family_module(architecture: str) -> ModuleType | None:
    """Import the family of a network; None for a user's own. `InputError` if no family has this name."""
    return None if is_own(architecture) else import_module(module_of(architecture))
