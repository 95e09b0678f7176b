"""The one exception that a user is meant to read, and how a program ends."""

import os
import re
import sys
import unicodedata
from collections.abc import Callable, Sequence
from contextlib import suppress

from anatomy.runtime import endings, signals


class InputError(ValueError):
    """Something given by the user is wrong; the message names it, what was expected and what to do."""


class ProblemsError(InputError):
    """Several things are wrong; each has a line of the message."""

    def __init__(self, lines: Sequence[str]):
        super().__init__("\n".join(lines))
        self.lines = lines


class BusyError(InputError):
    """Somebody else is at work on what was asked for; the same may be asked again later."""


def run_program(main: Callable[[], int | None], refused: int = 1) -> None:
    """Run a command-line program: what ends it early becomes one line on stderr and an exit status.

    `ProblemsError` has several. The status is `refused` for an `InputError` and for what the system refuses
    (see `endings`), and 128 + its number for a signal (see `signals`); else what `main` returns.
    """
    try:
        signals.listen()
        status = main() or 0
        # Here, where it can still be told that nobody reads it, or that its disk is full.
        _flush()
    except signals.Stopped as stop:
        signals.ignore()
        lines, status = [str(stop)], 128 + stop.number
    except Exception as error:
        stop = signals.stopped_before(error)
        # What the system refuses while a program stops is news; what a library cannot tidy up is not.
        if stop is not None and not isinstance(error, OSError | MemoryError):
            signals.ignore()
            lines, status = [str(stop)], 128 + stop.number
        elif isinstance(error, InputError):
            first, *others = error.lines if isinstance(error, ProblemsError) else [str(error)]
            lines, status = [f"error: {first}", *others], refused
        elif (end := endings.ending(error, refused)) is None:
            raise
        else:
            lines, status = [end[0]], end[1]
    except KeyboardInterrupt as error:
        line, status = endings.ending(error) or ("", endings.INTERRUPTED)
        lines = [line]
    else:
        lines = []
    # Here the frames of what was going on are gone, and with them the processes that worked for it.
    for line in filter(None, lines):
        _say(line)
    if status:
        _forget_output()
        sys.exit(status)


def _say(line: str) -> None:
    """Print a line on stderr, if there is room for it, without addresses in memory.

    What a terminal would obey, or cannot show, of names in files of others, is escaped.
    """
    shown = "".join(repr(char)[1:-1] if _is_unsafe(char) else char for char in line)
    # Own code may have closed it.
    with suppress(OSError, ValueError):
        print(re.sub(r" at 0x[0-9a-fA-F]+", "", shown), file=sys.stderr, flush=True)


def _is_unsafe(char: str) -> bool:
    return unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp")


def _flush() -> None:
    """Write what is left of stdout, which may be closed, by a user's own code as well."""
    if sys.stdout is not None and not sys.stdout.closed:
        sys.stdout.flush()


def _forget_output() -> None:
    """Drop what is left of stdout where it cannot be written; Python would try once more, and complain."""
    try:
        _flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
