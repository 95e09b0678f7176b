"""The family of a network, found by the names that its file lists; no family is imported to find one."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType

from anatomy.networks import families as package
from anatomy.runtime.errors import InputError
from anatomy.runtime.literals import literals
from anatomy.runtime.own_code import is_own, module_of_own

FOLDER = Path(package.__file__).parent


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
    """Return all families, in the order of their names."""
    found = []
    for path in sorted(FOLDER.glob("[!_]*.py")):
        own = literals(path)
        names = own["NAMES"] if isinstance(own["NAMES"], Mapping) else {name: name for name in own["NAMES"]}
        module = f"{package.__name__}.{path.stem}"
        found.append(Family(path.stem, module, names, own.get("PREFIX"), own.get("LEAST_WIDTH")))
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
        names = ", ".join(name for family in families() for name in family.names)
        raise InputError(
            f"{architecture!r} is not an architecture; allowed: {names}, and package.module:Class"
        )
    return family.module


def family_module(architecture: str) -> ModuleType | None:
    """Import the family of a network; None for a user's own. `InputError` if no family has this name."""
    return None if is_own(architecture) else import_module(module_of(architecture))
