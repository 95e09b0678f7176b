"""Trainings that are asked to stop: by signals, and by the end of their Snakemake."""

import json
import signal
import time
from collections import Counter
from contextlib import suppress
from itertools import product
from pathlib import Path

import numpy as np
import pandas
import psutil
import pytest
from conftest import make_dataset, run_program
from PIL import Image
from safetensors import safe_open
from small_runs import small_run, write_nets
from training_program import outputs, start, train

from anatomy.data.dataset import write_dataset
from anatomy.data.search_path import DATA_VARIABLE
from anatomy.runtime import signals
from anatomy.training.loop import train_run
from anatomy.training.run import begin_run

# Epochs of many steps, so that a signal comes inside one, with all that a step inherits: momentum, running
# statistics, random numbers of dropout.
LONG = {
    "architecture": "cifar_resnet_8",
    "width": 1.0,
    "dropout": 0.3,
    "epochs": 2,
    "batch_size": 4,
    "snapshots": [0, 1, 2],
}
STEPS = 90
ASKED = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1]


@pytest.fixture(scope="module")
def many_images(tmp_path_factory):
    """A data set of many steps."""
    folder = tmp_path_factory.mktemp("data") / "dataset"
    write_dataset(make_dataset(train=400), folder, "shades", {"source": "test"})
    return folder


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory, many_images):
    """The outputs of a run that nobody stops."""
    folder = tmp_path_factory.mktemp("unbroken") / "run"
    train(folder, many_images, **LONG)
    return folder


def read_until(process, text):
    """Read the log of a training until `text` appears."""
    for line in process.stderr:
        if text in line:
            return
    raise AssertionError(f"the training ended without {text!r}")


def state_of(run):
    """Steps and progress in the state of a run."""
    with safe_open(run / "resume/state.safetensors", "pt") as file:
        steps = int(file.get_tensor("epoch.steps")) if "epoch.steps" in file.keys() else 0  # noqa: SIM118
        return steps, json.loads(file.metadata()["state"])["progress"]


def same_record(*runs):
    """Assert that runs have the same run.json and history, but for times."""
    assert len({(run / "run.json").read_bytes() for run in runs}) == 1
    histories = [pandas.read_csv(run / "history.csv").drop(columns="seconds") for run in runs]
    pandas.testing.assert_frame_equal(*histories, check_exact=True)


def stopped(process, number):
    """The last words of a training that a signal has stopped: one line."""
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 128 + number, stderr
    (line,) = stderr.splitlines()
    return line


@pytest.mark.parametrize("number", ASKED)
def test_a_signal_loses_one_step_and_no_bit(tmp_path, many_images, unbroken, number):
    run = tmp_path / "run"
    process = start(run, many_images, **LONG)
    read_until(process, "epoch 1/")
    time.sleep(0.2)
    process.send_signal(number)
    line = stopped(process, number)
    steps, progress = state_of(run)
    # Nothing but the signal has saved anything: a minute has not passed.
    assert 0 < steps < STEPS
    assert progress["epoch"] == 1
    expected = (
        f"stopped by {number.name} after epoch 1 and {steps} of {STEPS} steps; the same command goes on there"
    )
    assert line == expected
    assert not (run / "run.json").exists()
    assert not list(run.rglob("*.tmp"))
    log = train(run, many_images, **LONG)
    assert f"continuing after epoch 1 and {steps} of {STEPS} steps" in log
    assert "epoch 1/" not in log
    assert outputs(run) == outputs(unbroken)
    same_record(run, unbroken)


def test_a_signal_before_training_or_twice_is_one_line(tmp_path, many_images, unbroken):
    process = start(tmp_path / "early", many_images, **LONG)
    # Once it listens it imports torch, which takes seconds.
    while signal.SIGUSR1 not in caught(process.pid):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    assert stopped(process, signal.SIGINT).startswith("stopped by SIGINT")

    process = start(tmp_path / "twice", many_images, **LONG)
    read_until(process, "epoch 0/")
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGTERM)
    assert stopped(process, signal.SIGTERM).startswith("stopped by SIGTERM after epoch ")
    train(tmp_path / "twice", many_images, **LONG)
    assert outputs(tmp_path / "twice") == outputs(unbroken)


