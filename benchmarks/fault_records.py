"""What is counted of faults: attempts, those that ended in the same bytes, and what went wrong."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fault_attempts import Outcome, Stage, run


@dataclass
class Record:
    """What one kind of fault did to one program: attempts, how many ended in the same bytes, how it went.

    `program` is the rule of its job; `origin` says when, where and of which commit it was measured.
    """

    fault: str
    program: str
    tried: int = 0
    same: int = 0
    notes: Counter = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    origin: str = ""

    def add(self, where: str, problems: list[str], note: str = "") -> None:
        """Count one attempt."""
        self.tried += 1
        self.same += not problems
        if note:
            self.notes[note] += 1
        self.problems += [f"{self.program}, {where}: {problem}" for problem in problems]

    def as_line(self) -> str:
        """Return all of it as a line of JSON."""
        return json.dumps(vars(self))

    @classmethod
    def of_line(cls, line: str) -> "Record":
        """Return the record of a line of `as_line`."""
        return cls.of(json.loads(line))

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> "Record":
        """Return the record of a mapping that JSON has kept."""
        return cls(**{**content, "notes": Counter(content["notes"])})


@dataclass(frozen=True)
class Plan:
    """How much is tried: every `stride`-th operation, so many random moments and signals."""

    stride: int = 1
    moments: int = 0
    signals: int = 12
    quick: bool = False


def again(stage: Stage) -> list[str]:
    """Run the program undisturbed; say what is wrong then."""
    outcome = run(stage.job, stage.folder)
    if outcome.status:
        return [f"the same command fails: {outcome.last_line}"]
    return stage.problems()


def told(outcome: Outcome) -> list[str]:
    """Return the lines in which a program says how it ended; a traceback counts as many."""
    lines = outcome.said.strip().splitlines()
    if any(line.startswith("Traceback") for line in lines):
        return lines
    return [line for line in lines if line.startswith(("error:", "stopped"))]
