"""Where archives, image folders and released weights are looked for."""

import os
from pathlib import Path

from anatomy.runtime.errors import InputError

DATA_VARIABLE = "HYPERPLANES_DATA"


def search_path() -> list[Path]:
    """Return the directories of $HYPERPLANES_DATA, separated as in $PATH; `data` if there are none."""
    places = os.environ.get(DATA_VARIABLE, "").split(os.pathsep)
    return [Path(place).expanduser() for place in places if place] or [Path("data")]


def locate(path: str, name: str, homepage: str | None = None, kind: str = "data set") -> Path:
    """Return where `path` lies under the search path; `InputError` says where it was looked for.

    `kind` and `name` say in the message what is missing.
    """
    candidates = [place / path for place in search_path()]
    for candidate in candidates:
        if candidate.exists():
            return candidate
    raise InputError(
        f"{kind} {name}: {path} not found; looked for {', '.join(map(str, candidates))}. "
        + (f"Get it from {homepage}, then put it " if homepage else "Put it ")
        + f"into the directory that the configuration key `data` or ${DATA_VARIABLE} names"
    )
