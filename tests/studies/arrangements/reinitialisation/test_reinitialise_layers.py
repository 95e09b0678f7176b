"""The program that resets the layers of a run: its table, and jobs that were stopped."""

import csv
import json
import re
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest
import torch
from conftest import SCRIPTS, environment, make_dataset
from conftest import run as run_forked_program
from reset_networks import changed, weights_of
from safetensors.torch import load_file
from training_program import HASTY, train

from anatomy.data.dataset import write_dataset
from anatomy.networks.build import build_network
from anatomy.runtime.streams import stream
from anatomy.studies.arrangements.reinitialisation.predictions import PREDICTIONS_FILE

EVERY_CELL = ("--rand", 2, "--with-linear", "--batch-size", 4)


@pytest.fixture(scope="module")
def trained_run(tmp_path_factory):
    """A data set, and a run trained on it for one epoch."""
    folder = tmp_path_factory.mktemp("reinitialisation")
    write_dataset(make_dataset(test=200), folder / "data", "shades", {"source": "test"})
    train(folder / "run", folder / "data", epochs=1, snapshots=[0, 1])
    return folder


def command_of(run, output, *options):
    """The program and what it is given, for both snapshots of a run."""
    snapshots = [run / f"run/snapshots/epoch={epoch}.safetensors" for epoch in (0, 1)]
    command = [SCRIPTS / "reinitialise_layers.py", "--run", run / "run", "--dataset", run / "data"]
    return [*command, "--snapshots", *snapshots, "--output", output, *options]


def start(*arguments):
    """Start the program in a process of its own."""
    command = [sys.executable, *map(str, command_of(*arguments))]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment())


def ended(*arguments):
    """Run the program to its end, whatever that is."""
    return run_forked_program(*command_of(*arguments))


def rows_of(path):
    """Read the rows of a table as text."""
    with path.open() as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def every_cell(trained_run):
    """The table of all types of reset of the run."""
    output = trained_run / "every.csv"
    result = ended(trained_run, output, *EVERY_CELL)
    assert result.returncode == 0, result.stderr
    return output


def test_a_killed_program_goes_on_and_ends_in_the_same_bytes(trained_run, every_cell, tmp_path):
    output = tmp_path / "seed=0.csv"
    process = start(trained_run, output, *EVERY_CELL)
    predictions = tmp_path / ".seed=0.progress" / PREDICTIONS_FILE
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and (not predictions.is_file() or predictions.stat().st_size < 20_000):
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not output.exists()
    process = start(trained_run, output, *EVERY_CELL)
    assert process.wait() == 0
    done = int(re.search(r"continuing after image (\d+) of 200", process.stderr.read())[1])
    assert 0 < done < 200
    assert output.read_bytes() == every_cell.read_bytes()
    assert not predictions.parent.exists()


def test_program_resets_linear_layers_and_draws_several_times(every_cell):
    rows = rows_of(every_cell)
    counts = Counter((row["reset_to"], row["kind"]) for row in rows)
    linear = {("0", "linear"): 3, ("random", "linear"): 3, ("random-2", "linear"): 3}
    assert counts == {**linear, **{(key, "convolution"): 8 for key in ("0", "1", "random", "random-2")}}
    # Epoch 1 is the trained network.
    assert {row["drop"] for row in rows if row["reset_to"] == "1"} == {"0.0"}


def test_program_refuses_data_of_others(trained_run, tmp_path):
    write_dataset(make_dataset(seed=1), tmp_path / "other", "other", {"source": "test"})
    result = ended(trained_run, tmp_path / "x.csv", "--dataset", tmp_path / "other")
    assert result.returncode == 1
    assert "data set other is not the one that" in result.stderr
    assert list(tmp_path.iterdir()) == [tmp_path / "other"]


def test_an_edit_between_start_and_import_is_noticed(trained_run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hasty_net.py").write_text(HASTY)
    (tmp_path / "edited").touch()
    own = {"architecture": "hasty_net:net", "width": 1.0, "epochs": 1}
    train(tmp_path / "run", trained_run / "data", **own)
    (tmp_path / "edited").unlink()
    (tmp_path / "data").symlink_to(trained_run / "data")
    result = ended(tmp_path, tmp_path / "x.csv")
    assert result.returncode == 1
    assert f"error: the code was edited while {tmp_path / 'run'} was measured" in result.stderr
    assert not (tmp_path / "x.csv").exists()
    result = ended(tmp_path, tmp_path / "x.csv")
    assert result.returncode == 0
    assert "continuing after" not in result.stderr
    assert (tmp_path / "x.csv").exists()


def test_program_resets_the_first_linear_layer_with_the_full_matrix(trained_run, every_cell):
    """Resetting the folded layer to epoch 0, against the full network of the run."""
    row = next(row for row in rows_of(every_cell) if row["name"] == "classifier.0")
    net = build_network("vgg11", 4, 3, 0.0625, stream(0, "initialisation"), "kaiming")
    initial = weights_of(net, linear=True)["classifier.0"]
    initial = tuple(tensor.clone() for tensor in initial)
    net.load_state_dict(load_file(trained_run / "run/final.safetensors"))
    data = make_dataset(test=200)
    description = json.loads((trained_run / "data/dataset.json").read_text())
    mean, std = (torch.tensor(description[key])[:, None, None] for key in ("mean", "std"))
    images = (torch.from_numpy(data.test_images) / 255 - mean) / std
    net = changed(net.eval(), "classifier.0", initial)
    with torch.inference_mode():
        after = net(images).argmax(1)
    assert float(row["accuracy"]) == (after == torch.from_numpy(data.test_labels)).float().mean().item()
