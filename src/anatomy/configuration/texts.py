"""Values of the configuration that JSON, a path, a shell or the page of the report could not hold."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

from anatomy.configuration.inheritance import OPTIONS
from anatomy.runtime.values import NO_TEXT, is_number
from anatomy.runtime.yaml_files import MOST_VALUES

# How deep values of a configuration may be nested.
DEEPEST = 50
# What a user's own code may be given all the same.
_IN_OPTIONS = "\t\n"
# Snakemake writes labels and parameters into scripts of the report's page; these would end them, or never.
_END_OF_SCRIPT = re.compile("</script|<!--", re.IGNORECASE)
# Snakemake takes braces for wildcards, and what stands between < and > for a path variable.
_OF_SNAKEMAKE = re.compile("[{}<]")
_BRACES = re.compile("[{}]")
# As its own check of wildcards has it.
REPEATED = 20
_REPEATED = re.compile(rf"(.+?)\1{{{REPEATED - 1},}}\Z")
# Its executor for Slurm puts paths between quotes of both kinds, in which a shell still reads these.
_OF_SHELL = re.compile(r"""[$`"'\\]""")


def size_problems(config: Any) -> Iterator[str]:
    """Yield why a configuration is too large to be looked at: aliases of YAML may make it so, or endless."""
    waiting, found = [(config, 0)], 0
    while waiting:
        value, depth = waiting.pop()
        found += 1
        if depth > DEEPEST:
            yield f"keys or lists are nested more than {DEEPEST} deep; remove what refers to itself"
            return
        if found > MOST_VALUES:
            yield f"there are more than {MOST_VALUES} values; remove what repeats itself"
            return
        inner = value.values() if isinstance(value, Mapping) else value
        inner = inner if isinstance(value, Mapping | list | tuple) else ()
        waiting += [(each, depth + 1) for each in inner]


def value_problems(config: Any) -> Iterator[str]:
    """Yield one sentence for each value at any depth, or key, that cannot be given to programs.

    YAML has dates, bytes, sets, infinity and integers without end; and texts may have characters that a path,
    a shell or the page of the report could not hold.
    """
    yield from _below(config, [], "")


def _below(value: Any, path: list[str], allowed: str) -> Iterator[str]:
    where = ".".join(path)
    if isinstance(value, str):
        yield from _problem(where, value, allowed)
    elif isinstance(value, Mapping):
        for key, below in value.items():
            found = list(_below(key, [*path, "a key"], ""))
            yield from found
            # A key may be too large to be shown.
            if not found:
                yield from _below(below, [*path, str(key)], _IN_OPTIONS if key == OPTIONS else allowed)
    elif isinstance(value, list | tuple):
        for position, below in enumerate(value):
            yield from _below(below, [*path, str(position)], allowed)
    elif type(value) in (int, float) and not is_number(value):
        said = f"an integer of {value.bit_length()} bits" if type(value) is int else repr(value)
        yield f"{where}: {said} is not a number that JSON has; expected one of at most 1.8e308"
    elif not isinstance(value, bool | int | float | None):
        kind = type(value).__name__
        yield (
            f"{where}: {value!r} is of type {kind}, which JSON has not; write a text, between quotes, "
            "a number, a list or a mapping"
        )


def _problem(where: str, text: str, allowed: str) -> Iterator[str]:
    odd = [char for char in text if unicodedata.category(char) in NO_TEXT and char not in allowed]
    if odd:
        yield f"{where}: {text!r} has the control character {odd[0]!r}; remove it"
    if found := _END_OF_SCRIPT.search(text):
        yield f"{where}: {text!r} has {found[0]}, at which the page of the report would break; leave it out"


def name_problems(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield names at whose end something is repeated so often that Snakemake takes them for a mistake."""
    sections = {key: config.get(key, {}) for key in ("datasets", "experiments", "figures")}
    for study, own in config.get("studies", {}).items():
        sections |= {f"studies.{study}.{key}": part for key, part in own.items() if isinstance(part, Mapping)}
    for section, entries in sections.items():
        for name in entries:
            if found := _REPEATED.search(name):
                yield f"{section}.{name}: ends in {found[1]!r}, {REPEATED} times or more; rename it"


def data_problems(data: str, where: str = "data") -> Iterator[str]:
    """Yield what is wrong with directories of data, which the key or variable `where` names."""
    if found := _BRACES.search(data):
        yield f"{where}: {data!r} has {found[0]}, which Snakemake takes for a wildcard; leave it out"


def results_problems(results: str) -> Iterator[str]:
    """Yield what is wrong with the directory of results; blanks and other marks of a shell are not."""
    where = f"pathvars.results: {results!r}"
    if found := _OF_SNAKEMAKE.search(results):
        yield f"{where} has {found[0]}, which Snakemake takes for a wildcard or a variable; leave it out"
    if found := _OF_SHELL.search(results):
        yield f"{where} has {found[0]}, which the shell of a cluster would read; leave it out"
    if results.startswith("-"):
        yield f"{where} would be read as an option by programs; write ./{results}"
    if results.startswith("~"):
        yield f"{where} is no home directory here; write the whole path, or ./{results}"
