"""Options of the programs: types of values, and those that several have. Imports no numpy or torch."""

import json
import math
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable
from pathlib import Path
from typing import Any

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


natural = _number(int, lambda value: value >= 0, "a whole number of at least 0")
positive = _number(int, lambda value: value >= 1, "a whole number of at least 1")
# What numpy's RandomState takes, which shuffles classes as the authors do.
seed = _number(int, lambda value: 0 <= value < 2**32, "a whole number from 0 to 4294967295")
factor = _number(float, lambda value: 0 < value < math.inf, "a number of more than 0")


def entry(text: str) -> dict[str, Any]:
    """Return an entry of the configuration that is given as JSON; a type for argparse."""
    try:
        content = json.loads(text)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise ArgumentTypeError(f'{text!r}; expected keys and values as JSON: {{"key": value, ...}}')
    return content


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
        type=float,
        default=60,
        metavar="SECONDS",
        help="how often to save what a stopped training needs to go on (60)",
    )
