"""A program of the pipeline in forks of one process that has imported what it needs, and its folder."""

import gc
import importlib
import json
import mmap
import os
import resource
import runpy
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import same_results
from anatomy.runtime.checksums import RECORD
from anatomy.runtime.signals import SNAKEMAKE
from fault_jobs import Job, files_in
from fault_operations import Operations

# Beyond this a program hangs.
SECONDS = 300
# Files that say when and where they were made.
CLOCKS = ("provenance.json",)


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended: its status, negative for a signal, what it printed, operations on files."""

    status: int
    said: str
    operations: int
    seconds: float

    @property
    def last_line(self) -> str:
        """What is for whoever called it."""
        return (self.said.strip().splitlines() or [""])[-1]


class Attempt:
    """A program under way in a fork; `before` is called in it first."""

    def __init__(
        self,
        job: Job,
        folder: Path,
        before: Callable[[], None] | None = None,
        at: int = 0,
        fault: Callable[[], None] | None = None,
        modules: Path | None = None,
    ):
        self._numbers = mmap.mmap(-1, mmap.PAGESIZE)
        self._began = time.monotonic()
        # No file, whose size a limit may be on.
        self._said, self._pipe = b"", os.pipe()
        os.set_blocking(self._pipe[0], False)
        sys.stdout.flush()
        sys.stderr.flush()
        self.process = os.fork()
        if self.process == 0:
            self._become(job, folder, before, at, fault, modules)
        os.close(self._pipe[1])

    def _become(self, job, folder, before, at, fault, modules) -> None:
        """Be the program, from the first line to the last."""
        status = 1
        try:
            os.setpgid(0, 0)
            os.chdir(folder)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(self._pipe[1], 1)
            os.dup2(self._pipe[1], 2)
            os.environ.update(job.environment)
            if SNAKEMAKE in job.environment:
                os.environ[SNAKEMAKE] = str(os.getppid())
            sys.argv = [job.program, *job.arguments]
            sys.path.insert(0, str(Path(job.program).parent))
            # As on a terminal.
            signal.signal(signal.SIGINT, signal.default_int_handler)
            signal.signal(signal.SIGHUP, signal.SIG_DFL)
            Operations(folder, self._tell, at, fault).watch()
            if before is not None:
                before()
            status = _status_of(lambda: runpy.run_path(job.program, run_name="__main__"))
            if modules is not None:
                modules.write_text(json.dumps(list(sys.modules)))
            threading._shutdown()
            sys.stdout.flush()
            sys.stderr.flush()
        except BaseException:
            with suppress(OSError):
                traceback.print_exc()
        finally:
            os._exit(status)

    def _tell(self, number: int) -> None:
        self._numbers[:8] = number.to_bytes(8, "little")

    @property
    def operations(self) -> int:
        """Operations on files so far."""
        return int.from_bytes(self._numbers[:8], "little")

    def wait(self) -> Outcome:
        """Return how it ended; a program that hangs is killed."""
        end = time.monotonic() + SECONDS
        # Not reaped yet, so that its number is nobody else's.
        while os.waitid(os.P_PID, self.process, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            self._listen()
            if time.monotonic() > end:
                os.kill(self.process, signal.SIGKILL)
            time.sleep(0.002)
        # What it has started ends with it.
        with suppress(OSError):
            os.killpg(self.process, signal.SIGKILL)
        _, status = os.waitpid(self.process, 0)
        self._listen()
        os.close(self._pipe[0])
        seconds = time.monotonic() - self._began
        if seconds > SECONDS:
            self._said += f"\nno end after {SECONDS} s".encode()
        said = self._said.decode(errors="replace")
        return Outcome(os.waitstatus_to_exitcode(status), said, self.operations, seconds)

    def _listen(self) -> None:
        with suppress(BlockingIOError):
            while part := os.read(self._pipe[0], 65536):
                self._said += part


def _status_of(program: Callable[[], object]) -> int:
    """Run a program in this process and return its exit status as Python would."""
    try:
        program()
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
            return 1
        return end.code or 0
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def run(job: Job, folder: Path, **options) -> Outcome:
    """Run a program in a fork to its end; see `Attempt`."""
    return Attempt(job, folder, **options).wait()


def kill() -> None:
    """End this process as `kill -9` does."""
    os.kill(os.getpid(), signal.SIGKILL)


def limited(kind: int, amount: int) -> Callable[[], None]:
    """Return what sets a limit of `resource` in a fork."""
    return lambda: resource.setrlimit(kind, (amount, resource.getrlimit(kind)[1]))


def memory_now() -> int:
    """Return how much of RLIMIT_AS this process takes, in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * mmap.PAGESIZE


