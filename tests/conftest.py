"""Fixtures shared by the tests: a prepared data set, and a copy of the checkout to run in."""

import os
import shutil
import signal
import subprocess
import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from filelock import FileLock
from forked import run_forked, run_snakemake

from anatomy.data.dataset import Dataset, write_dataset
from anatomy.runtime import signals
from anatomy.runtime.schema import RUN, read_schema
from anatomy.runtime.settings import Settings
from anatomy.training.run import Run
from anatomy.training.task import Task

# As in the rules; several threads on busy cores wait for each other most of the time.
torch.set_num_threads(1)

ROOT = Path(__file__).parent.parent
SCRIPTS = ROOT / "workflow" / "scripts"
STUDIES = [path.parent.name for path in (ROOT / "src/anatomy/studies").glob("*/paper.py")]
# Folders below tests/ whose files take longest: first, so that no core waits for them at the end.
LONGEST = ("workflow", "browser", "studies", "benchmarks")
SMOKE = yaml.safe_load((ROOT / "tests" / "smoke.yaml").read_text())
SCHEMA_FILE = ROOT / "workflow" / "schemas" / "config.schema.yaml"
# What decides the weights and the files of a run.
RUN_SCHEMA = read_schema(SCHEMA_FILE)["$defs"][RUN]
# Training settings as a rule passes them on, those that differ from defaults: seconds on one core.
SETTINGS = {
    "architecture": "vgg11",
    "width": 0.0625,
    "epochs": 3,
    "batch_size": 20,
    "augmentation": {"shift": 2},
    "schedule": {"every": 2},
}


def pytest_collection_modifyitems(items):
    position = {ROOT / "tests" / folder: place for place, folder in enumerate(LONGEST)}
    items.sort(key=lambda item: min(position.get(path, len(LONGEST)) for path in item.path.parents))


def make_dataset(train=96, test=40, channels=3, size=32, classes=4, seed=0):
    """Images of class-dependent brightness: learnable, small, of any shape."""
    generator = np.random.default_rng(seed)
    arrays = {}
    for part, count in (("train", train), ("test", test)):
        labels = np.arange(count) % classes
        noise = generator.integers(0, 120, (count, channels, size, size))
        images = noise + 30 * labels[:, None, None, None]
        arrays[f"{part}_images"] = images.astype(np.uint8)
        arrays[f"{part}_labels"] = labels.astype(np.int64)
    return Dataset(**arrays, classes=[f"class {c}" for c in range(classes)])


def settings_of(**changes):
    """Complete training settings: `SETTINGS`, but for `changes`."""
    return Settings({**SETTINGS, **changes}, RUN_SCHEMA)


def task_of(dataset, description, seed=0, device="cpu", workers=0, **changes):
    """What a run with `SETTINGS`, but for `changes`, learns."""
    return Task(settings_of(**changes), dataset, description, seed, torch.device(device), workers)


def run_of(dataset, description, seed=0, device="cpu", workers=0, **changes):
    """A run with `SETTINGS`, but for `changes`, before its first epoch."""
    return Run(task_of(dataset, description, seed, device, workers, **changes))


@pytest.fixture
def dataset_folder(tmp_path):
    """A prepared data set on disk."""
    folder = tmp_path / "dataset"
    write_dataset(make_dataset(), folder, "shades", {"source": "test"})
    return folder


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A folder, and the address it is served at."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    folder = tmp_path / "served"
    folder.mkdir()
    handler = partial(QuietHandler, directory=folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=[0.01])
        thread.start()
        yield folder, f"http://127.0.0.1:{running.server_port}/"
        running.shutdown()
        thread.join()


