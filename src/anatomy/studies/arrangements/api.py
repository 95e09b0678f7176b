"""What `import anatomy` offers of this study, imported on demand: pandas and scipy take a second."""

from typing import Any

OFFERS = ("projections", "summarise", "distances")
# Subcommands of the console command, modules of `commands`.
COMMANDS = ("project",)


def __getattr__(name: str) -> Any:
    """Return what is offered under `name`."""
    if name not in OFFERS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from anatomy.studies.arrangements import any_network

    return getattr(any_network, name)
