"""The family of a network, found by the names that its file lists; no family is imported to find one."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

from anatomy.runtime.errors import InputError
from anatomy.runtime.imports import LIBRARY
from anatomy.runtime.literals import constants, literals
from anatomy.runtime.named import names_in
from anatomy.runtime.own_code import is_own, module_of_own
from anatomy.runtime.schema import defaults
from anatomy.runtime.values import problems

PACKAGE = "anatomy.networks.families"


@dataclass(frozen=True)
class Family:
    """A module of `families`: its networks with their labels, and what it says of them in literals.

    `prefix` comes before the names of networks that another library lists; `least_width` is None if all
    have one width, `least_side` 1 if images may have any size, or it is not known. `options` are parts of a
    schema; `dropout` and `points` say whether there are forms with dropout, and whether inputs may be points,
    `layouts` whether its module lists the layers of each network, without torch.
    """

    name: str
    module: str
    names: Mapping[str, str]
    prefix: str | None
    least_width: float | None
    least_side: int
    options: Mapping[str, Mapping[str, Any]]
    dropout: bool
    points: bool
    layouts: bool


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
        found.append(
            Family(
                name,
                module,
                names,
                own.get("PREFIX"),
                own.get("LEAST_WIDTH"),
                own.get("LEAST_SIDE", 1),
                own.get("OPTIONS", {}),
                own.get("DROPOUT", False),
                own.get("POINTS", False),
                "LAYOUTS" in constants(path),
            )
        )
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


def options_problem(architecture: str, options: Mapping[str, Any], where: str = "options") -> str | None:
    """Say why a network cannot have the options of the key `where`; None if it can, or is a user's own."""
    family = family_of(architecture)
    if not options or family is None:
        return None
    if not family.options:
        others = ", ".join(name for each in families() if each.options for name in each.names)
        return (
            f"{where}: {architecture} has none, found {', '.join(options)}; remove the key, which is for "
            f"networks of your own and for {others}"
        )
    return "; ".join(problems(options, {"properties": family.options}, where)) or None


def complete_options(architecture: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a network of this library, with the defaults that its family lists."""
    given = {key: value for key, value in options.items() if value is not None}
    return {**defaults({"properties": family_of(architecture).options}), **given}


def dropout_problem(architecture: str, dropout: float) -> str | None:
    """Say why a network cannot have this dropout; None if it can, or if it is a user's own."""
    family = family_of(architecture)
    if dropout == 0 or family is None:
        return None
    if not family.dropout:
        others = ", ".join(name for each in families() if each.dropout for name in each.names)
        return f"{architecture} has no form with dropout; remove the key, or take one of {others}"
    if not 0 <= dropout < 1:
        return f"{dropout} is not allowed; expected at least 0 and less than 1"
    return None


def side_problem(architecture: str, side: int) -> str | None:
    """Say why a network cannot take images of so many pixels along a side; None if nothing is known of it."""
    family = family_of(architecture)
    if family is None or side >= family.least_side:
        return None
    least = family.least_side
    return (
        f"images of {side}x{side} px are too small for {architecture}, which needs {least}x{least}; use "
        "larger images, `upscaling`, or a shallower architecture"
    )


def shaping_options(architecture: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a network, complete, on which shapes of weights depend, as far as is known."""
    family = family_of(architecture)
    if family is None:
        return {}
    complete = complete_options(architecture, options)
    return {key: complete[key] for key, part in family.options.items() if part.get("shapes")}


def points_problem(architecture: str) -> str | None:
    """Say why a network cannot take points; None if it can, or if it is a user's own."""
    family = family_of(architecture)
    if family is None or family.points:
        return None
    others = ", ".join(name for each in families() if each.points for name in each.names)
    return (
        f"{architecture} takes images (C, H, W), but the data are points (d,); take {others}, or a network "
        "of your own"
    )


def lacks_convolutions(architecture: str) -> bool:
    """Tell whether a network is known to have none, as those that take points; of a user's own nothing is."""
    family = family_of(architecture)
    return family is not None and family.points


def log_probabilities_problem(architecture: str, options: Mapping[str, Any]) -> str | None:
    """Say why the outputs of a network are no log-probabilities; None if they are, or it is a user's own."""
    family = family_of(architecture)
    if family is None or complete_options(architecture, options).get("output") == "log_softmax":
        return None
    return f"outputs of {architecture} are no log-probabilities; " + (
        "set options.output to log_softmax, or take cross_entropy, which is the same"
        if "output" in family.options
        else "take cross_entropy, which is the same of their softmax"
    )