@pytest.fixture
def inside(tmp_path, monkeypatch):
    """Run in an empty directory, where the defaults of programs put their files."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def shades(inside):
    """A prepared data set of 96 + 40 grey images of 28 px in 4 classes, in the directory `shades`."""
    dataset = make_dataset(channels=1, size=28)
    write_dataset(dataset, Path("shades"), "shades", {"source": "test"})
    return dataset


@pytest.fixture
def own_signals(monkeypatch):
    """A test that runs a program in its process: no signal is ignored, and all is as before once it ends."""
    before = {number: signal.getsignal(number) for number in signals.SIGNALS}
    for number in signals.SIGNALS:
        # Who runs the tests may ignore some, as nohup does.
        signal.signal(number, signal.SIG_DFL)
    monkeypatch.setattr(signals._State, "number", None)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def environment():
    """Environment of a program run from the checkout."""
    paths = [str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}


def run(program, *arguments, folder=None, **variables):
    """Run a program of the checkout to its end, whatever that is; the result has stdout and stderr as text.

    `variables` are set in its environment.
    """
    return run_forked(program, *arguments, folder=folder, environment={**environment(), **variables})


def run_program(name, *arguments):
    """Run a program of workflow/scripts, which must not fail."""
    result = run(SCRIPTS / f"{name}.py", *arguments)
    assert result.returncode == 0, result.stderr


def plan(result):
    """Return how often each rule would run, by name of the rule, from the output of a dry run."""
    lines = (result.stdout + result.stderr).splitlines()
    jobs = {}
    if "Job stats:" in lines:
        for line in lines[lines.index("Job stats:") + 3 :]:
            name, _, count = line.partition(" ")
            if name in ("", "total"):
                break
            jobs[name] = int(count)
    jobs.pop("all", None)
    return jobs


class Checkout:
    """A copy of the project in which Snakemake runs; without `copy` the folder has one already."""

    def __init__(self, folder, copy=True):
        self.folder = folder
        # What the developer's shell may have set must not leak into the run.
        leaks = ("PYTHONPATH", "ANATOMY_DATA", "HYPERPLANES_DATA", "SNAKEMAKE_PROFILE")
        self.environment = {name: value for name, value in os.environ.items() if name not in leaks}
        if copy:
            self.copy()

    def copy(self):
        """Copy all files of the project that git knows or would add."""
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
            cwd=ROOT,
            capture_output=True,
            check=True,
        )
        for name in listed.stdout.decode().split("\0"):
            if name and (ROOT / name).is_file():
                (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, self.folder / name)
        # Compiled once, not by the first program of each copy.
        for compiled in [*ROOT.glob("src/**/__pycache__"), *ROOT.glob("workflow/**/__pycache__")]:
            unfinished = shutil.ignore_patterns("*.pyc.*")
            shutil.copytree(compiled, self.folder / compiled.relative_to(ROOT), ignore=unfinished)

    def configure(self, config):
        """Make this the whole configuration: nothing of what is shipped is left but overlays.

        Studies that it does not name are off.
        """
        for path in (self.folder / "config/studies").glob("*.yaml"):
            path.unlink()
        studies = {**dict.fromkeys(STUDIES), **config.get("studies", {"arrangements": {}})}
        (self.folder / "config.yaml").write_text(yaml.safe_dump({**config, "studies": studies}))

    def snakemake(self, *arguments, check=True, cores=2):
        """Run Snakemake here; the result has stdout and stderr as text."""
        result = run_snakemake(["--cores", str(cores), *arguments], self.folder, self.environment)
        if check and result.returncode != 0:
            raise AssertionError(f"snakemake failed:\n{result.stdout}\n{result.stderr}")
        return result

    def planned(self, *arguments):
        """Return how often each rule would run, by name of the rule."""
        return plan(self.snakemake("--dry-run", *arguments))


@pytest.fixture
def checkout(tmp_path):
    """A fresh copy of the project."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    return Checkout(folder)


@pytest.fixture(scope="session")
def smoke_run(tmp_path_factory):
    """Folder of a checkout in which the whole smoke configuration has run, once for all workers; copy it."""
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    folder, done = base / "smoke-run", base / "smoke-run.done"
    with FileLock(base / "smoke-run.lock"):
        if not done.exists():
            folder.mkdir()
            checkout = Checkout(folder)
            checkout.configure(SMOKE)
            checkout.snakemake()
            done.touch()
    return folder


def copied(smoke_run, folder):
    """A checkout in `folder`, which does not exist yet, with the results of the smoke configuration."""
    shutil.copytree(smoke_run, folder)
    return Checkout(folder, copy=False)


@contextmanager
def edited(checkout, name, text):
    """Append `text` to a file for a while."""
    path = checkout.folder / name
    before = path.read_text()
    path.write_text(before + text)
    try:
        yield
    finally:
        path.write_text(before)


@contextmanager
def configured(checkout, **changes):
    """Change the configuration for a while; keys are dotted paths with `__`."""
    config = yaml.safe_load(yaml.safe_dump(SMOKE))
    for path, value in changes.items():
        *parents, last = path.split("__")
        section = config
        for key in parents:
            section = section.setdefault(key, {})
        section[last] = value
    checkout.configure(config)
    try:
        yield
    finally:
        checkout.configure(SMOKE)
