"""Progress of long loops: a bar on a terminal, a plain line now and then in a log."""

import sys
import time
from collections.abc import Iterator, Sequence
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")
LINE_EVERY_SECONDS = 30.0


def progress(items: Sequence[Item], what: str) -> Iterator[Item]:
    """Yield `items`, showing on stderr how many are done."""
    if sys.stderr.isatty():
        yield from tqdm(items, what, leave=False)
        return
    shown = time.monotonic()
    for done, item in enumerate(items, 1):
        yield item
        if time.monotonic() - shown >= LINE_EVERY_SECONDS:
            print(f"{what}: {done} of {len(items)}", file=sys.stderr, flush=True)
            shown = time.monotonic()
