"""JSON in which an object has each key once; Python's own reader keeps the last of several."""

import json
from typing import Any


def parse(text: str | bytes) -> Any:
    """Return the content of JSON; `ValueError` names a key that an object has twice."""
    return json.loads(text, object_pairs_hook=_distinct)


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"{key!r} is there twice")
        found[key] = value
    return found
