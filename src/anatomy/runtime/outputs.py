"""Whether what a program is to write would replace what it reads, or something else that it writes."""

import os
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from anatomy.runtime.errors import InputError
from anatomy.runtime.regular import behind_links
from anatomy.runtime.run_files import RUN_FILE, run_of


def parsed(parser: ArgumentParser, *outputs: str) -> Namespace:
    """Return the arguments of a program that writes the paths in `outputs` and reads every other path.

    The names are those of the attributes. `InputError` as of `check_outputs`.
    """
    arguments = parser.parse_args()
    paths = {name: _paths(value) for name, value in vars(arguments).items()}
    written = [(f"--{name.replace('_', '-')}", path) for name in outputs for path in paths.pop(name)]
    check_outputs(written, [path for several in paths.values() for path in several])
    return arguments


def _paths(value: Any) -> list[Path]:
    """Return the paths in the value of an option."""
    values = value if isinstance(value, list) else [value]
    return [path for path in values if isinstance(path, Path)]


def check_outputs(
    outputs: Iterable[tuple[str | Path, Path | None]], inputs: Iterable[Path | None] = ()
) -> None:
    """Raise `InputError` if an output is an input, lies in a directory that is one, or is written twice.

    So it is of devices, pipes and what a program has open (see `behind_links`). An output comes with the
    option that names it, or the file that it is made of; of one file there may be one output several times.
    A file of a finished run stands for the whole run. None is left out.
    """
    read = [path for path in inputs if path is not None]
    read += [run for path in read if (run := run_of(path)) is not None and (run / RUN_FILE).is_file()]
    files = {place: path for path in read for place in _places(path)}
    written: dict[str | tuple[int, int], str | Path] = {}
    for source, output in outputs:
        if output is None:
            continue
        behind_links(output)
        for place in _places(output):
            if place in files:
                raise InputError(f"{source}: {output} is read, and would be overwritten; name another file")
            other = written.setdefault(place, source)
            if other != source and not (isinstance(source, Path) and _places(other) & _places(source)):
                raise InputError(
                    f"{other} and {source} would both be written to {output}; give them different names, or "
                    "different folders"
                )
        for folder in Path(os.path.realpath(output)).parents:
            if found := _places(folder) & files.keys():
                raise InputError(
                    f"{source}: {output} lies in {files[min(found, key=str)]}, which is read; name a place "
                    "outside of it"
                )


def _places(path: Path) -> set[str | tuple[int, int]]:
    """Return what is equal for two names of one file: its real path, and its number if it is there."""
    places: set[str | tuple[int, int]] = {os.path.realpath(path)}
    try:
        state = os.stat(path)
    except OSError:
        return places
    return {*places, (state.st_dev, state.st_ino)}
