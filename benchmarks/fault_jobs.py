"""Every job of a pipeline as a command: a program, its arguments and environment, and what it reads."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import power_cut


@dataclass(frozen=True)
class Job:
    """A command of the pipeline: a program, its arguments and environment, and the files that it reads.

    Paths are relative to `folder`, the working directory.
    """

    rule: str
    program: str
    arguments: Sequence[str]
    environment: Mapping[str, str]
    inputs: Sequence[str]
    folder: str

    @property
    def name(self) -> str:
        """The program, as in messages."""
        return Path(self.program).stem

    def write(self, path: Path) -> Path:
        """Keep the job in a file, which is returned."""
        path.write_text(json.dumps(asdict(self)))
        return path

    @classmethod
    def read(cls, path: Path) -> "Job":
        """Return the job that `write` has kept."""
        return cls(**json.loads(path.read_text()))


def environment() -> dict[str, str]:
    """Return the environment of a Snakemake that nothing of this one's reaches."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "ANATOMY"))}
    return {**kept, "OMP_NUM_THREADS": "1"}


def jobs_of(checkout: Path) -> list[Job]:
    """Return the jobs that Snakemake has run in a checkout, sorted by rule."""
    records = {}
    for path in sorted((checkout / ".snakemake/metadata").rglob("*")):
        if path.is_file() and (record := json.loads(path.read_text())).get("shellcmd"):
            records[record["shellcmd"]] = record
    return [
        Job(record["rule"], *_parsed(command, checkout), sorted(record["input"]), str(checkout))
        for command, record in sorted(records.items(), key=lambda pair: (pair[1]["rule"], pair[0]))
    ]


def _parsed(command: str, checkout: Path) -> tuple[str, list[str], dict[str, str]]:
    """Return program, arguments and environment of a shell command, as the shell itself understands it."""
    # In the place of `env ... python program`, and without its log.
    shown = "import json, sys; print(json.dumps(sys.argv[1:]))"
    bare = re.sub(r" &>>? \S+\s*$", "", command)
    printed = subprocess.run(
        ["bash", "-c", f"{shlex.join([sys.executable, '-c', shown])} {bare}"],
        cwd=checkout,
        capture_output=True,
        check=True,
        text=True,
    )
    _, *words = json.loads(printed.stdout)
    at = words.index("python")
    variables = dict(word.split("=", 1) for word in words[:at])
    return words[at + 1], words[at + 2 :], variables


def jobs_by_hand(checkout: Path) -> list[Job]:
    """Run the three programs that have the options of the authors' in a checkout; return their commands."""
    scripts = checkout / "workflow/scripts/hp_arrangements"
    data = "results/datasets/mnist"
    inputs = [f"{data}/dataset.json", f"{data}/data.safetensors"]
    network = ["--arch", "lenet", "--dataset", data]
    run = "models/mnist/lenet/0"
    ends = [f"{run}/snapshots/epoch={epoch}.safetensors" for epoch in (0, 2)]
    (checkout / "inits.txt").write_text(f"{ends[0]}\n")
    options = {
        "train": ["--epochs", "2", "--batch-size", "32", "--snapshot-every", "1", "--save-every", "0"],
        "compute_projections": ["--normalize", "--load-from", ends[1], "--init-from", ends[0]],
        "reinit_layers": ["--rand", "--load-from", f"{run}/final.safetensors", "--inits-from", "inits.txt"],
    }
    jobs = []
    for program, own in options.items():
        needed = inputs if program == "train" else [*inputs, "inits.txt", *files_in(checkout, run)]
        words = [*network, "--seed", "0", *own]
        variables = {"PYTHONPATH": str(checkout / "src")}
        job = Job(program, str(scripts / f"{program}.py"), words, variables, needed, str(checkout))
        command = [sys.executable, job.program, *job.arguments]
        done = subprocess.run(
            command, cwd=checkout, env={**environment(), **variables}, capture_output=True, text=True
        )
        if done.returncode:
            raise RuntimeError(f"{shlex.join(command)} failed:\n{done.stderr}")
        jobs.append(job)
    return jobs


def files_in(folder: Path, part: str = ".") -> list[str]:
    """Return the files of a part of a folder by their paths in it, without hidden ones and logs."""
    paths = (path.relative_to(folder) for path in (folder / part).rglob("*") if path.is_file())
    return sorted(
        path.as_posix()
        for path in paths
        if path.suffix not in power_cut.NOT_RESULTS and not any(p.startswith(".") for p in path.parts)
    )
