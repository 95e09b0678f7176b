"""A run of training: against a plain loop, its independence of bookkeeping, and its resumption."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest
import torch
from conftest import ROOT, SCRIPTS, environment, make_dataset
from safetensors.torch import load_file
from torch.nn import functional

from hyperplanes import layers, running
from hyperplanes.architectures import build_network
from hyperplanes.datasets import channel_statistics, read_dataset, write_dataset
from hyperplanes.errors import InputError
from hyperplanes.evaluation import evaluate
from hyperplanes.optimisers import SLOTS, build_optimiser, optimiser_state, restore_optimiser, set_rate
from hyperplanes.resume import locked
from hyperplanes.snapshots import save_snapshot
from hyperplanes.splits import split_indices
from hyperplanes.streams import stream, stream_seed
from hyperplanes.training import Run
from hyperplanes.vision import v2

SETTINGS = {
    "architecture": "vgg11",
    "width": 0.0625,
    "initialisation": {"kind": "kaiming"},
    "epochs": 3,
    "batch_size": 20,
    "precision": "float32",
    "pixels": "standardised",
    "label_noise": {"share": 0, "kind": "uniform"},
    "pixel_shuffle": False,
    "augmentation": {"shift": 2, "flip": True, "random_resized_crop": False},
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


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A finished run of seed 0 that no test changes."""
    folder = tmp_path_factory.mktemp("trained")
    write_dataset(make_dataset(), folder / "dataset", "shades", {"source": "test"})
    train(folder / "run", folder / "dataset")
    return folder / "run"


def outputs(folder):
    """Bytes of every snapshot and of the final network."""
    files = [*sorted((folder / "snapshots").iterdir()), folder / "final.safetensors"]
    return {file.name: file.read_bytes() for file in files}


def plain_training(dataset, settings, seed):
    """The same run written the ordinary way: full classifier, per-sample transforms, torch.optim."""
    transforms = v2.functional
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
    while run.epoch < 2:
        run.advance()
    halfway, _ = plain_training(dataset, {**SETTINGS, "epochs": 2}, 1)
    restored = run.whole_state_dict()["classifier.0.weight"]
    assert (restored - halfway.get_parameter("classifier.0.weight")).abs().max() < 1e-5
    run.advance()
    network, losses = plain_training(dataset, SETTINGS, 1)
    assert [record.train_loss for record in run.history[1:]] == pytest.approx(losses, abs=1e-4)
    initial = build_network("vgg11", 4, 3, SETTINGS["width"], stream(1, "initialisation")).state_dict()
    for name, tensor in run.whole_state_dict().items():
        expected = network.state_dict()[name]
        moved = (expected - initial[name]).abs().max()
        assert (tensor - expected).abs().max() < max(1e-6, 0.02 * moved), name
    assert [record.learning_rate for record in run.history] == pytest.approx([None, 0.01, 0.01, 0.001])


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(tmp_path, dataset_folder, trained):
    for name, seed in (("again", 0), ("other", 1)):
        train(tmp_path / name, dataset_folder, seed)
    first, again, other = map(outputs, (trained, tmp_path / "again", tmp_path / "other"))
    assert first == again
    assert (trained / "run.json").read_bytes() == (tmp_path / "again/run.json").read_bytes()
    assert all(first[name] != other[name] for name in first)


def test_a_neighbour_changes_no_byte(tmp_path, dataset_folder, trained):
    neighbours = [start(tmp_path / str(seed), dataset_folder, seed) for seed in (0, 1)]
    for process in neighbours:
        _, stderr = process.communicate()
        assert process.returncode == 0, stderr
    assert outputs(tmp_path / "0") == outputs(trained)


def test_the_snapshot_list_changes_no_weight(tmp_path, dataset_folder, trained):
    train(tmp_path / "two", dataset_folder, snapshots=[0, 3])
    every, two = outputs(trained), outputs(tmp_path / "two")
    assert set(two) == {"epoch=0.safetensors", "epoch=3.safetensors", "final.safetensors"}
    assert all(every[name] == two[name] for name in two)


def test_the_last_snapshot_is_the_final_network(trained):
    final = load_file(trained / "final.safetensors")
    last = load_file(trained / "snapshots/epoch=3.safetensors")
    assert last
    assert all(torch.equal(final[name], tensor) for name, tensor in last.items())
    classifier = final["classifier.0.weight"]
    assert classifier.shape == (256, 32 * 49)


