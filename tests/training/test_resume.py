"""Trainings that were stopped, or that another process works on."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
from conftest import ROOT, SCHEMA_FILE, SCRIPTS, SETTINGS, run_of
from conftest import run as run_forked_program
from training_program import outputs, refusal, start, train

from anatomy.checkpoints.snapshots import save_snapshot
from anatomy.data.dataset import open_dataset
from anatomy.runtime.errors import InputError
from anatomy.runtime.files import HOST
from anatomy.runtime.locks import locked
from anatomy.training import loop, working_folder

LONG = {"epochs": 8, "snapshots": [0, 2, 8]}


def kill_after(process, text):
    """Read the log of a training until `text` appears, then kill it as the kernel would."""
    for line in process.stderr:
        if text in line:
            break
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_a_killed_run_continues_and_ends_in_the_same_bits(tmp_path, dataset_folder):
    train(tmp_path / "unbroken", dataset_folder, **LONG)
    run = tmp_path / "killed"
    process = start(run, dataset_folder, 0, "--save-every", "0", **LONG)
    kill_after(process, "epoch 3/")
    assert not (run / "run.json").exists()
    assert not (run / "snapshots").exists()
    # What a kill in the middle of a write leaves.
    (run / f"resume/snapshots/.epoch=8.safetensors.{HOST}-{process.pid}.tmp").write_bytes(b"half")
    log = train(run, dataset_folder, **LONG)
    assert "continuing after epoch" in log
    assert "epoch 1/" not in log
    assert outputs(run) == outputs(tmp_path / "unbroken")
    assert (run / "run.json").read_bytes() == (tmp_path / "unbroken/run.json").read_bytes()
    assert not list(run.rglob("*.tmp"))


def test_a_slow_disk_changes_no_snapshot(tmp_path, dataset_folder, monkeypatch):
    """Arrays are written in the background and used again: not before they are written."""
    dataset, description = open_dataset(dataset_folder)
    states = []

    def slow(path, snapshot, durable):
        time.sleep(0.3)
        save_snapshot(path, snapshot, durable)

    def save_state(folder, tensors, progress, *_):
        written = sorted(path.name for path in (folder / "snapshots").iterdir())
        states.append(written == [f"epoch={epoch}.safetensors" for epoch in range(len(progress["history"]))])

    monkeypatch.setattr(working_folder.resume, "save_state", save_state)
    for name, save in (("fast", save_snapshot), ("slow", slow)):
        monkeypatch.setattr(working_folder, "save_snapshot", save)
        run = run_of(dataset, description)
        loop.train_run(run, tmp_path / name, {}, {"settings": SETTINGS}, save_every=0)
    assert outputs(tmp_path / "fast") == outputs(tmp_path / "slow")
    # At the end of each epoch but the last, and after each of its five steps.
    assert states == [True] * 2 * (3 + 15)


def test_the_state_of_another_configuration_is_not_continued(tmp_path, dataset_folder):
    run = tmp_path / "run"
    kill_after(start(run, dataset_folder, 0, "--save-every", "0", **LONG), "epoch 3/")
    log = train(run, dataset_folder, batch_size=32)
    assert "continuing" not in log
    train(tmp_path / "fresh", dataset_folder, batch_size=32)
    assert outputs(run) == outputs(tmp_path / "fresh")


def test_deleted_outputs_of_a_finished_run_are_restored_without_training(tmp_path, dataset_folder):
    run = tmp_path / "run"
    train(run, dataset_folder)
    before = outputs(run)
    for file in [*(run / "snapshots").iterdir(), run / "run.json", run / "final.safetensors"]:
        file.unlink()
    log = train(run, dataset_folder)
    assert "finished before" in log
    assert "epoch 1/" not in log
    assert outputs(run) == before

    # Outputs share their bytes with the working folder, so damage is damage there too.
    with open(run / "final.safetensors", "r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\0" if before["final.safetensors"][-1:] != b"\0" else b"\1")
    assert "finished before" not in train(run, dataset_folder)
    assert outputs(run) == before


def test_code_that_is_edited_during_training_is_not_passed_off_as_the_trainer(tmp_path, dataset_folder):
    """The edit is noticed at the end; undone, the finished run is used; kept, the run is trained anew."""
    copy = tmp_path / "copy"
    shutil.copytree(ROOT / "src", copy / "src")
    shutil.copytree(SCRIPTS, copy / "scripts")
    command = [copy / "scripts/train_network.py", "--experiment", "test", "--seed", "0"]
    command += ["--settings", json.dumps({**SETTINGS, **LONG}), "--schema", SCHEMA_FILE]
    command += ["--dataset", dataset_folder]
    command = list(map(str, [*command, "--output", tmp_path / "run"]))
    path = {"PYTHONPATH": str(copy / "src")}
    options = {"env": {**os.environ, **path}, "stderr": subprocess.PIPE, "text": True}
    for name in ("src/anatomy/networks/build.py", "scripts/train_network.py"):
        shutil.rmtree(tmp_path / "run", ignore_errors=True)
        original = (copy / name).read_text()
        process = subprocess.Popen([sys.executable, *command], **options)
        process.stderr.readline()
        (copy / name).write_text(original + "\nEDITED = True\n")
        _, stderr = process.communicate()
        assert process.returncode == 1
        assert "the code was edited while" in stderr
        assert not (tmp_path / "run/run.json").exists()
        # A comment is no edit of what the code does.
        (copy / name).write_text(original + "\n# edited\n")
        undone = run_forked_program(*command, **path)
        assert undone.returncode == 0, undone.stderr
        assert "finished before" in undone.stderr
        (copy / name).write_text(original + "\nEDITED = True\n")
        kept = run_forked_program(*command, **path)
        assert kept.returncode == 0, kept.stderr
        assert "finished before" not in kept.stderr
        (copy / name).write_text(original)


def test_a_run_is_trained_by_one_process_at_a_time(tmp_path, dataset_folder):
    run = tmp_path / "run"
    with locked(run):
        stderr = refusal(run, dataset_folder)
    assert f"{run} is being trained by another process (process {os.getpid()} on" in stderr
    assert not (run / "run.json").exists()
    train(run, dataset_folder)


def test_a_lock_does_not_outlive_a_killed_process(tmp_path, dataset_folder):
    run = tmp_path / "run"
    process = start(run, dataset_folder, epochs=50, snapshots=[0, 50])
    process.stderr.readline()
    with pytest.raises(InputError, match=f"process {process.pid} on"), locked(run):
        pass
    process.kill()
    process.wait()
    with locked(run):
        pass
