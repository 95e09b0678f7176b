"""What becomes of trainings when their Snakemake is signalled, and is gone."""

import re
import signal
import subprocess
import time

import psutil
import pytest
from training_program import signals_as_on_a_terminal

CONFIG = {
    "device": "cpu",
    "datasets": {"digits": {"source": "embedded", "variant": "digits-grey", "train": 600, "test": 40}},
    "studies": {"arrangements": {}},
    "experiments": {
        "long": {
            "dataset": "digits",
            "architecture": "lenet",
            "batch_size": 4,
            "epochs": 4,
            "seeds": [0, 1],
            "arrangements": {},
        }
    },
}


def trainers(checkout):
    """Processes that train in a checkout."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        line = process.info["cmdline"] or []
        if any(word.endswith("train_network.py") for word in line[:2]) and str(checkout.folder) in " ".join(
            line
        ):
            found.append(process)
    return found


def wait_until(true, seconds=60):
    """Wait until a function says that something is so."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR1, signal.SIGKILL, signal.SIGINT])
def test_trainings_do_not_outlive_their_snakemake(checkout, number):
    """They save inside the epoch, say why they stop, and go on when Snakemake is called again."""
    checkout.configure(CONFIG)
    process = subprocess.Popen(
        ["snakemake", "--cores", "2", "training"],
        cwd=checkout.folder,
        env=checkout.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=signals_as_on_a_terminal,
    )
    runs = [checkout.folder / f"results/runs/long/seed={seed}" for seed in (0, 1)]
    logs = [run / "train.log" for run in runs]
    wait_until(lambda: all(log.is_file() and "epoch 1/" in log.read_text() for log in logs))
    assert len(trainers(checkout)) == 2
    if number == signal.SIGINT:
        # As from a terminal, to all.
        for child in psutil.Process(process.pid).children(recursive=True):
            child.send_signal(number)
    process.send_signal(number)
    # It is not waited for: also a Snakemake that nobody misses is gone.
    wait_until(lambda: not trainers(checkout))
    process.wait(timeout=60)
    why = f"stopped, as its Snakemake (process {process.pid}) is gone"
    if number == signal.SIGINT:
        why = "stopped by SIGINT"
    last = rf"{re.escape(why)} after epoch \d( and \d+ of 135 steps)?; the same command goes on there"
    for log in logs:
        assert re.fullmatch(last, log.read_text().splitlines()[-1])
    if number == signal.SIGHUP:
        checkout.snakemake("--unlock")
        checkout.snakemake("training")
        for log in logs:
            _, continued, later = log.read_text().partition("continuing after epoch")
            assert continued and "epoch 1/" not in later