def is_same(name: str, expected: bytes | None, content: bytes) -> bool:
    """Tell whether a file has the bytes that it should have, but for times of clocks."""
    if expected is None or content == expected:
        return expected is not None
    if Path(name).name in CLOCKS:
        return True
    if not name.endswith(".csv") or expected.count(b"\n") != content.count(b"\n"):
        return False
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, f"{index}.csv") for index in range(2)]
        for path, each in zip(paths, (expected, content), strict=True):
            path.write_bytes(each)
        return same_results.same_values(*paths)


@dataclass
class Stage:
    """A folder in which one job runs again and again, with its inputs alone; `reference` is what it makes."""

    job: Job
    folder: Path
    reference: dict[str, bytes] = field(default_factory=dict)
    inputs: dict[str, bytes] = field(default_factory=dict)

    def prepare(self) -> Outcome:
        """Import what the job imports, and keep what it makes when nothing disturbs it."""
        origin = Path(self.job.folder)
        for name in self.job.inputs:
            if not Path(name).is_absolute() and (origin / name).is_file():
                self.inputs[name] = (origin / name).read_bytes()
        self._keep_records(origin)
        # What is never written to.
        self.links = [name for name in ("material",) if (origin / name).is_dir()]
        self.reset()
        listed = self.folder.with_name(f"{self.folder.name}-modules.json")
        outcome = run(self.job, self.folder, modules=listed)
        if outcome.status:
            raise RuntimeError(f"{self.job.name} fails undisturbed: {outcome.said}")
        for name in json.loads(listed.read_text()):
            with suppress(Exception):
                importlib.import_module(name)
        listed.unlink()
        # What is here already is no garbage of a fork.
        gc.freeze()
        return self.undisturbed()

    def undisturbed(self) -> Outcome:
        """Run the job once more, and let what it makes be what it has to make."""
        self.reset()
        outcome = run(self.job, self.folder)
        self.reference = self.contents()
        return outcome

    def _keep_records(self, origin: Path) -> None:
        """Add the checksums beside the inputs, of the inputs alone."""
        for folder in sorted({Path(name).parent for name in self.inputs}):
            record = origin / folder / RECORD
            if record.is_file():
                own = {Path(name).name for name in self.inputs if Path(name).parent == folder}
                lines = [line for line in record.read_text().splitlines() if line.split("  ", 1)[1] in own]
                self.inputs[str(folder / RECORD)] = "".join(f"{line}\n" for line in lines).encode()

    def reset(self, damaged: Mapping[str, bytes | None] | None = None) -> None:
        """Begin anew with the inputs; those of `damaged` have other bytes, or are missing."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        for name, content in {**self.inputs, **(damaged or {})}.items():
            if content is not None:
                self.write(name, content)
        for name in self.links:
            (self.folder / name).symlink_to(Path(self.job.folder, name))

    def write(self, name: str, content: bytes) -> None:
        """Give a file other bytes."""
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_bytes(content)

    def contents(self) -> dict[str, bytes]:
        """Return the bytes of what the job has made, by path."""
        names = [name for name in files_in(self.folder) if name not in self.inputs]
        own = [n for n in names if Path(n).parts[0] not in self.links and "resume" not in Path(n).parts]
        return {name: (self.folder / name).read_bytes() for name in own}

    def wrong(self) -> list[str]:
        """Name what is there and is not what the job makes: a part of it, or something else."""
        found = self.contents()
        return [
            f"{name} is not whole" if name in self.reference else f"{name} is left"
            for name, content in found.items()
            if not is_same(name, self.reference.get(name), content)
        ]

    def missing(self) -> list[str]:
        """Name what the job should have made and did not."""
        found = self.contents()
        return [f"{name} is missing" for name in self.reference if name not in found]

    def problems(self) -> list[str]:
        """Say what is missing or other than the job makes, now that it has ended."""
        left = [str(path.relative_to(self.folder)) for path in self.folder.rglob(".*.tmp")]
        changed = [
            name
            for name, content in self.inputs.items()
            if Path(name).name != RECORD and (self.folder / name).read_bytes() != content
        ]
        return [
            *self.wrong(),
            *self.missing(),
            *(f"{name} is left" for name in left),
            *(f"{name}, an input, is changed" for name in changed),
        ]
