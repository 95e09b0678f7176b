"""Entries of the configuration and the schema that describes them: defaults, and one laid over another."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any


def merge(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return `base` overridden by `own`, key by key at any depth; lists are replaced."""
    merged = deepcopy(dict(base))
    for key, value in own.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = merge(merged[key], value) if both else deepcopy(value)
    return merged


def defaults(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Collect the defaults of a schema's properties, nested ones included."""
    found = {}
    for key, part in schema["properties"].items():
        if "default" in part:
            nested = defaults(part) if "properties" in part else {}
            own = part["default"]
            found[key] = merge(nested, own) if isinstance(own, Mapping) else deepcopy(own)
    return found
