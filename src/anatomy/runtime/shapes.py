"""Whether the JSON of an option has the shape that a program needs, before it reads any file."""

from collections.abc import Mapping
from typing import Any

from anatomy.runtime.errors import InputError
from anatomy.runtime.values import missing, problems

TEXT = {"type": "string"}
TEXTS = {"type": "array", "items": TEXT}
OBJECT = {"type": "object"}


def require_shape(value: Any, shape: Mapping[str, Any], where: str) -> None:
    """Raise `InputError` if a value is not what a part of a schema allows; `where` is its option and key."""
    wrong = [*problems(value, shape, where)]
    if not wrong and "properties" in shape:
        wrong = [f"{key} is missing" for key in missing(value, shape, f"{where}.")]
    if wrong:
        raise InputError(wrong[0])


def require_named(value: Any, shape: Mapping[str, Any], where: str) -> None:
    """Raise `InputError` unless a value has names, whatever they are, each with what a shape allows."""
    require_shape(value, OBJECT, where)
    for name, own in value.items():
        require_shape(own, shape, f"{where}: {name}")
