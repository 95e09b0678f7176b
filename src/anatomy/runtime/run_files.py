"""The files of a finished run, and whether they are what its run.json says.

run.json has two checksums of every file that the weights decide: SHA-256, which stands for it elsewhere, and
XXH3-128, which takes a twentieth of the time, for whoever reads it. `checksum` stands for run.json itself.
Times are in history.csv and provenance.json, so that these are recorded beside them instead (see
`checksums`).
"""

import hashlib
import json
import re
import stat
import sys
from collections.abc import Mapping
from contextlib import suppress
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
# What the facts of a finished run say at least, and of what kind it is.
KINDS = {
    **{"experiment": str, "dataset": str, "seed": int, "settings": dict, SHA256: dict},
    **{"dataset_sha256": str, "code_sha256": str, FINGERPRINT: str},
}
_SNAPSHOT = re.compile(r"epoch=\d+\.safetensors")


def signed(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of a run.json with the checksum of all of it, as it is once it is read."""
    return {**content, CHECKSUM: fingerprint(json.loads(json.dumps(content)))}


def read_facts(run: Path, whole: bool = True) -> dict[str, Any]:
    """Return the facts of a finished run, and the checksums of its files, from its directory.

    `InputError` if it is not finished, or the file is damaged, or is not `whole`: has none of `KINDS`.
    """
    file = run / RUN_FILE
    if not file.exists():
        raise InputError(f"{run} is no finished run: it has no {RUN_FILE}")
    try:
        facts = read_json(file)
    except InputError:
        raise
    except (ValueError, RecursionError) as error:
        raise _damaged(file, error) from error
    if not isinstance(facts, dict) or not {FINGERPRINT, SHA256} <= facts.keys():
        raise _damaged(file, "it says no checksums")
    for key, kind in KINDS.items():
        if (whole or key in facts) and not isinstance(facts.get(key), kind):
            said = repr(facts[key]) if key in facts else "missing"
            raise _damaged(file, f"its {key} is {said}")
    if not isinstance(facts.get(XXH3, {}), dict):
        raise _damaged(file, f"its {XXH3} is {facts[XXH3]!r}")
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
    if (run := run_of(path)) is None or (facts := _facts_of(run)) is None:
        require_recorded(path, content)
        return
    name = path.relative_to(run).as_posix()
    if name not in facts[SHA256]:
        return
    if XXH3 in facts:
        expected = facts[XXH3].get(name)
        found = xxh3_of(path) if content is None else xxh3_of_bytes(content)
    else:
        expected = facts[SHA256][name]
        found = sha256_of(path) if content is None else hashlib.sha256(content).hexdigest()
    if found != expected:
        raise is_not_what_was_described(path)


def xxh3_in_run(path: Path) -> str | None:
    """Return the XXH3-128 that the run.json of a finished run has of one of its files; None if none has."""
    path = Path(path)
    if (run := run_of(path)) is None or (facts := _facts_of(run)) is None:
        return None
    return facts.get(XXH3, {}).get(path.relative_to(run).as_posix())


def is_not_what_was_described(path: Path) -> InputError:
    """Return the error of a file of a finished run that is not what its run.json says."""
    return InputError(
        f"{path} is not what {run_of(path) / RUN_FILE} describes: it is damaged, or was changed; delete it, "
        "and train that network again (snakemake does so by itself)"
    )


def run_of(path: Path) -> Path | None:
    """Return the directory of the finished run whose file this is by its name; None if it is none."""
    if path.name in (FINAL_NETWORK, FINAL_FILE):
        return path.parent
    if path.parent.name == "snapshots" and _SNAPSHOT.fullmatch(path.name):
        return path.parent.parent
    return None


def _facts_of(run: Path) -> dict[str, Any] | None:
    """Return the facts in a directory; None if it has no run.json, or one of another program."""
    try:
        state = (run / RUN_FILE).stat()
    except OSError:
        return None
    return _facts(run, state.st_mtime_ns, state.st_size) if stat.S_ISREG(state.st_mode) else None


@lru_cache(maxsize=16)
def _facts(run: Path, *_: int) -> dict[str, Any] | None:
    with suppress(ValueError, RecursionError):
        content = json.loads((run / RUN_FILE).read_bytes())
        if not isinstance(content, dict) or not content.keys() & {*BESIDE_FACTS}:
            return None
    facts = read_facts(run, whole=False)
    if XXH3 not in facts:
        print(
            f"{run / RUN_FILE} is of an earlier version, without {XXH3}; its files are compared by {SHA256}",
            file=sys.stderr,
        )
    return facts