def test_whole_snapshots_are_state_dicts_of_the_network(tmp_path, dataset_folder, trained):
    train(tmp_path / "run", dataset_folder, whole_snapshots=True)
    for epoch in (0, 2, 3):
        name = f"snapshots/epoch={epoch}.safetensors"
        whole, convolutions = load_file(tmp_path / "run" / name), load_file(trained / name)
        assert all(torch.equal(whole[key], tensor) for key, tensor in convolutions.items())
        network = build_network("vgg11", 4, 3, SETTINGS["width"], stream(1, "initialisation"))
        network.load_state_dict(whole)
    final = load_file(tmp_path / "run/final.safetensors")
    assert all(torch.equal(final[key], tensor) for key, tensor in whole.items())
    assert final.keys() == whole.keys()


def batches_of(run, monkeypatch):
    """Train one epoch; return the image numbers of every batch, in order."""
    seen = []
    original = run.images.read

    def record(batches, crops):
        seen.extend(index.tolist() for index in batches)
        return original(batches, crops)

    monkeypatch.setattr(run.images, "read", record)
    run.advance()
    run.advance()
    return seen


def test_each_stream_changes_only_what_it_should(dataset_folder, monkeypatch):
    dataset, description = read_dataset(dataset_folder)

    def run(seed=0, **changes):
        return Run({**SETTINGS, **changes}, dataset, description, seed, torch.device("cpu"))

    still = {"shift": 0, "flip": False, "random_resized_crop": False}
    moving, fixed, other_split, other_seed = run(), run(augmentation=still), run(split_seed=1), run(1)
    weights = [r.network.features[0].weight.clone() for r in (moving, fixed, other_split, other_seed)]
    assert torch.equal(weights[0], weights[1])
    assert torch.equal(weights[0], weights[2])
    assert not torch.equal(weights[0], weights[3])
    held_out = [r.validation[0].pixels for r in (moving, other_seed, other_split)]
    assert torch.equal(held_out[0], held_out[1])
    assert not torch.equal(held_out[0], held_out[2])
    order = batches_of(moving, monkeypatch)
    assert sorted(index for batch in order for index in batch) == list(range(len(moving.labels)))
    assert batches_of(fixed, monkeypatch) == order
    assert batches_of(other_split, monkeypatch) == order
    assert batches_of(other_seed, monkeypatch) != order
    assert not torch.equal(moving.network.features[0].weight, fixed.network.features[0].weight)


def test_evaluating_more_often_changes_no_weight(dataset_folder):
    dataset, description = read_dataset(dataset_folder)
    runs = [Run(SETTINGS, dataset, description, 0, torch.device("cpu")) for _ in range(2)]
    for run in runs:
        run.advance()
    for _ in range(3):
        evaluate(runs[1].network, *runs[1].validation, runs[1].normalise, "float32")
        torch.rand(5)
    for run in runs:
        run.advance()
    first, second = (run.whole_state_dict() for run in runs)
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_history_has_one_row_per_epoch_and_epoch_0_is_the_initialisation(trained):
    history = pd.read_csv(trained / "history.csv")
    assert history["epoch"].tolist() == [0, 1, 2, 3]
    assert history["train_loss"].isna().tolist() == [True, False, False, False]
    assert history["validation_loss"].notna().all()
    assert history["validation_accuracy"].between(0, 1).all()
    assert (history["seconds"] > 0).all()


def test_bf16_keeps_float32_weights(tmp_path, dataset_folder):
    train(tmp_path / "run", dataset_folder, precision="bf16", epochs=1, snapshots=[0, 1])
    final = load_file(tmp_path / "run/final.safetensors")
    assert {tensor.dtype for tensor in final.values()} == {torch.float32}


def test_tf32_is_float32_on_a_cpu(tmp_path, dataset_folder, trained):
    train(tmp_path / "run", dataset_folder, precision="tf32")
    assert outputs(tmp_path / "run") == outputs(trained)


def convolutions_in_a_row():
    """Weights that are channels last, that are so by their shape alone, and that are not."""
    return torch.nn.Sequential(
        torch.nn.Conv2d(1, 3, 2),
        torch.nn.Conv2d(3, 3, 1),
        torch.nn.Conv2d(3, 5, 2),
        torch.nn.Flatten(),
        torch.nn.Linear(20, 4),
    ).to(memory_format=torch.channels_last)


