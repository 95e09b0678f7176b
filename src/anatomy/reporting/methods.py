"""The page of methods and settings: what was done in words, and every setting side by side."""

import json
import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import jinja2
import pandas as pd
from docutils.core import publish_parts

from anatomy.reporting.pages import UP, heading, page, table

# No text of a configuration may have a file read or a page's own markup written.
DOCUTILS = {
    "file_insertion_enabled": False,
    "raw_enabled": False,
    "initial_header_level": 2,
    "report_level": 5,
    "embed_stylesheet": False,
}


def methods_page(resolved: Mapping[str, Any], template: str) -> str:
    """Return the page; `template` is Jinja over `resolved`, whose text is reStructuredText.

    `resolved` has the names of the `studies` that are on, and by name the settings, complete and plain, of
    `experiments`, `datasets` and `pretrained` networks.
    """
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True)
    words = environment.from_string(template).render(resolved=resolved)
    body = publish_parts(words, writer="html5", settings_overrides=DOCUTILS)["body"]
    body = re.sub(r'<section id="([^"]*)">\n<h2>(.*?)</h2>', rf'<section><h2 id="\1">\2 {UP}</h2>', body)
    parts = [body]
    for title, entries in (("experiments", resolved["experiments"]), ("data sets", resolved["datasets"])):
        parts += _settings(title, {name: _flat(own) for name, own in entries.items()})
    return page(
        "Methods and settings",
        "What was done in this run, and with which settings. The tables at the end have every setting.",
        parts,
    )


def _settings(what: str, entries: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Return the settings in which entries differ, one row each, and those that they share."""
    if not entries:
        return []
    keys = list(dict.fromkeys(key for own in entries.values() for key in own))
    shared = [key for key in keys if len({own.get(key) for own in entries.values()}) == 1]
    differing = [key for key in keys if key not in shared]
    parts = [heading(f"Settings of {what}, side by side")]
    if differing:
        rows = [
            {"name": name} | {key: own.get(key, "") for key in differing} for name, own in entries.items()
        ]
        parts += [f"<p>Where {escape(what)} differ.</p>", table(pd.DataFrame(rows))]
    if shared:
        one = next(iter(entries.values()))
        rows = [{"key": key, "value": one[key]} for key in shared]
        parts += [f"<p>What all {escape(what)} share.</p>", table(pd.DataFrame(rows))]
    return parts


def _flat(own: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Return settings as text by dotted key; what is empty is left out."""
    found = {}
    for key, value in own.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{prefix}{key}.")
        elif value is not None:
            found[f"{prefix}{key}"] = _text(value)
    return found


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Sequence):
        return ", ".join(map(_text, value)) or "none"
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else json.dumps(value, default=str)
