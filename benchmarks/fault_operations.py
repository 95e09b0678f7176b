"""What a process does to the files of a folder, one operation after the other, and a fault at one of them.

Seen are opening for writing, renaming, removing, linking, making and removing of directories, permissions,
`os.fsync`, and every write of Python's files and of `os.write`, before it and after half of its bytes. Of
what libraries write themselves (safetensors) the operations around it are seen; where such a file gets
its permissions, half of it is a moment of its own.
"""

import builtins
import io
import itertools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Events of sys.audit, and which of their arguments are paths.
EVENTS = {
    "os.rename": (0, 1),
    "os.remove": (0,),
    "os.mkdir": (0,),
    "os.rmdir": (0,),
    "os.link": (0, 1),
    "os.symlink": (1,),
    "os.chmod": (0,),
    "os.truncate": (0,),
}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


class Operations:
    """Counts operations on files in `folder` from 1 on; calls `fault` before that of number `at`.

    `told` is called with the number of each.
    """

    def __init__(self, folder: Path, told: Callable[[int], None], at: int = 0, fault: Callable | None = None):
        self.folder, self.told, self.at, self.fault = os.path.realpath(folder), told, at, fault
        self._numbers = itertools.count(1)
        self._open, self._fsync, self._write = io.open, os.fsync, os.write

    def watch(self) -> None:
        """Begin, for the rest of this process."""
        sys.addaudithook(self._audited)
        builtins.open = io.open = self._opened
        os.fsync, os.write = self._synced, self._written

    def step(self, prepare: Callable[[], Any] | None = None) -> None:
        """Count one operation; `prepare` is called before the fault, if it is to be here."""
        number = next(self._numbers)
        self.told(number)
        if number == self.at:
            if prepare is not None:
                prepare()
            self.fault()

    def _is_inside(self, path: Any) -> bool:
        if isinstance(path, int):
            return False
        path = os.path.abspath(os.fsdecode(path))
        return path.startswith(self.folder + os.sep)

    def _of_descriptor(self, descriptor: int) -> bool:
        try:
            path = os.readlink(f"/proc/self/fd/{descriptor}")
        except OSError:
            return False
        # Of a pipe it is no path.
        return path.startswith(os.sep) and self._is_inside(path)

    def _audited(self, event: str, arguments: tuple) -> None:
        if event == "open":
            path, _, flags = arguments
            if flags & WRITING and path is not None and self._is_inside(path):
                self.step()
        elif (positions := EVENTS.get(event)) and any(self._is_inside(arguments[at]) for at in positions):
            self.step()
            if event == "os.chmod" and os.path.isfile(path := arguments[0]):
                self.step(lambda: os.truncate(path, os.path.getsize(path) // 2))

    def _synced(self, descriptor: Any) -> None:
        number = descriptor if isinstance(descriptor, int) else descriptor.fileno()
        if self._of_descriptor(number):
            self.step()
        self._fsync(number)

    def _written(self, descriptor: int, content: Any) -> int:
        if not self._of_descriptor(descriptor):
            return self._write(descriptor, content)
        return self.in_halves(content, lambda part: self._write(descriptor, part))

    def in_halves(self, content: Any, write: Callable[[Any], int | None]) -> int | None:
        """Write bytes in two parts, each of which is an operation."""
        view = memoryview(content).cast("B")
        self.step()
        half = len(view) // 2
        done = write(view[:half]) if half else 0
        if done != half:
            return done
        self.step()
        rest = write(view[half:])
        return None if rest is None else half + rest

    def _opened(self, file, mode="r", buffering=-1, encoding=None, errors=None, newline=None, **others):
        if not set(mode) & set("wax+") or isinstance(file, int) or not self._is_inside(file) or others:
            return self._open(file, mode, buffering, encoding, errors, newline, **others)
        raw = _Counted(file, mode.replace("b", "").replace("t", ""), self)
        if buffering == 0:
            return raw
        wrap = io.BufferedRandom if "+" in mode else io.BufferedWriter
        buffered = wrap(raw) if buffering < 2 else wrap(raw, buffering)
        if "b" in mode:
            return buffered
        text = io.TextIOWrapper(buffered, encoding, errors, newline, line_buffering=buffering == 1)
        text.mode = mode
        return text


class _Counted(io.FileIO):
    """A file whose writes are counted."""

    def __init__(self, file, mode: str, operations: Operations):
        self._operations = operations
        super().__init__(file, mode)

    def write(self, content):
        return self._operations.in_halves(content, super().write)
