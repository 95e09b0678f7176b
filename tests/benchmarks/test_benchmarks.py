"""The plain reference and the project are the same experiment; the table says what was measured."""

import json
import subprocess
import sys
from copy import deepcopy
from statistics import median

import numpy as np
import pytest
import torch
from conftest import ROOT, environment, make_dataset
from conftest import run as run_forked_program
from torch.utils.data import DataLoader

import material
import parity
import reference
import table
from anatomy.data.dataset import write_dataset
from anatomy.data.normalisation import Normaliser
from anatomy.networks.folding import fold
from anatomy.networks.forward import conv_layers
from anatomy.studies.arrangements.projections import snapshot_statistics
from anatomy.studies.arrangements.reinitialisation.resetter import Resetter, count_correct
from anatomy.training.run import Run
from anatomy.training.task import Task
from measure import Row, in_a_process, interleaved, run_program
from measuring_rows import Recorded, convolutions, tell_apart

ORIGIN = {"architecture": "vgg11", "dataset": "shades", "experiment": "benchmark", "seed": 0}
SETTINGS = material.settings(
    architecture="vgg11",
    width=0.0625,
    epochs=4,
    batch_size=20,
    schedule={"kind": "step", "every": 2, "factor": 0.1},
)
DATASET = make_dataset()


@pytest.fixture(scope="module")
def trained():
    """A run in float64, its snapshot at the start, and the reference that was trained alike."""
    description = material.describe(DATASET)
    with parity.double_precision():
        run = Run(Task(SETTINGS, DATASET, description, 0, torch.device("cpu")))
        run.advance()
        start = {name: tensor.clone() for name, tensor in run.whole_state_dict().items()}
        while run.epoch < SETTINGS.epochs:
            run.advance()
        end = run.whole_state_dict()
        losses, network = zip(*parity.train_reference(run, DATASET, description), strict=True)
    return run, start, end, losses, network[-1]


def test_training_is_that_of_the_plain_reference(trained):
    """Folding, augmentation, order, dropout, momentum, weight decay and schedule, over 20 steps."""
    run, start, end, losses, network = trained
    assert [len(epoch) for epoch in losses] == [run.steps_per_epoch] * 4 == [5] * 4
    sizes = [20, 20, 20, 20, 6]
    for record, epoch in zip(run.history[1:], losses, strict=True):
        assert record.train_loss == pytest.approx(np.average(epoch, weights=sizes), abs=1e-10)
    assert run.folded
    assert end.keys() == network.state_dict().keys()
    for name, tensor in network.state_dict().items():
        assert tensor.dtype == end[name].dtype == torch.float64
        assert torch.allclose(end[name], tensor, rtol=0, atol=1e-10), name
        assert (tensor - start[name]).abs().max() > 1e-6, name


def test_projections_are_those_of_the_plain_reference(trained, tmp_path):
    run, _, _, _, network = trained
    path = tmp_path / "vgg11_3.tar"
    reference.save_checkpoint(path, network, reference.sgd(network), 3, 0.5)
    expected = reference.projections(path, "vgg11", len(DATASET.classes), SETTINGS.width)
    found = snapshot_statistics(run.snapshot(ORIGIN))
    assert len(expected) == len(found) == 8
    for theirs, ours in zip(expected, found, strict=True):
        assert np.allclose(ours.projections, theirs["projections"], rtol=0, atol=1e-6)
        assert ours.n_l == pytest.approx(theirs["mass"], abs=1e-7)


def test_reinitialised_networks_predict_as_the_plain_reference(trained):
    run, start, _, _, network = trained
    network = deepcopy(network)
    description = material.describe(DATASET)
    mean, std = description["mean"], description["std"]
    features = {name: tensor for name, tensor in start.items() if name.startswith("features")}
    labels = torch.from_numpy(DATASET.test_labels)
    with parity.double_precision():
        transform = reference.plain_transform(mean, std)
        normalise = Normaliser(mean, std, torch.device("cpu"))
        images = normalise(torch.from_numpy(DATASET.test_images))
        tell_apart(network, images)
        pictures = reference.Pictures(DATASET.test_images, DATASET.test_labels, transform)
        logits = reference.reinitialise(network, {"0": features}, DataLoader(pictures, 16))
        whole, accuracy = reference.predict(network, DataLoader(pictures, 16))
        ours = run.initial_network()
        ours.load_state_dict(network.state_dict())
        fold(ours)
        resetter = Resetter(ours, {"0": convolutions(features)}, DATASET.input_shape)
        with Recorded(ours) as recorded:
            baseline, cells = count_correct(resetter, [(images, labels)])
    assert baseline == round(accuracy * len(labels))
    assert [cell.name for cell in cells] == list(conv_layers(ours)) == [name for name, _ in logits]
    for cell, expected in zip(cells, logits.values(), strict=True):
        assert cell.correct == int((expected.argmax(1) == labels).sum()), cell
    expected = torch.cat([*logits.values(), whole])
    assert torch.allclose(recorded.logits, expected, rtol=0, atol=1e-10)
    assert len(recorded.logits.argmax(1).unique()) > 1


def test_the_reference_program_trains_and_leaves_checkpoints(tmp_path):
    write_dataset(DATASET, tmp_path / "data", "shades", {"source": "test"})
    options = ["--dataset", tmp_path / "data", "--output", tmp_path, "--architecture", "vgg11"]
    options += ["--width", 0.0625, "--epochs", 2, "--threads", 1]
    result = run_forked_program(ROOT / "benchmarks/reference.py", *options, folder=ROOT)
    assert result.returncode == 0, result.stderr
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == [
        "vgg11_0.tar",
        "vgg11_1.tar",
        "vgg11_2.pt",
    ]
    checkpoint = torch.load(tmp_path / "vgg11_1.tar")
    assert len(checkpoint["optimizer_state_dict"]["state"]) == len(checkpoint["model_state_dict"]) == 22
    assert "epoch 1, loss " in result.stdout