@pytest.mark.parametrize(("kind", "momentum"), [("sgd", 0.9), ("sgd", 0.0), ("adam", 0.9)])
def test_optimisers_step_as_torchs(kind, momentum):
    options = {"kind": kind, "learning_rate": 0.1, "momentum": momentum, "weight_decay": 0.01}
    theirs, ours = convolutions_in_a_row(), convolutions_in_a_row()
    ours.load_state_dict(theirs.state_dict())
    expected = torch.optim.SGD(theirs.parameters(), 0.1, momentum, weight_decay=0.01, fused=True)
    if kind == "adam":
        expected = torch.optim.Adam(theirs.parameters(), 0.1, fused=True)
    optimiser = build_optimiser(ours, options, torch.device("cpu"))
    images = torch.arange(32.0).reshape(2, 1, 4, 4) / 100
    for rate in (0.1, 0.1, 0.05):
        for part, steps in ((theirs, expected), (ours, optimiser)):
            set_rate(steps, rate)
            steps.zero_grad(set_to_none=True)
            part(images).square().sum().backward()
            steps.step()
        assert all(map(torch.equal, theirs.parameters(), ours.parameters()))
    kept = dict(optimiser_state(ours, optimiser))
    assert not any(tensor.requires_grad for tensor in kept.values())
    if kind == "sgd":
        assert len(kept) == (8 if momentum else 0)
    for name, momenta in kept.items():
        slot, _, parameter = name.partition(".")
        assert torch.equal(momenta, expected.state[theirs.get_parameter(parameter)][SLOTS[slot]])


def test_momentum_that_a_start_lacks_begins_with_zero():
    options = {"learning_rate": 0.1, "momentum": 0.5, "weight_decay": 0.0}
    layer = torch.nn.Linear(2, 1)
    before = {name: parameter.detach().clone() for name, parameter in layer.named_parameters()}
    optimiser = build_optimiser(layer, options, torch.device("cpu"))
    restore_optimiser(layer, optimiser, {"momentum.weight": torch.tensor([[1.0, -2.0]])})
    layer(torch.ones(1, 2)).sum().backward()
    optimiser.step()
    # Velocity is half the momentum plus the gradient, which is 1.
    assert torch.allclose(layer.weight, before["weight"] - 0.1 * torch.tensor([[1.5, 0.0]]))
    assert torch.allclose(layer.bias, before["bias"] - 0.1)
    layer.weight.grad = None
    after = layer.weight.detach().clone()
    optimiser.step()
    assert torch.equal(layer.weight, after)
    assert torch.allclose(layer.bias, before["bias"] - 0.1 - 0.15)


def test_the_faster_layers_train_the_same_network_and_repeat_their_bits(dataset_folder, monkeypatch):
    dataset, description = read_dataset(dataset_folder)
    settings = {**SETTINGS, "architecture": "vgg11", "epochs": 2}

    def weights(*ways):
        units = torch.backends.cpu.get_cpu_capability()
        for way in ("LEAST_LINEAR_WEIGHTS", "LEAST_WHOLE_WEIGHTS"):
            monkeypatch.setattr(layers, way, {(units, torch.float32): 0} if way in ways else {})
        run = Run(settings, dataset, description, 0, torch.device("cpu"))
        while run.epoch < 2:
            run.advance()
        return run.network.state_dict()

    plain = weights()
    for way in ("LEAST_LINEAR_WEIGHTS", "LEAST_WHOLE_WEIGHTS"):
        fast, again = weights(way), weights(way)
        for name, tensor in plain.items():
            assert torch.equal(fast[name], again[name])
            assert torch.allclose(fast[name], tensor, rtol=1e-3, atol=1e-5)
        assert any(not torch.equal(fast[name], tensor) for name, tensor in plain.items())


def test_training_does_not_import_torchs_compiler(tmp_path, dataset_folder, monkeypatch):
    """It takes a second of every run."""
    monkeypatch.setenv("PYTHONPROFILEIMPORTTIME", "1")
    imported = train(tmp_path / "run", dataset_folder, epochs=1, snapshots=[1])
    assert "torch.optim.sgd" in imported
    assert "torch._dynamo" not in imported


