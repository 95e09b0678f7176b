"""Options of the programs: types of numbers, and one that several have. Imports no numpy or torch."""

import math
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable


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


def add_save_every(parser: ArgumentParser) -> None:
    """Add --save-every, of the programs that train."""
    parser.add_argument(
        "--save-every",
        type=float,
        default=60,
        metavar="SECONDS",
        help="how often to save what a stopped training needs to go on",
    )
