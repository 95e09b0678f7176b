"""How far a pipeline is, by what runs leave on disk."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import ROOT, environment

from anatomy.reporting.status import PlannedRun, duration, run_status, status_text
from anatomy.runtime.files import write_json

NOW = time.time()
LOG = """epoch 0/4, validation 2.3000 10.0%, 0.5 s
epoch 1/4, rate 0.1, train 1.9 20.0%, validation 1.8 30.0%, 8.0 s
epoch 2/4, rate 0.1, train 1.5 40.0%, validation 1.4 50.0%, 10.0 s
"""
RUN = PlannedRun("rgb-step", 3, 4, (0, 4))


def a_run(results, log=LOG, owner=None, files=()):
    folder = RUN.folder(results)
    (folder / "snapshots").mkdir(parents=True)
    if log is not None:
        (folder / "train.log").write_text(log)
    if owner is not None:
        (folder / ".owner").write_text(f"process {owner[0]} on {owner[1]}\n")
    for name in files:
        (folder / name).touch()
    if "final.json" in files:
        write_json(folder / "final.json", {"test": {"accuracy": 0.625, "loss": 1.0, "images": 8}})
    return folder


WHOLE = [
    *("snapshots/epoch=0.safetensors", "snapshots/epoch=4.safetensors"),
    *("final.safetensors", "final.json", "history.csv", "run.json"),
]


def dead_process():
    process = subprocess.Popen([sys.executable, "-c", "pass"])
    process.wait()
    return process.pid


def test_nothing_was_begun(tmp_path):
    status = run_status(RUN, tmp_path)
    assert (status.state, status.epoch, status.missing) == ("waiting", None, 6)


def test_a_running_one_says_when_it_ends(tmp_path):
    a_run(tmp_path, owner=(os.getpid(), socket.gethostname()))
    status = run_status(RUN, tmp_path)
    assert (status.state, status.epoch, status.accuracy) == ("running", 2, 0.5)
    assert (status.seconds, status.left) == (9.0, 18.0)


def test_epochs_without_evaluation_share_the_time_of_their_line(tmp_path):
    log = LOG.replace("epoch 1/4", "epoch 10/40").replace("epoch 2/4", "epoch 20/40")
    a_run(tmp_path, log.replace("epoch 0/4", "epoch 0/40"), owner=(os.getpid(), socket.gethostname()))
    assert run_status(RUN, tmp_path).seconds == pytest.approx(0.9)


def test_a_process_that_is_gone_has_stopped(tmp_path):
    a_run(tmp_path, owner=(dead_process(), socket.gethostname()))
    assert run_status(RUN, tmp_path).state == "stopped"


@pytest.mark.parametrize(("age", "state"), [(10, "running"), (1000, "stopped")])
def test_on_another_machine_the_log_decides(tmp_path, age, state):
    folder = a_run(tmp_path, owner=(1, "elsewhere"))
    os.utime(folder / "train.log", (NOW - age, NOW - age))
    assert run_status(RUN, tmp_path, NOW).state == state


def test_a_finished_one_has_its_test_accuracy(tmp_path):
    a_run(tmp_path, files=WHOLE)
    status = run_status(RUN, tmp_path)
    assert (status.state, status.test_accuracy, status.missing, status.left) == ("finished", 0.625, 0, None)


def test_a_deleted_file_makes_it_incomplete(tmp_path):
    a_run(tmp_path, files=[name for name in WHOLE if name != "history.csv"])
    status = run_status(RUN, tmp_path)
    assert (status.state, status.missing) == ("incomplete", 1)
    assert "incomplete" in status_text([status], {}, tmp_path)


def test_a_log_that_is_being_written_or_was_repeated_is_read(tmp_path):
    a_run(tmp_path, log="Traceback\n" + LOG + "continuing after epoch 2\n" + LOG.splitlines()[-1][:30])
    assert run_status(RUN, tmp_path).epoch == 2


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(4.25, "4.2 s"), (45, "45 s"), (600, "10 min"), (3600 * 3 + 300, "3 h 05 min"), (3600 * 52, "2 d 4 h")],
)
def test_durations_have_their_largest_units(seconds, words):
    assert duration(seconds) == words


def test_five_thousand_files_are_looked_at_within_two_seconds(tmp_path):
    runs = [PlannedRun(f"many-{index}", 0, 99, range(100)) for index in range(50)]
    for run in runs:
        (run.folder(tmp_path) / "snapshots").mkdir(parents=True)
        for epoch in run.snapshots[:-1]:
            (run.folder(tmp_path) / f"snapshots/epoch={epoch}.safetensors").touch()
        for name in ("final.safetensors", "history.csv", "run.json"):
            (run.folder(tmp_path) / name).touch()
    began = time.perf_counter()
    statuses = [run_status(run, tmp_path) for run in runs]
    text = status_text(statuses, {"figures": [Path(f"{index}.pdf") for index in range(100)]}, tmp_path)
    assert time.perf_counter() - began < 2
    # The last snapshot of each, and final.json.
    assert {(status.state, status.missing) for status in statuses} == {("incomplete", 2)}
    assert "50 runs: 50 incomplete" in text


def test_the_command_tells_of_the_default_configuration(tmp_path):
    command = [sys.executable, ROOT / "workflow/scripts/status.py", "--results", tmp_path]
    result = subprocess.run(command, capture_output=True, text=True, env=environment(), check=True)
    assert "rgb-step" in result.stdout and "0 of" in result.stdout


def test_a_wrong_configuration_is_one_line(tmp_path):
    (tmp_path / "own.yaml").write_text("experiments: {rgb-step: {epochz: 3}}\n")
    command = [sys.executable, ROOT / "workflow/scripts/status.py", "--configfile", tmp_path / "own.yaml"]
    result = subprocess.run(command, capture_output=True, text=True, env=environment())
    assert result.returncode == 2 and "epochz" in result.stderr and "Traceback" not in result.stderr
