"""Names of networks: which there are, at which widths, and what they are called; without torch.

Nothing that trains a network imports this, so that a better message on widths trains nothing again.
"""

from anatomy.networks.family import (
    dropout_problem,
    families,
    family_module,
    family_of,
    lacks_convolutions,
    log_probabilities_problem,
    module_of,
    options_problem,
    points_problem,
    shaping_options,
    side_problem,
)
from anatomy.networks.layouts import Layout
from anatomy.runtime.errors import InputError

__all__ = [
    "architecture_label",
    "dropout_problem",
    "lacks_convolutions",
    "layout_of",
    "log_probabilities_problem",
    "name_problem",
    "names",
    "options_problem",
    "points_problem",
    "require_architecture",
    "shaping_options",
    "side_problem",
    "width_problem",
]


def names() -> dict[str, str]:
    """Return the names of all networks that this library lists, with their labels."""
    return {name: label for family in families() for name, label in family.names.items()}


def name_problem(architecture: str) -> str | None:
    """Say what is wrong with the name of a network; None if nothing is.

    Names of timm, and of a user's own networks, are looked up when the network is built: importing them takes
    seconds.
    """
    try:
        module_of(architecture)
    except InputError as error:
        return str(error)
    return None


def width_problem(architecture: str, width: float) -> str | None:
    """Say why a network cannot have this width; None if it can, or if it is a user's own."""
    if not 0 < width < float("inf"):
        return f"width is {width}, expected a factor on the channels above 0; 1 is the network as published"
    family = family_of(architecture)
    if width == 1 or family is None:
        return None
    if family.least_width is None:
        scalable = ", ".join(
            name for each in families() if each.least_width is not None for name in each.names
        )
        return (
            f"{architecture} has one width only; set width to 1, or take one of those that scale: {scalable}"
        )
    if width < family.least_width:
        least = family.least_width
        return f"{architecture} is at least {least} wide; with fewer channels torch corrupts its memory"
    return None


def require_architecture(architecture: str, width: float = 1.0) -> None:
    """Raise `InputError` if there is no network of this name and width."""
    if problem := name_problem(architecture) or width_problem(architecture, width):
        raise InputError(problem)


def architecture_label(architecture: str) -> str:
    """Return the name of a network as it is usually written, e.g. `VGG19-BN`, `ResNet18`."""
    return names().get(architecture, architecture.rpartition(":")[2])


def layout_of(architecture: str) -> Layout | None:
    """Return the layers of a network whose family lists them, so that its shapes are known without torch."""
    family = family_of(architecture)
    if family is None or not family.layouts:
        return None
    return family_module(architecture).LAYOUTS.get(architecture)
