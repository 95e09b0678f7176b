"""The files of a finished run, and whether they are what its run.json says.

run.json has two checksums of every file that the weights decide: SHA-256, which stands for it elsewhere, and
XXH3-128, which takes a twentieth of the time, for whoever reads it. `checksum` stands for run.json itself.
Times are in history.csv and provenance.json, so that these are recorded beside them instead (see
`checksums`).
"""

import hashlib
import re
import sys
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from anatomy.runtime.checksums import Buffer, require_recorded, xxh3_of, xxh3_of_bytes
from anatomy.runtime.errors import InputError
from anatomy.runtime.files import read_json, sha256_of
from anatomy.runtime.fingerprints import fingerprint

RUN_FILE, FINAL_NETWORK, FINAL_FILE = "run.json", "final.safetensors", "final.json"
SHA256, XXH3, CHECKSUM, FINGERPRINT = "sha256", "xxh3_128", "checksum", "fingerprint"
# What run.json says beside the facts that decide a run's weights; and of a run that was stopped, when.
BESIDE_FACTS = (FINGERPRINT, SHA256, XXH3, CHECKSUM)
STOPPED_AFTER = "stopped_after"
_SNAPSHOT = re.compile(r"epoch=\d+\.safetensors")


def signed(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of a run.json with the checksum of all of it."""
    return {**content, CHECKSUM: fingerprint(content)}


def read_facts(run: Path) -> dict[str, Any]:
    """Return the facts of a finished run, and the checksums of its files, from its directory.

    `InputError` if it is not finished, or the file is damaged.
    """
    file = run / RUN_FILE
    if not file.is_file():
        raise InputError(f"{run} is no finished run: it has no {RUN_FILE}")
    try:
        facts = read_json(file)
    except InputError:
        raise
    except ValueError as error:
        raise _damaged(file, error) from error
    if not isinstance(facts, dict) or not {FINGERPRINT, SHA256} <= facts.keys():
        raise _damaged(file, "it says no checksums")
    if CHECKSUM in facts:
        same = signed({key: value for key, value in facts.items() if key != CHECKSUM}) == facts
    else:
        decisive = {key: value for key, value in facts.items() if key not in (*BESIDE_FACTS, STOPPED_AFTER)}
        same = fingerprint(decisive) == facts[FINGERPRINT]
    if not same:
        raise _damaged(file, "its checksum is another")
    return facts


def _damaged(file: Path, why: Any) -> InputError:
    return InputError(f"{file} is damaged ({why}); delete it, and train that network again")


def require_whole(path: Path, content: Buffer | None = None) -> None:
    """Raise `InputError` unless a file of a finished run is what its run.json says.

    Of other files, unless it is what is recorded beside it. `content` are its bytes, if they have been read.
    """
    path = Path(path)
    if (run := _run_of(path)) is None:
        require_recorded(path, content)
        return
    name, state = path.relative_to(run).as_posix(), (run / RUN_FILE).stat()
    facts = _facts(run, state.st_mtime_ns, state.st_size)
    if name not in facts[SHA256]:
        return
    if XXH3 in facts:
        expected = facts[XXH3].get(name)
        found = xxh3_of(path) if content is None else xxh3_of_bytes(content)
    else:
        expected = facts[SHA256][name]
        found = sha256_of(path) if content is None else hashlib.sha256(content).hexdigest()
    if found != expected:
        raise InputError(
            f"{path} is not what {run / RUN_FILE} describes: it is damaged, or was changed; delete it, and "
            "train that network again (snakemake does so by itself)"
        )


def _run_of(path: Path) -> Path | None:
    """Return the directory of the finished run whose file this is by its name; None if it is none."""
    if path.name in (FINAL_NETWORK, FINAL_FILE):
        run = path.parent
    elif path.parent.name == "snapshots" and _SNAPSHOT.fullmatch(path.name):
        run = path.parent.parent
    else:
        return None
    return run if (run / RUN_FILE).is_file() else None


@lru_cache(maxsize=16)
def _facts(run: Path, *_: int) -> dict[str, Any]:
    facts = read_facts(run)
    if XXH3 not in facts:
        print(
            f"{run / RUN_FILE} is of an earlier version, without {XXH3}; its files are compared by {SHA256}",
            file=sys.stderr,
        )
    return facts
