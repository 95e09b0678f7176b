"""Whether a value is what its part of the schema allows, for programs that are run by hand."""

import math
import operator
import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any

# Unicode's categories of control characters, of bytes that are no UTF-8, and of ends of lines and paragraphs.
NO_TEXT = {"Cc", "Cs", "Zl", "Zp"}


def is_number(value: Any) -> bool:
    """Tell whether a value is a number that a float holds: no infinity, and no integer that is larger."""
    return type(value) in (int, float) and abs(value) <= sys.float_info.max


# What JSON has, as Python has it: neither is true an integer, nor is infinity a number.
_TYPES = {
    "integer": lambda value: type(value) is int,
    "number": is_number,
    "boolean": lambda value: isinstance(value, bool),
    "string": lambda value: isinstance(value, str),
    "array": lambda value: isinstance(value, list | tuple),
    "object": lambda value: isinstance(value, Mapping),
    "null": lambda value: value is None,
}
# The type of a value of which the schema says more than its type.
_TYPE_OF = {"modules": "string", "properties": "object"}
# Keys of earlier versions, and what is written instead.
REPLACED = {"whole_snapshots": "write `snapshots: {weights: all}` for true; without it convolutions are kept"}
_BOUNDS = {
    "minimum": (operator.ge, "at least"),
    "exclusiveMinimum": (operator.gt, "more than"),
    "maximum": (operator.le, "at most"),
    "exclusiveMaximum": (operator.lt, "less than"),
}


def problems(value: Any, schema: Mapping[str, Any], where: str) -> Iterator[str]:
    """Yield what is wrong with a value, which `where` names, in sentences; None counts as not given.

    Looked at are `type`, `enum`, `const`, bounds, patterns, `items` and `oneOf`, at any depth, and keys that
    are not listed. What a name stands for (`modules`, `format`) is told where it is looked up.
    """
    usual = next((each for key, each in _TYPE_OF.items() if key in schema), [])
    types = schema.get("type", usual)
    types = [types] if isinstance(types, str) else types
    if "short" in schema and not isinstance(value, Mapping):
        if any(problems(value, schema["properties"][schema["short"]], where)):
            yield f"{where}: {value!r} is none of what is allowed: {_in_words(schema['oneOf'])}"
        return
    if types and not any(_TYPES[each](value) for each in types):
        yield f"{where}: {value!r} is not of type {' or '.join(types)}"
        return
    allowed = schema.get("enum", [schema["const"]] if "const" in schema else [])
    if allowed and not any(type(value) is type(each) and value == each for each in allowed):
        yield f"{where}: {value!r} is not allowed; allowed: {', '.join(map(str, allowed))}"
    if type(value) is int or is_number(value):
        for key, (holds, words) in _BOUNDS.items():
            if key in schema and not holds(value, schema[key]):
                yield f"{where}: {value!r} is not allowed; expected {words} {schema[key]}"
    if isinstance(value, str) and not re.search(schema.get("pattern", ""), value):
        yield f"{where}: {value!r} does not match {schema['pattern']}"
    if "oneOf" in schema and all(any(problems(value, each, where)) for each in schema["oneOf"]):
        yield f"{where}: {value!r} is none of what is allowed: {_in_words(schema['oneOf'])}"
    if isinstance(value, list | tuple):
        yield from _list_problems(value, schema, where)
    if isinstance(value, Mapping) and "properties" in schema:
        parts = schema["properties"]
        for key, inner in value.items():
            path = f"{where}.{key}" if where else key
            if key in REPLACED:
                yield replaced(path)
            elif key not in parts:
                yield f"{path}: unknown key; allowed: {', '.join(parts)}"
            elif inner is not None:
                yield from problems(inner, parts[key], path)


def replaced(path: str) -> str:
    """Return what is written instead of a key of an earlier version, named by its dotted path."""
    return f"{path}: there is no such key any more; {REPLACED[path.rpartition('.')[2]]}"


def _list_problems(value: list | tuple, schema: Mapping[str, Any], where: str) -> Iterator[str]:
    """Yield what is wrong with the length of a list, and with its items."""
    least, most = schema.get("minItems", 0), schema.get("maxItems", math.inf)
    if not least <= len(value) <= most:
        upper = " or more" if most == math.inf else f" to {most}"
        expected = f"{least}" if least == most else f"{least}{upper}"
        yield f"{where}: {len(value)} are listed; expected {expected}"
    for item in value:
        yield from problems(item, schema.get("items", {}), where)


def _in_words(alternatives: list[Mapping[str, Any]]) -> str:
    """Return constants and types of which a value may have one."""
    return " or ".join(str(each.get("const", each.get("type"))) for each in alternatives)


def missing(value: Mapping[str, Any], schema: Mapping[str, Any], where: str = "") -> Iterator[str]:
    """Yield the dotted names of the keys that a schema requires, at any depth, and a mapping has not.

    Some are required by others that it has.
    """
    by_others = [
        each
        for key, others in schema.get("dependentRequired", {}).items()
        if value.get(key) is not None
        for each in others
    ]
    for key in (*schema.get("required", ()), *by_others):
        if value.get(key) is None:
            yield f"{where}{key}"
    for key, part in schema["properties"].items():
        if "properties" in part and isinstance(value.get(key), Mapping):
            yield from missing(value[key], part, f"{where}{key}.")
