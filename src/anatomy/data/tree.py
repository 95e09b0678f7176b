"""Folders of images as they lie on a disk: links are followed, and what is no file is never opened."""

import os
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path

from anatomy.data.decoding import IGNORED
from anatomy.runtime.errors import InputError
from anatomy.runtime.values import NO_TEXT


def check_class_names(names: Iterable[str], what: str) -> None:
    """Raise `InputError`, which begins with `what`, for the first name of a class that is no line of text.

    So for one that reads as another does: letters with accents can be written in two ways.
    """
    seen: dict[str, str] = {}
    for name in names:
        if any(unicodedata.category(character) in NO_TEXT for character in name):
            raise InputError(f"{what} {name!r} has control characters, or bytes that are no UTF-8; rename it")
        other = seen.setdefault(unicodedata.normalize("NFC", name), name)
        if other != name:
            raise InputError(f"{what} {name!a} reads as {other!a}, written otherwise; rename one of them")


def visible(folder: Path | str) -> Iterator[os.DirEntry]:
    """Yield what a folder holds, sorted by name, without what is hidden or file managers leave behind."""
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if not entry.name.startswith(".") and entry.name not in IGNORED:
                yield entry


def is_folder(entry: os.DirEntry) -> bool:
    """Tell whether an entry of a folder is one, or a link to one; `InputError` for a link that is broken."""
    try:
        entry.stat()
        return entry.is_dir()
    except (FileNotFoundError, NotADirectoryError):
        reason = "a link to what there is not"
    except OSError as error:
        reason = error.strerror
    raise InputError(f"{entry.path} cannot be followed ({reason}); remove it, or correct it")


def require_image_file(entry: os.DirEntry) -> None:
    """Raise `InputError` unless an entry that is no folder is a file: pipes and devices may have no end."""
    if not entry.is_file():
        raise InputError(f"{entry.path} is a pipe, a socket or a device; expected an image, remove it")


def walked(root: Path) -> Iterator[tuple[str, os.DirEntry | None]]:
    """Yield every visible file at any depth below `root`, by its path relative to that; None for a folder.

    `InputError` for a link that leads back to a folder in which it lies.
    """
    waiting = [("", str(root), (os.path.realpath(root),))]
    while waiting:
        inside, folder, above = waiting.pop()
        below = []
        for entry in visible(folder):
            name = f"{inside}{entry.name}"
            if not is_folder(entry):
                yield name, entry
                continue
            yield name, None
            real = os.path.realpath(entry.path)
            if real in above:
                raise InputError(f"{entry.path} is a link to a folder in which it lies; remove it")
            below.append((f"{name}/", entry.path, (*above, real)))
        waiting += reversed(below)
