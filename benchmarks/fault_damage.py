"""Files that are damaged, with their dates kept: nothing is measured of them in silence."""

import os
import random
import re
from collections.abc import Iterator
from pathlib import Path

from fault_attempts import Outcome, Stage, kill, run
from fault_records import Record, again

DAMAGE = "damaged input: one bit, cut off, deleted"
WORKING = "damaged working file of a stopped program"
OUTPUTS = "damaged output, and the same command again"


def flipped(content: bytes, draw: random.Random) -> bytes:
    """Return bytes with one bit that is another."""
    changed = bytearray(content)
    changed[draw.randrange(len(changed))] ^= 1 << draw.randrange(8)
    return bytes(changed)


def damages(content: bytes, draw: random.Random) -> dict[str, bytes | None]:
    """Return what becomes of a file, by what is done to it."""
    if not content:
        return {"deleted": None}
    return {
        "one bit": flipped(content, draw),
        "cut off": content[: draw.randrange(len(content))],
        "deleted": None,
    }


def kind_of(name: str) -> str:
    """Return the path of a file without what varies from one of its kind to the next."""
    return re.sub(r"=\d+", "=", name)


def one_of_each_kind(names: list[str]) -> list[str]:
    """Return the first file of each kind."""
    return list({kind_of(name): name for name in reversed(names)}.values())[::-1]


def damaged_inputs(stage: Stage) -> Iterator[Record]:
    """Damage each kind of file that the program reads, with its date kept."""
    record, draw = Record(DAMAGE, stage.job.rule), random.Random(0)
    for name in one_of_each_kind(list(stage.inputs)):
        for damage, content in damages(stage.inputs[name], draw).items():
            stage.reset({name: content})
            keep_date(Path(stage.job.folder, name), stage.folder / name)
            outcome = run(stage.job, stage.folder)
            found = stage.wrong() + (stage.missing() if outcome.status == 0 else [])
            problems, note = judged(outcome, found, name)
            if outcome.status:
                stage.write(name, stage.inputs[name])
                problems += again(stage)
            record.add(f"{name}, {damage}", problems, note)
    yield record


def judged(outcome: Outcome, found: list[str], name: str) -> tuple[list[str], str]:
    """Say what is wrong with how a program took a damaged file, and how it took it."""
    if outcome.status == 0:
        if found:
            return [f"measured silently: {'; '.join(found[:3])}"], ""
        return [], "mended, and named" if name in outcome.said else "not needed"
    problems = [f"{problem} after a refusal" for problem in found]
    if outcome.status != 1:
        problems.append(f"exit status {outcome.status}: {outcome.last_line}")
    if "Traceback" in outcome.said:
        problems.append(f"refused by a traceback: {outcome.last_line}")
    # A folder that lacks a file may be named in its place, and files by which their record is another.
    folder = str(Path(name).parent)
    if name not in outcome.said and (folder == "." or folder not in outcome.said):
        problems.append(f"refused without its name: {outcome.last_line}")
    return problems, "refused, and named"


def keep_date(original: Path, path: Path) -> None:
    """Give a file the date of its original."""
    if path.is_file() and original.is_file():
        state = original.stat()
        os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))


def damaged_outputs(stage: Stage) -> Iterator[Record]:
    """Damage each kind of file that the program has made, and call it again."""
    record, draw = Record(OUTPUTS, stage.job.rule), random.Random(0)
    for name in one_of_each_kind(list(stage.reference)):
        for damage, content in damages(stage.reference[name], draw).items():
            stage.reset()
            run(stage.job, stage.folder)
            damage_file(stage.folder / name, content)
            record.add(f"{name}, {damage}", again(stage))
    yield record


def damage_file(path: Path, content: bytes | None) -> None:
    """Give a file, under all its names, other bytes and its date; or remove it."""
    if content is None:
        path.unlink()
        return
    state = path.stat()
    with open(path, "r+b") as file:
        file.truncate()
        file.write(content)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))


def damaged_working_files(stage: Stage, operations: int) -> Iterator[Record]:
    """Kill the program near its end; damage what it left to go on from, and call it again."""
    record, draw = Record(WORKING, stage.job.rule), random.Random(0)

    def stopped() -> list[str]:
        stage.reset()
        run(stage.job, stage.folder, at=max(1, operations // 2), fault=kill)
        paths = (path for path in stage.folder.rglob("*") if path.is_file() and not path.is_symlink())
        names = [path.relative_to(stage.folder).as_posix() for path in paths]
        kept = set(stage.inputs) | {name for name in names if name.endswith((".tmp", ".lock", ".owner"))}
        return sorted(set(names) - kept)

    for name in one_of_each_kind(stopped()):
        for damage in ("one bit", "cut off", "deleted"):
            stopped()
            content = (stage.folder / name).read_bytes()
            if content and damage in (options := damages(content, draw)):
                damage_file(stage.folder / name, options[damage])
                outcome = run(stage.job, stage.folder)
                problems = stage.problems() if outcome.status == 0 else [f"fails: {outcome.last_line}"]
                named = name in outcome.said or f"{Path(name).name} missing" in outcome.said
                record.add(f"{name}, {damage}", problems, "mended, and named" if named else "mended")
    if record.tried:
        yield record


def damaged(stage: Stage, operations: int) -> Iterator[Record]:
    """Damage what the program reads, what it goes on from, and what it has made."""
    yield from damaged_inputs(stage)
    yield from damaged_working_files(stage, operations)
    yield from damaged_outputs(stage)
