"""Programs that are killed or signalled at an operation on files or at any moment, or run twice at a time."""

import itertools
import os
import random
import signal
import time
from collections.abc import Callable, Iterator

from fault_attempts import Attempt, Stage, kill, run
from fault_records import Plan, Record, again, told

KILLS = "kill -9 at every file operation"
RANDOM_KILLS = "kill -9 at random moments, the attempts one after the other"
SIGNALS = "SIGTERM, SIGINT, SIGHUP, SIGUSR1 at file operations"
TWICE = "the same program twice at a time"

# Signals that ask a program to stop.
ASKING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1)


def kills(stage: Stage, plan: Plan) -> Iterator[Record]:
    """Kill the program at its operations on files; a tenth later it would have been at the next."""
    record = Record(KILLS, stage.job.rule)
    at = 1
    while True:
        stage.reset()
        outcome = run(stage.job, stage.folder, at=at, fault=kill)
        if outcome.status == 0:
            break
        problems = [f"{problem} after the kill" for problem in stage.wrong()]
        if outcome.status != -signal.SIGKILL:
            problems.append(f"fails by itself: {outcome.last_line}")
        record.add(f"killed at operation {at}", problems + again(stage))
        at += plan.stride
    if plan.stride > 1:
        record.notes[f"of {at - 1} operations"] = record.tried
    yield record


def random_kills(stage: Stage, plan: Plan, seconds: float) -> Iterator[Record]:
    """Kill a program at random moments, five times before it may end."""
    record, draw = Record(RANDOM_KILLS, stage.job.rule), random.Random(0)
    for first in range(0, plan.moments, 5):
        stage.reset()
        for number in range(first, min(first + 5, plan.moments)):
            attempt = Attempt(stage.job, stage.folder)
            time.sleep(draw.random() * seconds)
            os.kill(attempt.process, signal.SIGKILL)
            attempt.wait()
            problems = [f"{problem} after the kill" for problem in stage.wrong()]
            last = number == min(first + 5, plan.moments) - 1
            record.add(f"random moment {number}", problems + (again(stage) if last else []))
    yield record


def signals(stage: Stage, plan: Plan, operations: int) -> Iterator[Record]:
    """Send a program the signals in turn, at operations on files that are equally far apart."""
    record = Record(SIGNALS, stage.job.rule)
    for at, number in zip(spread(operations, plan.signals), itertools.cycle(ASKING), strict=False):
        stage.reset()
        outcome = run(stage.job, stage.folder, at=at, fault=sending(number))
        found = stage.wrong() if outcome.status else stage.wrong() + stage.missing()
        problems = [f"{problem} after the signal" for problem in found]
        if outcome.status not in (0, 128 + number):
            problems.append(f"exit status {outcome.status}, expected {128 + number}: {outcome.last_line}")
        if outcome.status and len(lines := told(outcome)) != 1:
            problems.append(f"says {len(lines)} lines: {outcome.last_line}")
        note = "stopped in one line" if outcome.status else "came too late"
        record.add(f"{number.name} at operation {at}", problems + again(stage), note)
    yield record


def sending(number: int) -> Callable[[], None]:
    """Return what sends this process a signal."""
    return lambda: os.kill(os.getpid(), number)


def spread(operations: int, count: int) -> list[int]:
    """Return at most so many numbers from 1 to `operations`, equally far apart."""
    count = min(count, operations)
    return [1 + (operations - 1) * index // max(1, count - 1) for index in range(count)]


def twice(stage: Stage, plan: Plan, seconds: float) -> Iterator[Record]:
    """Run the program twice at the same time, the second a little later."""
    record, draw = Record(TWICE, stage.job.rule), random.Random(0)
    for number in range(2 if plan.quick else 4):
        stage.reset()
        attempts = [Attempt(stage.job, stage.folder)]
        time.sleep(draw.random() * seconds * number / 6)
        attempts.append(Attempt(stage.job, stage.folder))
        outcomes = [attempt.wait() for attempt in attempts]
        problems = stage.wrong()
        for outcome in outcomes:
            if outcome.status and "by another process" not in outcome.said:
                problems.append(f"exit status {outcome.status}: {outcome.last_line}")
        one = "one at a time" if any(outcome.status for outcome in outcomes) else "both to the end"
        record.add(f"pair {number}", problems + again(stage), one)
    yield record
