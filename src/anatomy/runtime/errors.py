"""The one exception that a user is meant to read."""

import sys
from collections.abc import Callable


class InputError(ValueError):
    """Something given by the user is wrong; the message names it, what was expected and what to do."""


def run_program(main: Callable[[], None]) -> None:
    """Run a command-line program: an `InputError` becomes one line on stderr and exit status 1."""
    try:
        main()
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
