"""What a run on a GPU is: its steps as graphs, its bits, its files; these tests need a GPU torch can use."""

import csv
from dataclasses import asdict

import numpy as np
import pytest
import torch
from conftest import SCHEMA_FILE, SETTINGS, run_of, run_program, task_of
from safetensors.torch import load_file
from training_program import outputs, start

from anatomy.data.dataset import open_dataset
from anatomy.networks.forward import conv_layers
from anatomy.runtime.devices import set_up_torch

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU that torch can use")

PRECISIONS = ["float32", "tf32", "bf16"]


def new_run(folder, device="cuda", **changes):
    set_up_torch(1, device, changes.get("precision", "float32"))
    dataset, description = open_dataset(folder)
    return run_of(dataset, description, device=device, **changes)


def trained(folder, graphed=True, **changes):
    run = new_run(folder, **changes)
    if not graphed:
        run.take_step = run.step
    while run.epoch < SETTINGS["epochs"]:
        run.advance()
    return run


def without_dropout(run):
    """Dropout draws from another generator on a GPU."""
    for module in run.network.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return run


def same_bits(first, second):
    assert first.keys() == second.keys()
    assert [name for name, tensor in first.items() if not torch.equal(tensor, second[name])] == []


@pytest.mark.parametrize("precision", PRECISIONS)
def test_graphs_change_no_bit(dataset_folder, precision):
    """86 images in batches of 20: the short last batch has a graph of its own, and the rate changes."""
    graphed = trained(dataset_folder, precision=precision)
    eager = trained(dataset_folder, graphed=False, precision=precision)
    same_bits(graphed.whole_state_dict(), eager.whole_state_dict())
    assert [r.train_loss for r in graphed.history] == [r.train_loss for r in eager.history]
    assert len(graphed.take_step.records) == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"optimiser": {"kind": "adam", "learning_rate": 0.001}},
        {"optimiser": {"momentum": 0.0}},
        {"label_noise": {"fraction": 0.5}, "pixel_shuffle": True, "augmentation": {"shift": 0}},
    ],
    ids=["adam", "no momentum", "noise"],
)
def test_graphs_change_no_bit_of_other_experiments(dataset_folder, changes):
    graphed, eager = (trained(dataset_folder, graphed, **changes) for graphed in (True, False))
    same_bits(graphed.whole_state_dict(), eager.whole_state_dict())


def test_every_replay_draws_its_own_dropout(dataset_folder):
    """Without random numbers in the graph, or with the same ones in each, losses would be others."""
    losses = [
        [record.train_loss for record in run.history[1:]]
        for run in (trained(dataset_folder), trained(dataset_folder, graphed=False))
    ]
    run = without_dropout(new_run(dataset_folder))
    while run.epoch < SETTINGS["epochs"]:
        run.advance()
    assert losses[0] == losses[1] != [record.train_loss for record in run.history[1:]]


@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 1e-3), ("tf32", 0.02), ("bf16", 0.05)])
def test_a_gpu_computes_what_a_cpu_does(dataset_folder, precision, tolerance):
    """Order, augmentation and initialisation are the same; only rounding differs."""
    # One after the other: the settings of torch for a precision hold for both.
    here = without_dropout(new_run(dataset_folder, "cpu", width=0.125))
    there = without_dropout(new_run(dataset_folder, precision=precision, width=0.125))
    for run in (here, there):
        while run.epoch < 2:
            run.advance()
    for one, other in zip(here.history, there.history, strict=True):
        assert other.validation_loss == pytest.approx(one.validation_loss, rel=tolerance)


def test_precision_is_that_of_the_settings():
    """Of two 1000 x 1000 matrices: float32 is exact to 1e-5, tf32 rounds factors to 10 bits, and so less."""
    generator = torch.Generator().manual_seed(0)
    one, other = torch.rand(2, 1000, 1000, generator=generator, dtype=torch.float64)
    errors = {}
    for precision in ("float32", "tf32"):
        set_up_torch(1, "cuda", precision)
        product = (one.float().cuda() @ other.float().cuda()).cpu().double()
        errors[precision] = ((product - one @ other).norm() / (one @ other).norm()).item()
    assert errors["float32"] < 1e-5
    assert errors["float32"] < errors["tf32"] < 1e-2


