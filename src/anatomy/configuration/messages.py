"""What violates the schema, in sentences that name the key, what it is and what is allowed."""

import difflib
import math
from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker, ValidationError, validators

from anatomy.networks.catalogue import name_problem

# JSON Schema alone takes 4.0 for an integer, and NaN and infinity for numbers.
_TYPES = Draft202012Validator.TYPE_CHECKER.redefine_many(
    {
        "integer": lambda _, value: type(value) is int,
        "number": lambda _, value: type(value) in (int, float) and math.isfinite(value),
    }
)
_Validator = validators.extend(Draft202012Validator, type_checker=_TYPES)
_FORMATS = FormatChecker(formats=())
_FORMATS.checks("architecture")(lambda name: not isinstance(name, str) or name_problem(name) is None)


def schema_problems(config: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[str]:
    """Yield one sentence for each violation of the schema."""
    errors = _Validator(schema, format_checker=_FORMATS).iter_errors(config)
    for error in sorted(errors, key=lambda error: list(map(str, error.absolute_path))):
        yield from _sentences(error)


def _sentences(error: ValidationError) -> Iterator[str]:
    """Say which key is wrong, what it is, and what is allowed; one sentence for each key."""
    where = ".".join(map(str, error.absolute_path)) or "the top level"
    expected = error.validator_value
    match error.validator:
        case "additionalProperties":
            allowed = error.schema["properties"]
            for key in error.instance:
                if key in allowed:
                    continue
                close = difflib.get_close_matches(str(key), allowed, 1)
                hint = f"; did you mean {close[0]}?" if close else ""
                path = ".".join(map(str, [*error.absolute_path, key]))
                yield f"{path}: unknown key; allowed: {', '.join(allowed)}{hint}"
        case "required":
            for key in expected:
                if key not in error.instance:
                    yield f"{where}: key {key} is missing"
        case "enum":
            yield f"{where}: {error.instance!r} is not allowed; allowed: {', '.join(map(str, expected))}"
        case "anyOf" if "modules" in error.schema:
            names = ", ".join(expected[0]["enum"])
            yield f"{where}: {error.instance!r} is not allowed; allowed: {names}, or package.module:name"
        case "type":
            hint = ""
            if expected == "number" and isinstance(error.instance, str):
                hint = "; YAML reads 1e-3 as text, write 1.0e-3 or 0.001"
            types = [expected] if isinstance(expected, str) else expected
            yield f"{where}: {error.instance!r} is not of type {' or '.join(types)}{hint}"
        case "format":
            yield f"{where}: {name_problem(error.instance)}"
        case "pattern":
            yield f"{where}: {error.instance!r} does not match {expected}"
        case "oneOf" if where.endswith(".snapshots"):
            yield f"{where}: {error.instance!r} is not allowed; expected `all` or a list of epochs"
        case _:
            yield f"{where}: {error.message}"
