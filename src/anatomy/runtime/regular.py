"""Reading what is a file: no pipe, on which a program would wait for ever, and no device without an end.

And writing to what is one, or becomes one.
"""

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from anatomy.runtime.errors import InputError

_KINDS = {"directory": stat.S_ISDIR, "pipe": stat.S_ISFIFO, "socket": stat.S_ISSOCK}


def kind_of(mode: int) -> str:
    """Say what is at a path that is no file, by its `st_mode`."""
    return next((kind for kind, is_so in _KINDS.items() if is_so(mode)), "device")


def require_file(path: Path, key: str = "") -> None:
    """Raise `InputError` if what is at a path is no regular file: of others a read may never end.

    The message begins with the key of the configuration that names it, if there is one.
    """
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode):
        said = f"{path} is a {kind_of(mode)}; expected a regular file"
        raise InputError(f"{key}: {said}" if key else said)


def open_file(path: Path) -> BinaryIO:
    """Open a file to read its bytes; `InputError` if it is a pipe or a device, at once."""
    # Without a writer the opening of a pipe waits for one; files know no such waiting.
    file = open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK))  # noqa: SIM115
    mode = os.fstat(file.fileno()).st_mode
    if not stat.S_ISREG(mode):
        file.close()
        raise InputError(f"{path} is a {kind_of(mode)}, expected a file; put one in its place")
    return file


def behind_links(path: Path) -> Path:
    """Return what is written for `path`: what symbolic links lead to, which stay; it may be absent.

    `InputError` if it is there and neither a file nor a directory, or if a link is one of those to what a
    process has open, as /dev/stdout: that would be replaced and not written to.
    """
    said = "name a file to write, which replaces what is there"
    with suppress(FileNotFoundError, NotADirectoryError):
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            raise InputError(f"{path} is a {kind_of(mode)}; {said}")
    found = path
    while found.is_symlink():
        folder = os.path.realpath(found.parent)
        if folder.startswith("/proc/"):
            raise InputError(f"{path} is what a program has open ({found}); {said}")
        found = Path(folder, os.readlink(found))
    return found
