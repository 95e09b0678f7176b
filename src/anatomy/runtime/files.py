"""Files that are either whole or absent, also after a power cut, and checksums."""

import csv
import errno
import hashlib
import io
import json
import os
import re
import socket
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from anatomy.runtime import readings
from anatomy.runtime.checksums import is_recorded, record, recorded_in, require_recorded, xxh3_of
from anatomy.runtime.endings import system_error
from anatomy.runtime.errors import InputError
from anatomy.runtime.json_text import parse
from anatomy.runtime.regular import behind_links, open_file
from anatomy.runtime.signals import is_there

_UMASK = os.umask(0o077)
os.umask(_UMASK)
# In names of temporary files, which file systems limit: processes of several machines may have one number.
HOST = hashlib.sha256(socket.gethostname().encode()).hexdigest()[:4]
# A temporary file of another machine is taken for abandoned after so long.
ABANDONED_SECONDS = 86_400.0
# Most characters of what a library says of a damaged file, which may quote all of it.
MOST_REASON = 500


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Let errors of the system in this context name a file, as those of writing to an open one do not."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise


def sync(paths: Iterable[Path]) -> None:
    """Return when files or directories are on the disk itself, where a power cut leaves them."""
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            with naming(path):
                os.fsync(descriptor)
        except OSError as error:
            # Not every file system can do so for a directory.
            if error.errno != errno.EINVAL:
                raise
        finally:
            os.close(descriptor)


@contextmanager
def atomic(path: Path, durable: bool = True, recorded: bool | None = None) -> Iterator[Path]:
    """Give a temporary path beside what `path` leads to; rename it onto that on success, else remove it.

    If it is `durable` the file is on disk when this ends, and whatever cuts the power meanwhile leaves the
    whole of it or nothing. That takes milliseconds: files of which there may be several in a second, and
    that can be made again, are synced later, if at all. Its checksum is `recorded` beside it; if that is
    None, as `checksums.is_recorded` says of the folder. If one of it is there it always is. A symbolic link
    stays, and what it leads to is replaced.
    """
    target = behind_links(path)
    if target.is_dir():
        raise InputError(f"{path} is a directory; name a file to write, which replaces what is there")
    temporary = target.with_name(f".{target.name}.{HOST}-{os.getpid()}.tmp")
    try:
        # The directories in which new ones appear.
        new_in = [folder.parent for folder in (target.parent, *target.parent.parents) if not folder.exists()]
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(target)
        temporary.unlink(missing_ok=True)
        yield temporary
        # Some writers make private files; these have the permissions that open() would give.
        temporary.chmod(0o666 & ~_UMASK)
        if durable:
            # Before it is renamed: a file system may write the name before the content.
            sync([temporary])
        must = is_recorded(path.parent) if recorded is None else recorded
        for place in {path, target}:
            if (must and place == path) or place.name in recorded_in(place.parent):
                record(place, xxh3_of(temporary))
        os.replace(temporary, target)
        if durable:
            sync([target.parent, *new_in])
    except OSError as error:
        # What was asked for, which few writers say, and never that it would have another name first.
        if error.filename is None or Path(os.fsdecode(error.filename)) == temporary:
            error.filename = str(path)
        raise
    except Exception as error:
        if (of_system := system_error(error, path)) is not None:
            raise of_system from error
        raise
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _remove_abandoned(path: Path) -> None:
    """Remove what processes that were killed have left of their attempts to write a file."""
    named = re.compile(rf"\.{re.escape(path.name)}\.({HOST}-(?P<process>\d{{1,9}})|[0-9a-f]{{4}}-\d+)\.tmp")
    with os.scandir(path.parent) as entries:
        found = [(entry, match) for entry in entries if (match := named.fullmatch(entry.name))]
    for entry, match in found:
        # Of processes elsewhere nothing is known.
        with suppress(OSError):
            is_old = time.time() - entry.stat(follow_symlinks=False).st_mtime > ABANDONED_SECONDS
            if is_old or (match["process"] and not is_there(int(match["process"]))):
                os.unlink(entry.path)


def write_text(path: Path, text: str, recorded: bool | None = None) -> None:
    """Write `text` to `path`, see `atomic`."""
    with atomic(path, recorded=recorded) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_csv(
    path: Path, columns: Iterable[str], rows: Iterable[Mapping[str, Any]], recorded: bool | None = None
) -> None:
    """Write `rows` to `path` as CSV, see `atomic`; None is an empty field."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(columns), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue(), recorded)


def write_json(path: Path, content: Any, indent: int | None = 1) -> None:
    """Write `content` as JSON to `path` atomically; NaN and infinity are refused with ValueError.

    Without `indent` it is one line, written in less than half the time.
    """
    write_text(path, json.dumps(content, indent=indent, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file; `InputError` if it is not what is recorded of it, `ValueError` if it is no JSON."""
    require_recorded(path)
    with open_file(path) as file:
        return parse(file.read().decode("utf-8"))


@contextmanager
def understood(path: Path, expected: str, measured: bool = True) -> Iterator[None]:
    """Turn whatever reading a damaged file, or one of another program, leads to into an `InputError`.

    It names the file, and what was `expected`. One that was `measured`, or made of what was, is remembered
    for what goes wrong later (see `readings`).
    """
    if measured:
        readings.note(path)
    try:
        yield
    except (InputError, MemoryError):
        raise
    except OSError as error:
        # safetensors raises some without a number; a damaged file has some looked for where there is nothing.
        if error.errno in (None, errno.EINVAL):
            raise InputError(f"{path} cannot be read ({error}); expected {expected}") from error
        if error.filename is None:
            error.filename = str(path)
        raise
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:MOST_REASON]
        raise InputError(
            f"{path} is damaged, or not {expected} ({reason}); remove it, and make it again"
        ) from error


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file as hexadecimal digits."""
    with open_file(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
