"""The program that trains: what it leaves, and that the same seed leaves the same bytes."""

import pandas as pd
import pytest
import torch
from conftest import SETTINGS, make_dataset
from safetensors.torch import load_file
from training_program import HASTY, outputs, refusal, start, train, train_apart

from anatomy.data.dataset import write_dataset
from anatomy.networks.build import build_network
from anatomy.runtime.streams import stream


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A finished run of seed 0 that no test changes."""
    folder = tmp_path_factory.mktemp("trained")
    write_dataset(make_dataset(), folder / "dataset", "shades", {"source": "test"})
    train(folder / "run", folder / "dataset")
    return folder / "run"


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(tmp_path, dataset_folder, trained):
    for name, seed in (("again", 0), ("other", 1)):
        train_apart(tmp_path / name, dataset_folder, seed)
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
    train(tmp_path / "run", dataset_folder, snapshots={"weights": "all"})
    for epoch in (0, 2, 3):
        name = f"snapshots/epoch={epoch}.safetensors"
        whole, convolutions = load_file(tmp_path / "run" / name), load_file(trained / name)
        assert all(torch.equal(whole[key], tensor) for key, tensor in convolutions.items())
        network = build_network("vgg11", 4, 3, SETTINGS["width"], stream(1, "initialisation"), "kaiming")
        network.load_state_dict(whole)
    final = load_file(tmp_path / "run/final.safetensors")
    assert all(torch.equal(final[key], tensor) for key, tensor in whole.items())
    assert final.keys() == whole.keys()


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


def test_training_does_not_import_torchs_compiler(tmp_path, dataset_folder, monkeypatch):
    """It takes a second of every run."""
    monkeypatch.setenv("PYTHONPROFILEIMPORTTIME", "1")
    process = start(tmp_path / "run", dataset_folder, epochs=1, snapshots=[1])
    _, imported = process.communicate()
    assert process.returncode == 0, imported
    assert "torch.optim.sgd" in imported
    assert "torch._dynamo" not in imported


def test_a_diverging_run_stops_and_says_why(tmp_path, dataset_folder):
    stderr = refusal(tmp_path / "run", dataset_folder, optimiser={"learning_rate": 1e30})
    assert "error: the training loss is nan" in stderr
    assert "lower optimiser.learning_rate" in stderr
    assert not (tmp_path / "run/run.json").exists()


def test_an_edit_between_start_and_import_is_noticed(tmp_path, dataset_folder, monkeypatch):
    """A network's module is edited while it is imported: what was trained is not what stands there."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hasty_net.py").write_text(HASTY)
    stderr = refusal(tmp_path / "run", dataset_folder, architecture="hasty_net:net", width=1.0, epochs=1)
    assert f"error: the code was edited while {tmp_path / 'run'} was prepared; run again" in stderr
    assert not (tmp_path / "run").exists()
    printed = train(tmp_path / "run", dataset_folder, architecture="hasty_net:net", width=1.0, epochs=1)
    assert "epoch 1/1" in printed


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"label_noise": {"kind": "shuffled"}},
            "label_noise.kind: 'shuffled' is not allowed; allowed: uniform",
        ),
        ({"pixels": "foo"}, "pixels: 'foo' is not allowed; allowed: standardised, unit"),
        ({"epochs": "x"}, "epochs: 'x' is not of type integer"),
        ({"epochs": None, "architecture": None}, "key architecture is missing; key epochs is missing"),
        ({"architecture": 5}, "architecture: 5 is not of type string"),
        ({"architecture": "vgg12"}, "'vgg12' is not an architecture"),
        (
            {"schedule": {"kind": "foo"}},
            "schedule.kind: 'foo' is not allowed; allowed: constant, cosine, cycles, milestones, smooth, ",
        ),
        ({"snapshots": [0, 9]}, "snapshots: 9 is no epoch of the run; allowed: 0 to 3"),
        ({"snapshots": ["x"]}, "snapshots: ['x'] is none of what is allowed: all or array or object"),
    ],
)
def test_settings_that_make_no_sense_are_refused_by_their_keys(tmp_path, dataset_folder, changes, message):
    stderr = refusal(tmp_path / "run", dataset_folder, **changes)
    assert stderr.splitlines()[-1].startswith(f"error: {message}")
    assert not (tmp_path / "run").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU that torch can use")
def test_a_gpu_that_torch_cannot_use_is_refused(tmp_path, dataset_folder, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    process = start(tmp_path / "run", dataset_folder, 0, "--gpus", "1")
    _, stderr = process.communicate()
    assert process.returncode == 1
    assert "error: a GPU is requested but torch" in stderr
    assert "set `device: cpu`" in stderr
