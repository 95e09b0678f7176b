"""Whether the JSON of an option has the shape that a program needs, before it reads any file."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from anatomy.runtime.errors import InputError
from anatomy.runtime.values import missing, problems

TEXT = {"type": "string"}
TEXTS = {"type": "array", "items": TEXT}
OBJECT = {"type": "object"}
INTEGER = {"type": "integer"}


def record(**parts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the shape of a mapping that has all of these keys, and no other."""
    return {"type": "object", "properties": parts, "required": [*parts]}


def require_shape(value: Any, shape: Mapping[str, Any], where: str) -> None:
    """Raise `InputError` if a value is not what a part of a schema allows; `where` is its option and key."""
    wrong = [*problems(value, shape, where)]
    if not wrong and "properties" in shape:
        wrong = [f"{key} is missing" for key in missing(value, shape, f"{where}.")]
    if wrong:
        raise InputError(wrong[0])


def require_once(values: Sequence[Any], where: str) -> None:
    """Raise `InputError` if a value of an option is given twice."""
    if twice := [value for value, count in Counter(values).items() if count > 1]:
        raise InputError(f"{where}: {twice[0]} is there twice; give each once")


def require_named(value: Any, shape: Mapping[str, Any], where: str) -> None:
    """Raise `InputError` unless a value has names, whatever they are, each with what a shape allows."""
    require_shape(value, OBJECT, where)
    for name, own in value.items():
        require_shape(own, shape, f"{where}: {name}")