def test_the_reference_at_full_width_is_torchvisions_network():
    with torch.device("meta"):
        shapes = [
            {name: tensor.shape for name, tensor in reference.vgg("vgg11", 10, width).state_dict().items()}
            for width in (1, 0.5)
        ]
    assert shapes[0]["classifier.0.weight"] == (4096, 25088)
    assert shapes[1]["classifier.0.weight"] == (2048, 12544)
    assert shapes[0].keys() == shapes[1].keys()


def test_a_quick_benchmark_prints_its_table_and_writes_nothing():
    before = {path: path.stat().st_mtime_ns for path in (ROOT / "docs").iterdir()}
    # A real start, as it measures other programs and starts processes.
    command = [sys.executable, ROOT / "benchmarks/run.py", "--quick", "--only", "loading", "gpu", "gpu-seeds"]
    result = subprocess.run(command, capture_output=True, text=True, env=environment(), cwd=ROOT)
    assert result.returncode == 0, result.stderr
    lines = [line for line in result.stdout.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert cells[0] == table.HEADER
    speed, equality, *gpu = cells[2:]
    assert speed[1] == "at least 12 x" and float(speed[2].removesuffix(" x")) > 0
    assert equality[1] == "at most 1e-06" and float(equality[2]) <= 1e-6 and equality[5] == "yes"
    assert [row[1] for row in gpu] == ["at most 40 s", "at most 300 s"]
    assert {path: path.stat().st_mtime_ns for path in (ROOT / "docs").iterdir()} == before


def test_memory_and_time_of_a_program_are_its_own(tmp_path):
    path = tmp_path / "program.py"
    path.write_text("import time\nmuch = b'x' * 300_000_000\ntime.sleep(0.3)\n")
    # From a process as small as those that measure memory.
    usage = in_a_process(run_program, path)
    assert 300_000_000 < usage.peak < 350_000_000
    assert usage.wall > 0.3
    assert 0 < usage.cpu < usage.wall


def test_a_program_that_fails_shows_what_it_printed(tmp_path):
    path = tmp_path / "program.py"
    path.write_text("raise SystemExit('no such thing')")
    with pytest.raises(RuntimeError, match="failed:\nno such thing"):
        run_program(path)


def test_actions_take_turns_and_the_first_turn_does_not_count():
    turns, seconds = [], [0.0]

    def action(name, duration):
        def act():
            turns.append(name)
            seconds[0] += duration

        return act

    actions = {"slow": action("slow", 3.0), "fast": action("fast", 1.0)}
    measured = interleaved(2, actions, clock=lambda: seconds[0], repeats={"fast": 2})
    assert turns == ["slow", "fast"] + 2 * ["slow", "fast", "fast"]
    assert measured == {"slow": [3.0, 3.0], "fast": [1.0, 1.0]}


def test_an_unknown_benchmark_is_refused():
    result = run_forked_program(ROOT / "benchmarks/run.py", "--only", "steps", folder=ROOT)
    assert result.returncode == 2
    assert "invalid choice: 'steps'" in result.stderr


CONDITIONS = {"date": "2026-01-02", "load": 0.25, "machine": "2 cores of a test"}


def record(benchmark, values, direction="at least", limit=1.4):
    row = Row(benchmark, f"how fast is {benchmark}", values, "small", direction, limit)
    return table.record(benchmark, row, CONDITIONS)


def line_of(records, benchmark):
    (line,) = (x for x in table.markdown(records).splitlines() if x.startswith(f"| how fast is {benchmark}"))
    return [cell.strip() for cell in line.strip("|").split("|")]


@pytest.mark.parametrize(
    ("values", "direction", "measured", "spread", "verdict"),
    [
        ([1.5, 1.2, 1.6], "at least", "1.5 x", "1.2 to 1.6", "yes"),
        ([1.5, 1.2, 1.3], "at least", "1.3 x", "1.2 to 1.5", "**no**"),
        ([1.5, 1.2, 1.3], "at most", "1.3 x", "1.2 to 1.5", "yes"),
        ([2.0], "at most", "2 x", "", "**no**"),
        ([2.0], None, "2 x", "", ""),
        ([], "at least", "not measured", "", ""),
    ],
)
def test_the_median_is_judged_and_a_missed_bound_is_marked(values, direction, measured, spread, verdict):
    cells = line_of([record("step", values, direction)], "step")
    required = "" if direction is None else f"{direction} 1.4 x"
    rounds = str(len(values) or "")
    assert cells[1:] == [required, measured, spread, rounds, verdict, "1", "0.2", "2026-01-02", "1"]


def test_a_row_measured_again_takes_the_place_of_its_older_self(tmp_path):
    order = ["step", "memory"]
    table.update(tmp_path, [record("memory", [1.0]), record("gone", [1.0])], [*order, "gone"])
    table.update(tmp_path, [record("step", [1.5])], order)
    later = {**record("memory", [2.0, 4.0]), "date": "2026-03-04"}
    table.update(tmp_path, [later], order)
    records = json.loads((tmp_path / "benchmarks.json").read_text())
    assert [(entry["benchmark"], entry["date"]) for entry in records] == [
        ("step", "2026-01-02"),
        ("memory", "2026-03-04"),
    ]
    assert median(records[1]["values"]) == 3
    assert table.markdown(records) in (tmp_path / "benchmarks.md").read_text()
