"""Whether results are what was written: all checksums of runs and of other results, computed again."""

import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from anatomy.runtime.checksums import RECORD, recorded_in
from anatomy.runtime.errors import InputError
from anatomy.runtime.run_files import RUN_FILE, SHA256, read_facts, require_whole

# What nothing is made from, and what a run keeps to go on from, which is compared when it does.
NOT_RESULTS = (".log", ".tsv")
WORKING_FOLDERS = ("resume",)
# Names that are listed before the rest is counted.
LISTED = 5


@dataclass
class Verification:
    """What was found in a results folder.

    `whole` counts files that are what was written; `damaged` are not, or are missing in a run, each with a
    line; `gone` were recorded and are not there, `unknown` have no checksum.
    """

    whole: int = 0
    damaged: dict[Path, str] = field(default_factory=dict)
    gone: list[Path] = field(default_factory=list)
    unknown: list[Path] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """Whether nothing is damaged."""
        return not self.damaged


def verify(results: Path) -> Verification:
    """Compare all files of a results folder with their checksums; `InputError` if there is no such folder."""
    if not results.is_dir():
        raise InputError(f"{results} is no folder; give the results folder of a pipeline")
    found = Verification()
    of_runs: set[Path] = set()
    for folder, names in _folders(results):
        if RUN_FILE in names:
            of_runs |= _verify_run(folder, found)
        try:
            recorded = recorded_in(folder)
        except InputError as error:
            found.damaged[folder / RECORD] = str(error)
            continue
        found.gone += [
            folder / name for name in sorted(recorded.keys() - {*names}) if not (folder / name).is_file()
        ]
        for path in (folder / name for name in names):
            if path in of_runs:
                continue
            if path.name in recorded:
                _verify_file(path, found)
            else:
                found.unknown.append(path)
    return found


def _folders(results: Path) -> Iterator[tuple[Path, list[str]]]:
    """Yield each folder with the names of its results, a run's before that of its snapshots."""
    for folder, inside, names in os.walk(results):
        inside[:] = sorted(n for n in inside if n not in WORKING_FOLDERS and not n.startswith("."))
        kept = [n for n in names if not n.startswith(".") and not n.endswith(NOT_RESULTS)]
        yield Path(folder), sorted(kept)


def _verify_run(run: Path, found: Verification) -> set[Path]:
    """Compare the files that a run.json names, and it itself; return their paths."""
    try:
        names = read_facts(run)[SHA256]
    except InputError as error:
        found.damaged[run / RUN_FILE] = str(error)
        return {run / RUN_FILE}
    found.whole += 1
    for path in (run / name for name in names):
        if path.is_file():
            _verify_file(path, found)
        else:
            found.damaged[path] = f"{path} is missing, which {run / RUN_FILE} names"
    return {run / RUN_FILE, *(run / name for name in names)}


def _verify_file(path: Path, found: Verification) -> None:
    """Compare a file with what its run.json says, or what is recorded of it beside it."""
    try:
        require_whole(path)
    except InputError as error:
        found.damaged[path] = str(error)
    else:
        found.whole += 1


def in_words(found: Verification) -> str:
    """Return what was found as lines for a terminal, with the command after which damage is made again."""
    lines = [
        *found.damaged.values(),
        f"{found.whole} files are what was written, {len(found.damaged)} are not",
    ]
    if found.gone:
        lines.append(f"{len(found.gone)} are not there any more: {_listed(found.gone)}")
    if found.unknown:
        lines.append(
            f"{len(found.unknown)} have no checksum in {RECORD} beside them: {_listed(found.unknown)}"
        )
    if found.damaged:
        paths = shlex.join(str(path) for path in found.damaged)
        lines.append(f"to make them again:\nrm -f {paths}\nand call snakemake as before")
    return "\n".join(lines)


def _listed(paths: list[Path]) -> str:
    return ", ".join(map(str, paths[:LISTED])) + (", ..." if len(paths) > LISTED else "")
