"""Projection statistics and re-initialisation of trained convolutional networks.

The science of the pipeline, importable on its own. Modules that need torch import it themselves, so
that statistics, tables and figures start without it.
"""

__version__ = "0.1.0"

_FRONT = ("projections", "summarise", "distances")
__all__ = ["__version__", *_FRONT]


def __getattr__(name: str):
    """Import what measures a network when it is asked for: pandas and scipy take a second."""
    if name not in _FRONT:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from hyperplanes import measuring

    return getattr(measuring, name)
