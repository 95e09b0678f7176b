"""Files of measurements and tables that this process has read, so that a message can name those at fault."""

from collections.abc import Iterable
from pathlib import Path

# Names of columns by file; none of files that are no tables.
_READ: dict[Path, frozenset[str]] = {}
# Of several files as many are named.
_NAMED = 3


def note(path: Path, columns: Iterable[str] = ()) -> None:
    """Remember a file that was read."""
    _READ[Path(path)] = frozenset(columns)


def blamed(error: BaseException) -> str | None:
    """Name the files that may have led to an error: those without the column that was missing, else all.

    None if none was read.
    """
    missing = error.args[0] if isinstance(error, KeyError) and error.args else None
    lack = [path for path, columns in _READ.items() if isinstance(missing, str) and missing not in columns]
    paths = [str(path) for path in lack or _READ]
    if not paths:
        return None
    others = len(paths) - _NAMED
    return ", ".join(paths[:_NAMED]) + (f" and {others} more" if others > 0 else "")