def test_a_run_that_is_continued_ends_in_the_same_bits(dataset_folder):
    """Its first step is not a replay."""
    unbroken = trained(dataset_folder)
    first, second = (new_run(dataset_folder) for _ in range(2))
    while first.epoch < 2:
        first.advance()
    second.restore(first.state(), [asdict(record) for record in first.history])
    second.advance()
    same_bits(unbroken.whole_state_dict(), second.whole_state_dict())


def test_evaluating_and_keeping_snapshots_changes_no_bit(dataset_folder):
    plain, watched = new_run(dataset_folder), new_run(dataset_folder)
    buffer = None
    while plain.epoch < SETTINGS["epochs"]:
        plain.advance()
        watched.advance()
        buffer = watched.snapshot({}, buffer)
        watched.measure(*watched.task.test)
        watched.whole_state_dict()
    same_bits(plain.whole_state_dict(), watched.whole_state_dict())


def test_a_snapshot_holds_the_weights_on_the_gpu(dataset_folder):
    run = new_run(dataset_folder)
    run.advance()
    buffer = run.snapshot({})
    before = {name: array.copy() for name, array in buffer.arrays.items()}
    run.advance()
    snapshot = run.snapshot({}, buffer)
    for name, layer in conv_layers(run.network).items():
        weight = layer.weight.detach().cpu().contiguous().numpy()
        assert np.array_equal(snapshot.arrays[f"{name}.weight"], weight)
        assert not np.array_equal(snapshot.arrays[f"{name}.weight"], before[f"{name}.weight"])


def test_the_gpu_is_timed(dataset_folder):
    run = trained(dataset_folder)
    assert run.history[0].gpu_seconds is None
    assert all(record.gpu_seconds > 0 for record in run.history[1:])
    assert run.gpu_seconds == pytest.approx(sum(r.gpu_seconds for r in run.history[1:]), abs=1e-3)


def test_two_programs_leave_the_same_bytes_side_by_side(tmp_path, dataset_folder, monkeypatch):
    monkeypatch.setenv("ANATOMY_RUNS_PER_GPU", "2")
    folders = [tmp_path / "one", tmp_path / "other"]
    for process in [start(folder, dataset_folder, 0, "--gpus", 1) for folder in folders]:
        _, stderr = process.communicate(timeout=120)
        assert process.returncode == 0, stderr
    assert outputs(folders[0]) == outputs(folders[1])


def test_layers_of_a_run_are_reset_on_a_gpu_as_on_a_cpu(tmp_path, dataset_folder):
    """Of the few test images that round differently none may matter much: accuracies agree to one image."""
    run = tmp_path / "run"
    process = start(run, dataset_folder, 0, "--gpus", 1)
    _, stderr = process.communicate()
    assert process.returncode == 0, stderr
    final = load_file(run / "final.safetensors")
    assert all(tensor.isfinite().all() for tensor in final.values())
    snapshot = run / "snapshots/epoch=0.safetensors"
    tables = []
    for gpus in (0, 1):
        table = tmp_path / f"{gpus}.csv"
        options = ["--run", run, "--dataset", dataset_folder, "--schema", SCHEMA_FILE, "--rand", 1]
        options += ["--snapshots", snapshot, "--gpus", gpus, "--output", table]
        run_program("reinitialise_layers", *options)
        tables.append(list(csv.DictReader(table.open())))
    images = len(task_of(*open_dataset(dataset_folder)).test[1])
    assert len(tables[0]) == len(tables[1]) == 2 * 8
    for here, there in zip(*tables, strict=True):
        assert (here["name"], here["reset_to"]) == (there["name"], there["reset_to"])
        assert float(there["accuracy"]) == pytest.approx(float(here["accuracy"]), abs=1.01 / images)
