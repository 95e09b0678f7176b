"""Where data sets come from: one module for each `source` of the configuration, found by its name.

Each has `prepare(name, settings, folder)`: it makes, reads or downloads data set `name` by its entry of the
configuration and writes it to `folder`.
"""

from pathlib import Path
from typing import Any

from anatomy.runtime.errors import InputError
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
    names = sorted(path.stem for path in Path(__file__).parent.glob("[!_]*.py"))
    if source not in names:
        raise InputError(
            f"{source!r} is not a source; allowed: {', '.join(names)}, and package.module:function "
            "of your own"
        )
    return f"{__name__}.{source}"


def described(settings: Settings) -> dict[str, Any]:
    """Return what the description of a data set says of its source: all that decides its content."""
    return {key: value for key, value in settings.stored().items() if key not in NAMING}
