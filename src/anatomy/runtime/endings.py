"""How a program ends that cannot go on: path, what happened and what to do on one line; an exit status."""

import errno
import os
import re
import signal
import sys
import traceback
from pathlib import Path

from anatomy.runtime import readings

# Exit statuses as a shell has them of a program that a signal ends.
INTERRUPTED, CLOSED_PIPE = 128 + signal.SIGINT, 128 + signal.SIGPIPE
_AGAIN = "then run the same command again"
_LESS = "run fewer jobs at a time, take a smaller batch or part of the data, or allow more memory (ulimit -v)"
# What to do, by what the system says.
_REMEDIES = {
    errno.ENOSPC: f"free some space, {_AGAIN}",
    errno.EDQUOT: f"free some space of your quota, {_AGAIN}",
    errno.EFBIG: f"raise the limit on the size of files (ulimit -f), {_AGAIN}",
    errno.EROFS: "name a folder on a disk that can be written to",
    errno.EACCES: "change its permissions, or name another place",
    errno.EPERM: "change its permissions, or name another place",
    errno.ENAMETOOLONG: "give shorter names",
    errno.EISDIR: "expected a file; name one, or remove the directory",
    errno.ENOTDIR: "a part of this path is a file; name another place, or remove the file",
    errno.EEXIST: "expected a directory; name another place, or remove what is there",
    errno.ENOTEMPTY: "expected a file; name one, or remove the directory",
    errno.ENOENT: "name one that exists, or make it first",
    errno.ELOOP: "a symbolic link leads back to itself; remove it",
    errno.ENODEV: "expected a file",
    errno.ENXIO: "expected a file",
    errno.ESPIPE: "expected a file, and no pipe or device",
    errno.EMFILE: f"raise the limit on open files (ulimit -n), {_AGAIN}",
    errno.ENFILE: f"close other programs, {_AGAIN}",
    errno.EAGAIN: "run fewer jobs at a time or with fewer --workers and --threads (ulimit -u)",
    errno.EIO: f"look at the disk, {_AGAIN}",
    errno.ESTALE: f"look at the network's file system, {_AGAIN}",
    errno.ENOMEM: _LESS,
}
# What Rust's libraries say of an error of the system.
_OF_SYSTEM = re.compile(r"\(os error (\d+)\)")
# Torch has its errors of memory as RuntimeError; oneDNN says no more than this where its code finds no room.
_NO_MEMORY = re.compile(
    "out of memory|can't allocate memory|not enough memory|could not create a primitive$", re.IGNORECASE
)
# What content leads to that is damaged, or of another program.
_OF_CONTENT = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


def ending(error: BaseException, refused: int = 1) -> tuple[str, int] | None:
    """Return the line and the exit status with which a program ends that raised `error`.

    The status is `refused`, but for an interrupt and for output that nobody reads. None for an error of the
    program itself, of which the whole traceback is of use; Python's development mode (`python -X dev`) shows
    that of every error.
    """
    if sys.flags.dev_mode:
        return None
    if isinstance(error, KeyboardInterrupt):
        return "stopped by SIGINT", INTERRUPTED
    if isinstance(error, BrokenPipeError):
        return "", CLOSED_PIPE
    if isinstance(error, OSError) and error.errno is not None:
        return f"error: {_of_system(error)}{_notes(error)}", refused
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and _NO_MEMORY.search(str(error))):
        said = f" ({_first_line(error)})" if str(error) else ""
        return f"error: memory is full{said}; {_LESS}", refused
    if isinstance(error, RuntimeError) and "can't start new thread" in str(error):
        return f"error: no further thread can be started; {_REMEDIES[errno.EAGAIN]}", refused
    # Of a user's own code the traceback is of use.
    if isinstance(error, _OF_CONTENT) and not _notes(error) and (named := readings.blamed(error)):
        said = f"expected what the pipeline makes ({_where(error)})"
        return f"error: {named}: {said}; remove what is damaged or of others, and make it again", refused
    return None


def system_error(error: Exception, path: Path) -> OSError | None:
    """Return what the system said of `path` in an error of a library that is not Python's, if it did."""
    found = _OF_SYSTEM.search(str(error))
    return found and OSError(int(found[1]), os.strerror(int(found[1])), str(path))


def _of_system(error: OSError) -> str:
    name = error.filename
    path = "" if name is None else f"{os.fsdecode(name) if isinstance(name, str | bytes | Path) else name}: "
    remedy = _REMEDIES.get(error.errno, f"correct it, {_AGAIN}")
    return f"{path}{error.strerror or os.strerror(error.errno)}; {remedy}"


def _notes(error: BaseException) -> str:
    """Return what an error says beside its message: that it is of a user's own code (see `own_calls`)."""
    return "".join(f" ({note})" for note in getattr(error, "__notes__", ()))


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0]


def _where(error: BaseException) -> str:
    """Say what was raised, and where in the program or in this library."""
    # The first is where a program calls what it runs.
    frames = [(Path(frame.filename), frame.lineno) for frame in traceback.extract_tb(error.__traceback__)[1:]]
    roots = Path(__file__).parents[1], Path(sys.argv[0]).absolute().parent
    ours = [(path, line) for path, line in frames if any(path.is_relative_to(root) for root in roots)]
    place = f" in {ours[-1][0].name}, line {ours[-1][1]}" if ours else ""
    return " ".join(f"{type(error).__name__}: {error}".split()) + place
