"""A run of training: against a plain loop, its independence of bookkeeping, and its resumption."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
import torch
from conftest import SCRIPTS, environment, make_dataset
from safetensors.torch import load_file
from torch.nn import functional

from hyperplanes.architectures import build_network
from hyperplanes.datasets import channel_statistics, read_dataset
from hyperplanes.errors import InputError
from hyperplanes.resume import locked
from hyperplanes.streams import stream, stream_seed
from hyperplanes.training import Run, split_indices
from hyperplanes.vision import torchvision

SETTINGS = {
    "architecture": "vgg11",
    "width": 0.0625,
    "epochs": 3,
    "batch_size": 20,
    "precision": "float32",
    "pixels": "standardised",
    "augmentation": {"shift": 2, "flip": True},
    "validation_fraction": 0.1,
    "split_seed": 0,
    "optimiser": {"learning_rate": 0.01, "momentum": 0.9, "weight_decay": 0.0005},
    "schedule": {"kind": "step", "every": 2, "factor": 0.1},
    "snapshots": [0, 1, 2, 3],
}


def start(folder, dataset, seed=0, *options, **changes):
    """Start workflow/scripts/train.py in a process of its own."""
    command = [sys.executable, SCRIPTS / "train.py", "--experiment", "test", "--seed", str(seed)]
    command += ["--settings", json.dumps({**SETTINGS, **changes}), "--dataset", dataset]
    command += ["--output", folder, *options]
    return subprocess.Popen(list(map(str, command)), stderr=subprocess.PIPE, text=True, env=environment())


def train(*arguments, **changes):
    """Train to the end and return what was printed."""
    process = start(*arguments, **changes)
    _, stderr = process.communicate()
    assert process.returncode == 0, stderr
    return stderr


def outputs(folder):
    """Bytes of every snapshot and of the final network."""
    files = [*sorted((folder / "snapshots").iterdir()), folder / "final.safetensors"]
    return {file.name: file.read_bytes() for file in files}


def plain_training(dataset, settings, seed):
    """The same run written the ordinary way: full classifier, per-sample transforms, torch.optim."""
    transforms = torchvision.transforms.v2.functional
    mean, std = channel_statistics(dataset.train_images)
    images = torch.from_numpy(dataset.train_images)
    labels = torch.from_numpy(dataset.train_labels)
    train, _ = split_indices(len(images), settings["validation_fraction"], settings["split_seed"])
    network = build_network("vgg11", 4, 3, settings["width"], stream(seed, "initialisation"))
    optimiser = torch.optim.SGD(network.parameters(), 0.01, momentum=0.9, weight_decay=5e-4)
    scheduler = torch.optim.lr_scheduler.StepLR(optimiser, 2, 0.1)
    losses = []
    for epoch in range(1, settings["epochs"] + 1):
        order = torch.randperm(len(train), generator=stream(seed, "order", epoch))
        random = stream(seed, "augmentation", epoch)
        offsets = torch.randint(0, 5, (2, len(train)), generator=random)
        flips = torch.rand(len(train), generator=random) < 0.5
        torch.manual_seed(stream_seed(seed, "dropout", epoch))
        network.train()
        total = 0.0
        for index in order.split(settings["batch_size"]):
            batch = []
            for i in index.tolist():
                image = transforms.pad(images[train[i]], [2] * 4)
                image = transforms.crop(image, *offsets[:, i].tolist(), 32, 32)
                image = transforms.horizontal_flip(image) if flips[i] else image
                image = transforms.to_dtype(image, scale=True)
                batch.append(transforms.normalize(image, mean, std))
            loss = functional.cross_entropy(network(torch.stack(batch)), labels[train[index]])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            total += loss.item() * len(index)
        scheduler.step()
        losses.append(total / len(train))
    return network, losses


def test_a_run_equals_plain_training():
    """Folding, augmentation, schedule, weight decay and the short last batch, all at once."""
    dataset = make_dataset(train=100)
    mean, std = channel_statistics(dataset.train_images)
    description = {"classes": dataset.classes, "channels": 3, "mean": mean, "std": std}
    run = Run(SETTINGS, dataset, description, 1, torch.device("cpu"))
    while run.epoch < SETTINGS["epochs"]:
        run.advance()
    network, losses = plain_training(dataset, SETTINGS, 1)
    assert [record.train_loss for record in run.history[1:]] == pytest.approx(losses, abs=1e-4)
    initial = build_network("vgg11", 4, 3, SETTINGS["width"], stream(1, "initialisation")).state_dict()
    for name, tensor in run.final_state_dict().items():
        expected = network.state_dict()[name]
        moved = (expected - initial[name]).abs().max()
        assert (tensor - expected).abs().max() < max(1e-6, 0.02 * moved), name
    assert [record.learning_rate for record in run.history] == pytest.approx([None, 0.01, 0.01, 0.001])


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(tmp_path, dataset_folder):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        train(tmp_path / name, dataset_folder, seed)
    first, again, other = (outputs(tmp_path / name) for name in "abc")
    assert first == again
    assert (tmp_path / "a/run.json").read_bytes() == (tmp_path / "b/run.json").read_bytes()
    assert all(first[name] != other[name] for name in first)


def test_the_snapshot_list_changes_no_weight(tmp_path, dataset_folder):
    train(tmp_path / "all", dataset_folder)
    train(tmp_path / "two", dataset_folder, snapshots=[0, 3])
    every, two = outputs(tmp_path / "all"), outputs(tmp_path / "two")
    assert set(two) == {"epoch=0.safetensors", "epoch=3.safetensors", "final.safetensors"}
    assert all(every[name] == two[name] for name in two)


def test_the_last_snapshot_is_the_final_network(tmp_path, dataset_folder):
    train(tmp_path / "run", dataset_folder)
    final = load_file(tmp_path / "run/final.safetensors")
    last = load_file(tmp_path / "run/snapshots/epoch=3.safetensors")
    assert last
    assert all(torch.equal(final[name], tensor) for name, tensor in last.items())
    classifier = final["classifier.0.weight"]
    assert classifier.shape == (256, 32 * 49)


def test_each_stream_changes_only_what_it_should(dataset_folder):
    """Without shuffling-dependent parts, augmentation off leaves order and initialisation alone."""
    dataset, description = read_dataset(dataset_folder)
    still = {**SETTINGS, "augmentation": {"shift": 0, "flip": False}}
    moving, fixed = (Run(s, dataset, description, 0, torch.device("cpu")) for s in (SETTINGS, still))
    assert torch.equal(moving.network.features[0].weight, fixed.network.features[0].weight)
    assert torch.equal(moving.labels, fixed.labels)
    assert stream_seed(0, "order", 1) != stream_seed(0, "augmentation", 1)
    other = Run({**SETTINGS, "split_seed": 1}, dataset, description, 0, torch.device("cpu"))
    assert torch.equal(moving.network.features[0].weight, other.network.features[0].weight)
    assert not torch.equal(moving.validation[0], other.validation[0])


def test_history_has_one_row_per_epoch_and_epoch_0_is_the_initialisation(tmp_path, dataset_folder):
    import pandas as pd

    train(tmp_path / "run", dataset_folder)
    history = pd.read_csv(tmp_path / "run/history.csv")
    assert history["epoch"].tolist() == [0, 1, 2, 3]
    assert history["train_loss"].isna().tolist() == [True, False, False, False]
    assert history["validation_loss"].notna().all()
    assert history["validation_accuracy"].between(0, 1).all()
    assert (history["seconds"] > 0).all()


def test_bf16_keeps_float32_weights(tmp_path, dataset_folder):
    train(tmp_path / "run", dataset_folder, precision="bf16", epochs=1, snapshots=[0, 1])
    final = load_file(tmp_path / "run/final.safetensors")
    assert {tensor.dtype for tensor in final.values()} == {torch.float32}


def kill_after(process, text):
    """Read the log of a training until `text` appears, then kill it as the kernel would."""
    for line in process.stderr:
        if text in line:
            break
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_a_killed_run_continues_and_ends_in_the_same_bits(tmp_path, dataset_folder):
    train(tmp_path / "unbroken", dataset_folder)
    run = tmp_path / "killed"
    kill_after(start(run, dataset_folder, 0, "--save-every", "0"), "epoch 2/")
    assert not (run / "run.json").exists()
    assert not (run / "snapshots").exists()
    log = train(run, dataset_folder)
    assert "continuing after epoch" in log
    assert "epoch 1/" not in log
    assert outputs(run) == outputs(tmp_path / "unbroken")
    assert (run / "run.json").read_bytes() == (tmp_path / "unbroken/run.json").read_bytes()


def test_the_state_of_another_configuration_is_not_continued(tmp_path, dataset_folder):
    run = tmp_path / "run"
    kill_after(start(run, dataset_folder, 0, "--save-every", "0"), "epoch 2/")
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


def test_a_run_is_trained_by_one_process_at_a_time(tmp_path, dataset_folder):
    run = tmp_path / "run"
    with locked(run):
        process = start(run, dataset_folder)
        _, stderr = process.communicate()
    assert process.returncode == 1
    assert f"{run} is being trained by another process (process {os.getpid()} on" in stderr
    assert not (run / "run.json").exists()
    train(run, dataset_folder)


def test_a_lock_does_not_outlive_a_killed_process(tmp_path, dataset_folder):
    run = tmp_path / "run"
    kill_after(start(run, dataset_folder), "epoch 0/")
    started = time.monotonic()
    with locked(run):
        assert time.monotonic() - started < 60


def test_a_diverging_run_stops_and_says_why(tmp_path, dataset_folder):
    optimiser = {**SETTINGS["optimiser"], "learning_rate": 1e30}
    process = start(tmp_path / "run", dataset_folder, optimiser=optimiser)
    _, stderr = process.communicate()
    assert process.returncode == 1
    assert "error: the training loss is nan" in stderr
    assert "lower optimiser.learning_rate" in stderr
    assert not (tmp_path / "run/run.json").exists()


def test_images_that_do_not_fit_the_network_are_refused(dataset_folder):
    dataset = make_dataset(size=28)
    description = {"classes": dataset.classes, "channels": 3, "mean": [0.5] * 3, "std": [0.2] * 3}
    with pytest.raises(InputError, match="28x28 px are too small"):
        Run({**SETTINGS, "architecture": "vgg19"}, dataset, description, 0, torch.device("cpu"))
