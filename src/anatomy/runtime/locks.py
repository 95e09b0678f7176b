"""One process at a time in a directory, also if another was killed there."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from anatomy.runtime.errors import InputError
from anatomy.runtime.files import naming


@contextmanager
def locked(folder: Path, work: str = "trained") -> Iterator[None]:
    """Hold the lock of a directory; `InputError` if another process works in it, as `work` says."""
    folder.mkdir(parents=True, exist_ok=True)
    owner = folder / ".owner"
    lock = FileLock(folder / ".lock", timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        holder = owner.read_text().strip() if owner.is_file() else "unknown"
        raise InputError(
            f"{folder} is being {work} by another process ({holder}); wait for it or stop it"
            + _outlived(folder)
        ) from error
    try:
        with naming(owner):
            owner.write_text(f"process {os.getpid()} on {socket.gethostname()}\n")
        yield
    finally:
        owner.unlink(missing_ok=True)
        lock.release()


def _outlived(folder: Path) -> str:
    """Say what to delete if the lock may be that of a host that is gone; nothing where that cannot be.

    Without the system's locks the file itself is the lock, and holds who made it; otherwise it is empty.
    """
    file = folder / ".lock"
    if not file.is_file() or not file.stat().st_size:
        return ""
    return f"; this file system has no locks, so if that process is gone for good, delete {file}"
