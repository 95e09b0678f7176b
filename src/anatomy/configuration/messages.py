"""What violates the schema, in sentences that name the key, what it is and what is allowed."""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker, ValidationError, validators

from anatomy.networks.catalogue import name_problem
from anatomy.runtime.values import REPLACED, is_number, replaced

# JSON Schema alone takes 4.0 for an integer, and NaN and infinity for numbers.
_TYPES = Draft202012Validator.TYPE_CHECKER.redefine_many(
    {
        "integer": lambda _, value: type(value) is int,
        "number": lambda _, value: is_number(value),
    }
)
_Validator = validators.extend(Draft202012Validator, type_checker=_TYPES)
# Names that one sentence lists.
MOST_NAMES = 12
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
                if key not in allowed:
                    yield _unknown_key([*error.absolute_path, key], allowed)
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
                # What YAML would read as a number was quoted, or nested in a value on the command line.
                if re.fullmatch(r"[+-]?\d+(\.\d*)?", error.instance):
                    hint = "; it is text: write it without quotes, nested numbers in a file for --configfile"
            types = [expected] if isinstance(expected, str) else expected
            yield f"{where}: {error.instance!r} is not of type {' or '.join(types)}{hint}"
        case "format":
            yield f"{where}: {name_problem(error.instance)}"
        case "pattern":
            yield f"{where}: {error.instance!r} does not match {expected}"
        case "oneOf" if where.endswith((".snapshots", ".snapshots.epochs")):
            yield f"{where}: {error.instance!r} is not allowed; expected `all` or a list of epochs"
        case _:
            yield f"{where}: {error.message}"


def _unknown_key(path: Sequence[Any], allowed: Iterable[str]) -> str:
    if path[-1] in REPLACED:
        return replaced(".".join(map(str, path)))
    meant = _meant(path[-1], allowed)
    return f"{'.'.join(map(str, path))}: unknown key; allowed: {', '.join(allowed)}{meant}"


def allowed_names(given: Any, names: Iterable[Any]) -> str:
    """Say which names the configuration has in place of `given`: the first of many, and the most similar."""
    known = [*map(str, names)]
    more = f" and {len(known) - MOST_NAMES} more" if len(known) > MOST_NAMES else ""
    return f"allowed: {', '.join(known[:MOST_NAMES])}{more}{_meant(given, known)}"


def _meant(given: Any, names: Iterable[str]) -> str:
    close = difflib.get_close_matches(str(given), names, 1)
    return f"; did you mean {close[0]}?" if close else ""


def unknown_null_keys(config: Any, schema: Mapping[str, Any]) -> Iterator[str]:
    """Yield one sentence for each key that is null and that the schema does not know.

    Null removes a key before the schema is held against the configuration; misspelt it would remove nothing.
    """
    yield from _unknown_nulls(config, schema, schema, [])
    if isinstance(config, Mapping) and config.get("studies", {}) is None:
        yield "studies: null switches nothing off; name the study, `studies: {<study>: null}`"


def _unknown_nulls(
    entry: Any, part: Mapping[str, Any], schema: Mapping[str, Any], path: Sequence[Any]
) -> Iterator[str]:
    if "$ref" in part:
        part = {**schema["$defs"][part["$ref"].rpartition("/")[2]], **part}
    known, others = part.get("properties", {}), part.get("additionalProperties")
    if not isinstance(entry, Mapping):
        return
    for key, value in entry.items():
        if value is None and others is False and key not in known:
            yield _unknown_key([*path, key], known)
        below = known.get(key, others)
        if isinstance(below, Mapping):
            yield from _unknown_nulls(value, below, schema, [*path, key])
