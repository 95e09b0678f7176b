"""What `import anatomy` offers of this study, imported on demand: torch takes a second."""

from typing import Any

OFFERS = ("line", "curve", "simplex", "matched")
# Subcommands of the console command, modules of `commands`.
COMMANDS = ("subspaces",)


def __getattr__(name: str) -> Any:
    """Return what is offered under `name`."""
    if name not in OFFERS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from anatomy.studies.subspaces import any_networks

    return getattr(any_networks, name)
