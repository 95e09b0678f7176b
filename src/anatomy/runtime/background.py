"""Files written while the computation goes on."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any


class BackgroundWriter:
    """Writes one file at a time in a thread of its own; a context that ends when the last is on disk.

    The next one waits until the last is on disk, so that memory holds one copy at most. What a write
    raises comes out of the next call, or of the end of the context.
    """

    def __init__(self):
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="writer")
        self._pending: Future | None = None

    def submit(self, write: Callable[..., None], *arguments: Any) -> None:
        """Call `write(*arguments)` in the thread, after the write before it has ended."""
        self.wait()
        self._pending = self._thread.submit(write, *arguments)

    def wait(self) -> None:
        """Wait until everything is on disk."""
        if self._pending is not None:
            pending, self._pending = self._pending, None
            pending.result()

    def __enter__(self) -> "BackgroundWriter":
        return self

    def __exit__(self, error: type | None, *_) -> None:
        self._thread.shutdown()
        # An error of the computation itself is the one to report.
        if error is None:
            self.wait()
