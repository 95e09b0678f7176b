"""One process at a time in a directory, also if another was killed there."""

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

from anatomy.runtime.errors import BusyError
from anatomy.runtime.files import naming

# What file systems say that have no locks, beside ENOSYS, for which FileLock takes a file itself.
_NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP)


@contextmanager
def locked(folder: Path, work: str = "trained") -> Iterator[None]:
    """Hold the lock of a directory; `BusyError` if another process works in it, as `work` says."""
    folder.mkdir(parents=True, exist_ok=True)
    owner = folder / ".owner"
    try:
        lock = _acquired(folder)
    except Timeout as error:
        holder = owner.read_text().strip() if owner.is_file() else "unknown"
        raise BusyError(
            f"{folder} is being {work} by another process ({holder}); wait for it or stop it"
            + _outlived(Path(error.lock_file))
        ) from error
    try:
        with naming(owner):
            owner.write_text(f"process {os.getpid()} on {socket.gethostname()}\n")
        yield
    finally:
        owner.unlink(missing_ok=True)
        lock.release()


def _acquired(folder: Path) -> BaseFileLock:
    """Return the lock of a directory, held; `Timeout` if another process holds it."""
    lock: BaseFileLock = FileLock(folder / ".lock", timeout=0)
    try:
        lock.acquire()
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        lock = SoftFileLock(folder / ".lock.host", timeout=0)
        lock.acquire()
    return lock


def _outlived(file: Path) -> str:
    """Say what to delete if the lock may be that of a host that is gone; nothing where that cannot be.

    Without the system's locks the file itself is the lock, and holds who made it; otherwise it is empty.
    """
    if not file.is_file() or not file.stat().st_size:
        return ""
    return f"; this file system has no locks, so if that process is gone for good, delete {file}"
