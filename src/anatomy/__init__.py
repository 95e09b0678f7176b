"""Anatomy of trained networks: the engine and the studies, importable on their own.

Modules that need torch import it themselves, so that statistics, tables and figures start without it.
"""

import importlib
import importlib.metadata
import pkgutil
from types import ModuleType
from typing import Any


def __getattr__(name: str) -> Any:
    """Import what a study offers when it is asked for: pandas and scipy take a second."""
    if name == "__version__":
        return importlib.metadata.version("anatomy-of-trained-networks")
    # What Python itself asks for is no study's.
    offers = {} if name.startswith("_") else _offers()
    if name not in offers:
        known = f"; studies offer {', '.join(sorted(offers))}" if offers else ""
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}{known}")
    return getattr(offers[name], name)


def __dir__() -> list[str]:
    """Return the names in this package, and those that studies offer."""
    return sorted({*globals(), *_offers()})


def _offers() -> dict[str, ModuleType]:
    """Return the names that studies offer (`OFFERS` of their `api`), each with the module that has it."""
    studies = importlib.import_module(f"{__name__}.studies")
    names = [f"{studies.__name__}.{study.name}.api" for study in pkgutil.iter_modules(studies.__path__)]
    return {name: api for api in map(importlib.import_module, names) for name in api.OFFERS}
