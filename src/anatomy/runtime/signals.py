"""Signals that ask a program to stop, and a Snakemake that is gone without having sent one.

SIGTERM, SIGINT, SIGHUP (a terminal that is closed) and SIGUSR1 (a job's time is nearly over) raise `Stopped`
at once, or inside `held()` only where `check()` is called, so that a step or a file is finished first.
"""

import os
import re
import select
import signal
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1)
# In the environment of a job: the number of the process whose job it is.
SNAKEMAKE = "ANATOMY_SNAKEMAKE"
# How long a process that works for another goes on after it was told to end.
OUTLIVE_SECONDS = 60

Item = TypeVar("Item")


class Stopped(BaseException):
    """A signal has asked this program to stop; like KeyboardInterrupt it is no error that one handles."""

    def __init__(self, number: int, why: str):
        super().__init__(why)
        self.number = number


class _State:
    """What has come, why, if not by that itself, and how many contexts hold it back."""

    number: int | None = None
    why: str | None = None
    held = 0


def stopped_before(error: BaseException) -> Stopped | None:
    """Return the `Stopped` during whose handling another error was raised, if there was one."""
    seen: set[int] = set()
    found: BaseException | None = error
    while found is not None and id(found) not in seen:
        if isinstance(found, Stopped):
            return found
        seen.add(id(found))
        found = found.__cause__ or found.__context__
    return None


def check() -> None:
    """Raise `Stopped` if a signal has come."""
    if (number := _State.number) is not None:
        # A new one each time, which keeps no frame alive.
        raise Stopped(number, _State.why or f"stopped by {signal.Signals(number).name}")


def checked(items: Iterable[Item]) -> Iterator[Item]:
    """Yield `items`; raise `Stopped` before the next one if a signal has come."""
    for item in items:
        check()
        yield item


@contextmanager
def held() -> Iterator[None]:
    """Let signals wait for the next `check()`, or for the end of the context."""
    _State.held += 1
    try:
        yield
    finally:
        _State.held -= 1
    check()


def listen() -> None:
    """Let signals raise `Stopped` from now on, but for those that whoever started this process had it ignore.

    So does the end of the Snakemake whose job it is. What is no number of a process is as one that cannot be
    seen from here.
    """
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _ask)
    if re.fullmatch("[1-9][0-9]{0,8}", snakemake := os.environ.get(SNAKEMAKE, "")):
        threading.Thread(target=_stop_after, args=[int(snakemake)], daemon=True).start()


def ignore() -> None:
    """Let no further signal disturb how this process ends."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def outlive() -> None:
    """Let this process, which works for another that may be finishing a step, not end before that does.

    Who stops a job may signal all its processes.
    """
    ignore()
    signal.signal(signal.SIGTERM, lambda *_: signal.alarm(OUTLIVE_SECONDS))


def _ask(number: int, _) -> None:
    """Handle a signal."""
    _State.number = number
    if not _State.held:
        check()


def _stop_after(process: int) -> None:
    """Send this process a SIGTERM when another one has ended, unless that cannot be seen from here."""
    if _wait_for_end(process):
        _State.why = f"stopped, as its Snakemake (process {process}) is gone"
        os.kill(os.getpid(), signal.SIGTERM)


def _wait_for_end(process: int, poll_seconds: float = 1.0) -> bool:
    """Return when another process has ended; False at once if there is none, as from inside a container."""
    try:
        # One that has ended and whose parent does not care counts as ended, too.
        select.select([os.pidfd_open(process)], [], [])
        return True
    except ProcessLookupError:
        return False
    except (AttributeError, OSError):
        # Only Linux has it.
        pass
    seen = False
    while is_there(process):
        seen = True
        time.sleep(poll_seconds)
    return seen


def is_there(process: int) -> bool:
    """Tell whether there is a process of this number."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
