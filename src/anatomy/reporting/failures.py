"""Which jobs of a pipeline failed in the end, and why: from Snakemake's own log."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_ERROR = re.compile(r"Error in (?:rule|group) ([^:]+):")
_JOB = re.compile(r"    jobid: (\S+)")
_LOGS = re.compile(r" +log: (.+) \(check log")
# What Slurm says of a job, unless it ended by itself.
_STATE = re.compile(r"SLURM status is: '(?!FAILED)(\w+)'")
_AGAIN = re.compile(r"Trying to restart job (\S+)\.$")


@dataclass
class _Failure:
    """A job that failed; a group has no number."""

    name: str
    job: str | None = None
    state: str = ""
    logs: list[str] = field(default_factory=list)


def failures(snakemake_log: Path) -> Iterator[str]:
    """Yield a line for each job that was not started again: its rule, its log, and the last line of that."""
    failed: list[_Failure] = []
    for line in snakemake_log.read_text(encoding="utf-8", errors="replace").splitlines():
        if error := _ERROR.match(line):
            failed.append(_Failure(error[1]))
        elif not failed:
            continue
        elif again := _AGAIN.match(line):
            failed.remove(next(each for each in failed if each.job in (again[1], None)))
        elif job := _JOB.match(line):
            failed[-1].job = job[1]
        elif state := _STATE.search(line):
            failed[-1].state = f" ({state[1]})"
        elif logs := _LOGS.match(line):
            failed[-1].logs += logs[1].split(", ")
    for failure in failed:
        # The log of the job, if it got so far; else that of Slurm.
        log = next((log for log in map(Path, failure.logs) if log.is_file() and log.stat().st_size), None)
        where = "" if log is None else f": {log}: {_last_line(log)}"
        yield f"failed: {failure.name}{failure.state}{where}"


def _last_line(file: Path) -> str:
    lines = file.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1].strip() if lines else ""
