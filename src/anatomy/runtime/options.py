"""Options of the programs: types of values, and those that several have. Imports no numpy or torch."""

import json
import math
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from anatomy.runtime.json_text import parse

# So much of an entry is in the messages about it.
_SHOWN = 200
# The schema of the configuration, in the folder of the workflow.
SCHEMA = Path("schemas", "config.schema.yaml")


def _number(
    convert: Callable[[str], float], right: Callable[[float], bool], expected: str
) -> Callable[[str], float]:
    """Return a type for argparse, which names the option in front of the message."""

    def parse(text: str) -> float:
        try:
            value = convert(text)
        except ValueError:
            value = None
        if value is None or not right(value):
            raise ArgumentTypeError(f"{text!r}; expected {expected}")
        return value

    return parse


# Larger numbers count nothing here, and some libraries keep the lowest bits alone.
_LARGEST = 2**31 - 1
natural = _number(int, lambda value: 0 <= value <= _LARGEST, f"a whole number from 0 to {_LARGEST}")
positive = _number(int, lambda value: 1 <= value <= _LARGEST, f"a whole number from 1 to {_LARGEST}")
# More threads than this end torch by a signal.
threads = _number(int, lambda value: 1 <= value <= 1024, "a whole number from 1 to 1024")
workers = _number(int, lambda value: 0 <= value <= 1024, "a whole number from 0 to 1024")
# As many points of a line as the configuration may ask for.
odd_points = _number(int, lambda value: 3 <= value <= 10001 and value % 2, "an odd number from 3 to 10001")
fraction = _number(float, lambda value: 0 <= value <= 1, "a number from 0 to 1")
# What numpy's RandomState takes, which shuffles classes as the authors do.
seed = _number(int, lambda value: 0 <= value < 2**32, "a whole number from 0 to 4294967295")
number = _number(float, math.isfinite, "a number")
seconds = _number(float, lambda value: value >= 0, "a number of at least 0")
factor = _number(float, lambda value: 0 < value < math.inf, "a number of more than 0")


def _ending(*suffixes: str) -> Callable[[str], Path]:
    """Return a type for argparse of paths to write whose name ends in one of `suffixes`, in any case."""

    def parse(text: str) -> Path:
        path = Path(text)
        if path.suffix.lower() not in suffixes:
            raise ArgumentTypeError(f"{text!r}; expected a name that ends in {', '.join(suffixes)}")
        return path

    return parse


# What figures are written as, by the end of a file's name.
FIGURES = (".pdf", ".png", ".svg", ".eps", ".ps")
figure = _ending(*FIGURES)
# By their ends, so that no text is added to weights or tables, and no page replaces them.
log = _ending(".log", ".txt")
html = _ending(".html", ".htm")


def entry(text: str) -> dict[str, Any]:
    """Return an entry of the configuration that is given as JSON; a type for argparse.

    Every number in it is finite: what is written, or hashed, is JSON again.
    """
    try:
        content = parse(text)
        infinite = next(_infinite(content, ""), None)
        json.dumps(content, ensure_ascii=False).encode()
    except (json.JSONDecodeError, RecursionError):
        content = infinite = None
    except UnicodeEncodeError:
        raise ArgumentTypeError(f"{_shortened(text)}: a text has half a character; expected UTF-8") from None
    except ValueError as error:
        reason = str(error)
        # Else Python's limit on the digits of a whole number.
        reason = (
            f"{reason}; give each key once" if reason.endswith("twice") else "a number has too many digits"
        )
        raise ArgumentTypeError(f"{_shortened(text)}: {reason}") from None
    if not isinstance(content, dict):
        raise ArgumentTypeError(
            f'{_shortened(text)}; expected keys and values as JSON: {{"key": value, ...}}'
        )
    if infinite is not None:
        raise ArgumentTypeError(f"{infinite}; expected finite numbers")
    return content


def _infinite(value: Any, where: str) -> Iterator[str]:
    """Yield the dotted names of what is NaN or infinite in JSON, with its value."""
    if isinstance(value, float) and not math.isfinite(value):
        yield f"{where!r} is {value}"
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _infinite(inner, f"{where}.{key}" if where else key)
    elif isinstance(value, list):
        for inner in value:
            yield from _infinite(inner, where)


def _shortened(text: str) -> str:
    """Return what was given as one line that names it, of a long one the beginning."""
    return repr(text) if len(text) <= _SHOWN else f"{text[:_SHOWN]!r}..."


def add_schema(parser: ArgumentParser, program: Path) -> None:
    """Add --schema, by default that of the workflow in which the file `program` lies."""
    schema = next(filter(Path.is_file, (folder / SCHEMA for folder in program.absolute().parents)), None)
    parser.add_argument(
        "--schema", type=Path, default=schema, required=schema is None, help="schema of the configuration"
    )


def add_save_every(parser: ArgumentParser) -> None:
    """Add --save-every, of the programs that train."""
    parser.add_argument(
        "--save-every",
        type=seconds,
        default=60,
        metavar="SECONDS",
        help="how often to save what a stopped training needs to go on (60)",
    )
