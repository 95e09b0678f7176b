"""Importing large packages."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_collection() -> Iterator[None]:
    """Import packages in this context without looking for garbage: torch takes a third less time to import.

    What was made in it is never looked at again, which makes the end of a program shorter as well.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()
