"""The one exception that a user is meant to read, and how a program ends."""

import sys
from collections.abc import Callable

from anatomy.runtime import signals


class InputError(ValueError):
    """Something given by the user is wrong; the message names it, what was expected and what to do."""


def run_program(main: Callable[[], None]) -> None:
    """Run a command-line program: what ends it early becomes one line on stderr and an exit status.

    That is 1 for an `InputError`, and 128 + its number for a signal (see `signals`).
    """
    status = 0
    try:
        signals.listen()
        main()
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        status = 1
    except signals.Stopped as stop:
        signals.ignore()
        print(stop, file=sys.stderr)
        status = 128 + stop.number
    # Here the frames of what was going on are gone, and with them the processes that worked for it.
    if status:
        sys.exit(status)
