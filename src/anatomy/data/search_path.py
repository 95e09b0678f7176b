"""Where archives, image folders and released weights are looked for."""

import os
from pathlib import Path

from anatomy.runtime.environment import variable
from anatomy.runtime.errors import InputError

DATA_VARIABLE = "ANATOMY_DATA"


def search_path(value: str | None = None) -> list[Path]:
    """Return the directories of `value`, else of $ANATOMY_DATA, separated as in $PATH; else `data`."""
    directories = (value or variable("DATA") or "").split(os.pathsep)
    # Of a user that there is not, ~ stays as it is, a folder that is not found.
    return [Path(os.path.expanduser(directory)) for directory in directories if directory] or [Path("data")]


def locate(
    path: str,
    name: str,
    homepage: str | None = None,
    what: str = "data set",
    directories: str | None = None,
) -> Path:
    """Return where `path` lies under the search path; `InputError` says where it was looked for.

    `what` and `name` say in the message what is missing; `directories` are others than $ANATOMY_DATA's.
    """
    candidates = [directory / path for directory in search_path(directories)]
    for candidate in candidates:
        if candidate.exists():
            return candidate
    raise InputError(
        f"{what} {name}: {path} not found; looked for {', '.join(map(str, candidates))}. "
        + (f"Get it from {homepage}, then put it " if homepage else "Put it ")
        + f"into the directory that the configuration key `data` or ${DATA_VARIABLE} names"
    )
