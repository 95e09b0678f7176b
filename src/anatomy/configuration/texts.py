"""Texts of the configuration that a path, a shell or the page of the report could not hold."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

from anatomy.configuration.inheritance import OPTIONS

# Control characters, halves of characters, and separators of lines and paragraphs.
_REFUSED = {"Cc", "Cs", "Zl", "Zp"}
# What a user's own code may be given all the same.
_IN_OPTIONS = "\t\n"
# Snakemake writes labels and parameters into scripts of the report's page; these would end them, or never.
_END_OF_SCRIPT = re.compile("</script|<!--", re.IGNORECASE)
# Snakemake takes braces for wildcards, and what stands between < and > for a path variable.
_OF_SNAKEMAKE = re.compile("[{}<]")
# Its executor for Slurm puts paths between quotes of both kinds, in which a shell still reads these.
_OF_SHELL = re.compile(r"""[$`"'\\]""")


def text_problems(config: Any) -> Iterator[str]:
    """Yield one sentence for each text at any depth, or key, with characters that are no text."""
    yield from _below(config, [], "")


def _below(value: Any, path: list[str], allowed: str) -> Iterator[str]:
    if isinstance(value, str):
        yield from _problem(".".join(path), value, allowed)
    elif isinstance(value, Mapping):
        for key, below in value.items():
            if isinstance(key, str):
                yield from _problem(".".join([*path, "a key"]), key, "")
            yield from _below(below, [*path, str(key)], _IN_OPTIONS if key == OPTIONS else allowed)
    elif isinstance(value, list):
        for position, below in enumerate(value):
            yield from _below(below, [*path, str(position)], allowed)


def _problem(where: str, text: str, allowed: str) -> Iterator[str]:
    odd = [char for char in text if unicodedata.category(char) in _REFUSED and char not in allowed]
    if odd:
        yield f"{where}: {text!r} has the control character {odd[0]!r}; remove it"
    if found := _END_OF_SCRIPT.search(text):
        yield f"{where}: {text!r} has {found[0]}, at which the page of the report would break; leave it out"


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
