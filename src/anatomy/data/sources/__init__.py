"""Where data sets come from: one module for each `source` of the configuration, found by its name.

Each has `prepare(name, settings, folder)`: it makes, reads or downloads data set `name` by its entry of the
configuration and writes it to `folder`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from anatomy.data.search_path import locate
from anatomy.runtime.errors import InputError
from anatomy.runtime.named import module_in
from anatomy.runtime.outputs import check_outputs
from anatomy.runtime.own_code import is_own, module_of_own
from anatomy.runtime.run_checks import crop_problems
from anatomy.runtime.settings import Settings

# Keys of a data set that change nothing of it.
NAMING = ("label", "homepage")
# What makes data sets of a user's own source; named and not imported, as other sources do not run it.
OWN = "own_source"


def module_of(source: str) -> str:
    """Return the dotted name of the module of a source: one of these, or a user's own.

    `InputError` if there is none of this name.
    """
    if is_own(source):
        return module_of_own(source)
    return module_in(__name__, source, "source", ", or package.module:name")


def settings_of(entry: Mapping[str, Any], parts: Mapping[str, Any]) -> Settings:
    """Return the settings of a data set by its entry and the definitions of the engine's schema.

    `InputError` if it has no source, keys that its source does not take, or that do not go together.
    """
    common = parts["dataset"]
    named = Settings({key: entry[key] for key in common["required"] if key in entry}, common)
    source = named.require().source
    module_of(source)
    settings = Settings(entry, parts[OWN if is_own(source) else source])
    if wrong := list(crop_problems(settings)):
        raise InputError("; ".join(wrong))
    return settings


def located(name: str, settings: Settings, folder: Path) -> Path:
    """Return where `path` of a data set lies in the search path.

    `InputError` if it is not there, or if `folder`, to which the data set is written, lies within it.
    """
    path = locate(settings.path, name, settings.homepage)
    check_outputs([("--output", folder)], [path])
    return path


def described(settings: Settings) -> dict[str, Any]:
    """Return what the description of a data set says of its source: all that decides its content."""
    return {key: value for key, value in settings.stored().items() if key not in NAMING}
