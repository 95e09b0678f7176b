"""Where data sets come from: one module for each `source` of the configuration, found by its name.

Each has `prepare(name, settings, folder)`: it makes, reads or downloads data set `name` by its entry of the
configuration and writes it to `folder`.
"""

from typing import Any

from anatomy.runtime.named import module_in
from anatomy.runtime.own_code import is_own, module_of_own
from anatomy.runtime.settings import Settings

# Keys of a data set that change nothing of it.
NAMING = ("label", "homepage")


def module_of(source: str) -> str:
    """Return the dotted name of the module of a source: one of these, or a user's own.

    `InputError` if there is none of this name.
    """
    if is_own(source):
        return module_of_own(source)
    return module_in(__name__, source, "source", ", or package.module:name")


def described(settings: Settings) -> dict[str, Any]:
    """Return what the description of a data set says of its source: all that decides its content."""
    return {key: value for key, value in settings.stored().items() if key not in NAMING}
