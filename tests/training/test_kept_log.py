"""The log of a training keeps the lines of its earlier attempts."""

import json
import signal
import subprocess
import sys
import time

from conftest import SCRIPTS, SETTINGS, environment

SLOW = {**SETTINGS, "epochs": 200, "snapshots": [0]}


def start(run, dataset_folder):
    """Start a training as its rule does: what it prints is added to train.log."""
    command = [sys.executable, SCRIPTS / "train_network.py", "--experiment", "test", "--seed", 0]
    command += ["--settings", json.dumps(SLOW), "--dataset", dataset_folder, "--output", run]
    run.mkdir(exist_ok=True)
    with open(run / "train.log", "a") as log:
        return subprocess.Popen(list(map(str, command)), stderr=log, env=environment())


def wait_for(log, text):
    end = time.monotonic() + 60
    while text not in log.read_text():
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.05)


def test_a_log_that_was_deleted_has_the_lines_of_every_attempt(tmp_path, dataset_folder):
    run = tmp_path / "run"
    log = run / "train.log"
    attempts = []
    for _ in range(3):
        process = start(run, dataset_folder)
        wait_for(log, "continuing" if attempts else "epoch 1")
        time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 128 + signal.SIGTERM
        attempts.append(log.read_text())
        # As Snakemake does before it starts the job again.
        log.unlink()
    first, second, third = attempts
    assert second.startswith(first)
    assert third.startswith(second)
    assert third.count("stopped by SIGTERM") == 3