def test_a_snapshot_keeps_its_weights_while_training_goes_on(dataset_folder):
    dataset, description = read_dataset(dataset_folder)
    run = Run(SETTINGS, dataset, description, 0, torch.device("cpu"))
    run.advance()
    snapshot = run.snapshot({})
    before = {name: array.copy() for name, array in snapshot.arrays.items()}
    run.advance()
    assert all((snapshot.arrays[name] == array).all() for name, array in before.items())
    later = run.snapshot({})
    assert any((later.arrays[name] != array).any() for name, array in before.items())
    reused = run.snapshot({}, snapshot)
    assert all(reused.arrays[name] is array for name, array in snapshot.arrays.items())
    assert all((reused.arrays[name] == array).all() for name, array in later.arrays.items())


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
    kill_after(start(run, dataset_folder, 0, "--save-every", "0", **LONG), "epoch 3/")
    assert not (run / "run.json").exists()
    assert not (run / "snapshots").exists()
    # What a kill in the middle of a write leaves.
    (run / "resume/snapshots/.epoch=8.safetensors.tmp").write_bytes(b"half")
    log = train(run, dataset_folder, **LONG)
    assert "continuing after epoch" in log
    assert "epoch 1/" not in log
    assert outputs(run) == outputs(tmp_path / "unbroken")
    assert (run / "run.json").read_bytes() == (tmp_path / "unbroken/run.json").read_bytes()
    assert not list(run.rglob("*.tmp"))


def test_a_slow_disk_changes_no_snapshot(tmp_path, dataset_folder, monkeypatch):
    """Arrays are written in the background and used again: not before they are written."""
    dataset, description = read_dataset(dataset_folder)
    states = []

    def slow(path, snapshot):
        time.sleep(0.3)
        save_snapshot(path, snapshot)

    def save_state(folder, tensors, progress, mark):
        written = sorted(path.name for path in (folder / "snapshots").iterdir())
        states.append(written == [f"epoch={epoch}.safetensors" for epoch in range(len(progress["history"]))])

    monkeypatch.setattr(running.resume, "save_state", save_state)
    for name, save in (("fast", save_snapshot), ("slow", slow)):
        monkeypatch.setattr(running, "save_snapshot", save)
        run = Run(SETTINGS, dataset, description, 0, torch.device("cpu"))
        running.train_run(run, tmp_path / name, {}, {"settings": SETTINGS}, save_every=0)
    assert outputs(tmp_path / "fast") == outputs(tmp_path / "slow")
    assert states == [True] * 6


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
    command = [sys.executable, copy / "scripts/train.py", "--experiment", "test", "--seed", "0"]
    command += ["--settings", json.dumps({**SETTINGS, **LONG}), "--dataset", dataset_folder]
    command = list(map(str, [*command, "--output", tmp_path / "run"]))
    options = {"env": {**os.environ, "PYTHONPATH": str(copy / "src")}, "text": True}
    for name in ("src/hyperplanes/architectures.py", "scripts/train.py"):
        shutil.rmtree(tmp_path / "run", ignore_errors=True)
        original = (copy / name).read_text()
        process = subprocess.Popen(command, stderr=subprocess.PIPE, **options)
        process.stderr.readline()
        (copy / name).write_text(original + "\n# edited\n")
        _, stderr = process.communicate()
        assert process.returncode == 1
        assert "the code was edited while" in stderr
        assert not (tmp_path / "run/run.json").exists()
        (copy / name).write_text(original)
        undone = subprocess.run(command, capture_output=True, check=True, **options)
        assert "finished before" in undone.stderr
        (copy / name).write_text(original + "\n# edited\n")
        kept = subprocess.run(command, capture_output=True, check=True, **options)
        assert "finished before" not in kept.stderr
        (copy / name).write_text(original)


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
    process = start(run, dataset_folder, epochs=50, snapshots=[0, 50])
    process.stderr.readline()
    with pytest.raises(InputError, match=f"process {process.pid} on"), locked(run):
        pass
    process.kill()
    process.wait()
    with locked(run):
        pass


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


@pytest.mark.parametrize(("fraction", "held_out"), [(0.001, 0), (0.999, 96)])
def test_a_split_without_training_or_validation_images_is_refused(dataset_folder, fraction, held_out):
    dataset, description = read_dataset(dataset_folder)
    message = f"validation_fraction {fraction} holds out {held_out} of 96 images"
    with pytest.raises(InputError, match=message):
        Run({**SETTINGS, "validation_fraction": fraction}, dataset, description, 0, torch.device("cpu"))


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU that torch can use")
def test_a_gpu_that_torch_cannot_use_is_refused(tmp_path, dataset_folder, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    process = start(tmp_path / "run", dataset_folder, 0, "--gpus", "1")
    _, stderr = process.communicate()
    assert process.returncode == 1
    assert "error: a GPU is requested but torch" in stderr
    assert "set `device: cpu`" in stderr
