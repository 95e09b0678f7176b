"""What `import anatomy` offers of this study, imported on demand: pandas and scipy take a second."""

from importlib import import_module
from typing import Any

# Modules of this study by what they offer.
_MODULES = {
    "projections": "any_network",
    "summarise": "any_network",
    "distances": "any_network",
    "reinitialise": "any_reset",
    "plot": "any_plot",
}
OFFERS = tuple(_MODULES)
# Subcommands of the console command, modules of `commands`.
COMMANDS = ("project", "reinitialise")


def __getattr__(name: str) -> Any:
    """Return what is offered under `name`."""
    if name not in OFFERS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__package__}.{_MODULES[name]}"), name)
