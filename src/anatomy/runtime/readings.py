"""Files of measurements and tables that this process has read, so that a message can name those at fault."""

import re
from collections.abc import Iterable
from pathlib import Path

# Names of columns by file, in the order of reading; none of files that are no tables.
_READ: dict[Path, frozenset[str]] = {}
# Of several files as many are named.
_NAMED = 3


def note(path: Path, columns: Iterable[str] = ()) -> None:
    """Remember a file that was read."""
    _READ.pop(Path(path), None)
    _READ[Path(path)] = frozenset(columns)


def blamed(error: BaseException) -> str | None:
    """Name the files that may have led to an error: those without a column that was missing, else all.

    The last that was read is the first named. None if none was read.
    """
    missing = _missing_columns(error)
    lack = [path for path, columns in _READ.items() if missing - columns]
    paths = [str(path) for path in reversed(lack or [*_READ])]
    if not paths:
        return None
    others = len(paths) - _NAMED
    return ", ".join(paths[:_NAMED]) + (f" and {others} more" if others > 0 else "")


def _missing_columns(error: BaseException) -> set[str]:
    """Return the columns that a KeyError says are missing: one by its name, or several in words of pandas."""
    said = error.args[0] if isinstance(error, KeyError) and error.args else None
    if not isinstance(said, str):
        return set()
    if re.search(r"(not in index|are in the \[(columns|index)\])$", said):
        return set(re.findall(r"'([^']*)'", re.sub(r"dtype='\w+'", "", said)))
    return {said}