def caught(pid):
    """The signals that a process handles itself."""
    status = dict(
        line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line
    )
    mask = int(status["SigCgt"], 16)
    return {number for number in range(1, 65) if mask >> (number - 1) & 1}


def test_what_nohup_ignores_stays_ignored(tmp_path, dataset_folder):
    process = start(tmp_path / "run", dataset_folder, ignoring=[signal.SIGHUP], epochs=30, snapshots=[])
    read_until(process, "epoch 0/")
    process.send_signal(signal.SIGHUP)
    process.communicate()
    assert process.returncode == 0


EVERY = {1, 2, 3, 4, 5}


@pytest.mark.parametrize(
    ("changes", "when", "steps"),
    [
        ({"subspace": {"kind": "line"}}, 1, EVERY),
        # The third time is in the pass for statistics of the mid-point, the seventh in the evaluation.
        ({"subspace": {"kind": "line"}}, 3, {5}),
        ({"subspace": {"kind": "line"}}, 7, {5}),
        ({"optimiser": {"kind": "adam"}}, 1, EVERY),
        ({"optimiser": {"kind": "adam"}}, 2, {5}),
        ({"batch_norm": {"frozen_after": 0}}, 1, EVERY),
        ({"architecture": "nets:Mlp", "dropout": 0.0}, 1, {5}),
    ],
    ids=str,
)
def test_a_run_goes_on_after_any_step_and_from_within_an_evaluation(
    tmp_path, monkeypatch, inside, changes, when, steps
):
    """Each attempt stops where it asks for the `when`-th time since something was new whether to."""
    write_nets(monkeypatch)
    settings = {"batch_size": 20, "epochs": 2, "dropout": 0.3, "snapshots": [0, 1, 2], **changes}
    settings = {"architecture": "cifar_resnet_8", "augmentation": {"shift": 2}, **settings}

    def new_run():
        run = small_run(size=16, **settings)
        return run if "subspace" not in changes else begin_run(run.task)

    run, positions, asked = None, [], Counter()
    assert train_run(new_run(), tmp_path / "unbroken", {}, {})

    def ask():
        if run.history and run.position not in positions:
            asked[run.position] += 1
            if asked[run.position] == when:
                positions.append(run.position)
                raise signals.Stopped(15, "stopped")

    monkeypatch.setattr(signals, "check", ask)
    finished = False
    while not finished:
        run = new_run()
        with suppress(signals.Stopped):
            finished = train_run(run, tmp_path / "broken", {}, {})
    assert {*product([0, 1], steps)} <= {*positions}
    assert outputs(tmp_path / "broken") == outputs(tmp_path / "unbroken")
    same_record(tmp_path / "broken", tmp_path / "unbroken")


@pytest.fixture
def image_files(tmp_path, monkeypatch):
    """A prepared data set whose images are read from their files."""
    random = np.random.default_rng(0)
    for part, images in (("train", 200), ("test", 8)):
        for label in "ab":
            folder = tmp_path / "pictures" / part / label
            folder.mkdir(parents=True)
            for index in range(images):
                pixels = random.integers(0, 256, (40, 40, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{index}.png")
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path))
    source = {"source": "images", "path": "pictures", "train_folder": "train", "test_folder": "test"}
    entry = "--name", "pictures", "--settings", json.dumps({**source, "resize": 36, "crop": 32})
    run_program("prepare_dataset", *entry, "--output", tmp_path / "d")
    return tmp_path / "d"


@pytest.mark.parametrize("number", ASKED)
def test_a_signal_to_all_processes_of_a_training_is_one_to_the_training(tmp_path, image_files, number):
    """Those that read its images still give it those of its step."""
    changes = {**LONG, "epochs": 2, "batch_size": 2}
    run = tmp_path / "run"
    process = start(run, image_files, 0, "--workers", "2", **changes)
    read_until(process, "epoch 1/")
    time.sleep(0.5)
    for worker in [*psutil.Process(process.pid).children(recursive=True), process]:
        worker.send_signal(number)
    assert stopped(process, number).startswith(f"stopped by {number.name} after epoch 1 and ")
