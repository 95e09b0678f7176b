"""Runs that go on, branch off, or are refused to be overwritten."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from command_line_runs import assert_close, history, plain_run, trained
from safetensors.torch import load_file

from anatomy.checkpoints.snapshots import load_snapshot
from anatomy.networks.build import build_network
from anatomy.runtime.errors import InputError
from anatomy.runtime.streams import stream
from anatomy.studies.arrangements.hp_arrangements.continuation import earlier_facts, epochs_done
from anatomy.training.resume import save_state
from anatomy.training.start import Start

pytestmark = pytest.mark.usefixtures("inside")


@pytest.mark.parametrize("optimiser", ["sgd", "adam"])
def test_a_resumed_run_ends_in_the_bits_of_an_unbroken_one(optimiser, shades):
    options = [
        "--optimizer",
        optimiser,
        "--lr",
        0.002,
        "--augmentation",
        "--split",
        0.1,
        "--snapshot-every",
        2,
    ]
    unbroken = trained(*options, "--epochs", 4, "--models-path", "unbroken")
    half = trained(*options, "--epochs", 2)
    initial = (half / "snapshots/epoch=0.safetensors").read_bytes()
    first = history(half)
    # Into another directory, which copies the run, and in place.
    for more in (["--models-path", "copied"], []):
        folder = trained(*options, "--epochs", 4, "--resume-from", half, *more)
        for name in ("final", "snapshots/epoch=4", "snapshots/epoch=2"):
            file = f"{name}.safetensors"
            assert (folder / file).read_bytes() == (unbroken / file).read_bytes()
        assert (folder / "snapshots/epoch=0.safetensors").read_bytes() == initial
        assert history(folder)[:3] == first
        assert [row["epoch"] for row in history(folder)] == ["0", "1", "2", "3", "4"]
    # The same command again finds it finished.
    before = (half / "final.safetensors").stat().st_mtime_ns
    trained(*options, "--epochs", 4, "--resume-from", half)
    assert (half / "final.safetensors").stat().st_mtime_ns == before


def test_resuming_from_the_authors_snapshot_goes_on_after_its_epoch(shades):
    def sgd(parameters):
        return torch.optim.SGD(parameters, 0.002, momentum=0.8, weight_decay=1e-3)

    network, optimiser = plain_run(shades, 2, sgd)
    scheduler = torch.optim.lr_scheduler.StepLR(optimiser, 30, 0.1)
    content = {
        "epoch": 1,
        "top1_acc": 10.0,
        "top5_acc": 50.0,
        "model_state_dict": {f"_orig_mod.module.{k}": v for k, v in network.state_dict().items()},
        "optimizer_state_dict": optimiser.state_dict(),
        "scheduler_state_dict": scheduler.state_dict(),
    }
    torch.save(content, "lenet_1.tar")
    folder = trained("--resume-from", "lenet_1.tar", "--epochs", 3)
    rows = history(folder)
    assert [row["epoch"] for row in rows] == ["2", "3"]
    assert rows[0]["train_loss"] == ""
    assert not (folder / "snapshots/epoch=0.safetensors").exists()
    facts = json.loads((folder / "run.json").read_text())
    assert facts["settings"]["optimiser"]["momentum"] == 0.8
    assert facts["settings"]["schedule"]["every"] == 30
    plain = plain_run(shades, 3, sgd)[0]
    assert_close(folder, plain)
    overridden = trained(
        "--resume-from", "lenet_1.tar", "--epochs", 3, "--override", "--lr", 0.1, "--models-path", "other"
    )
    assert float(history(overridden)[1]["learning_rate"]) == 0.1


def test_resuming_from_weights_alone_trains_them(shades):
    source = trained("--epochs", 2, "--lr", 0.002)
    torch.save(load_file(source / "final.safetensors"), "lenet_7.pt")
    weights = load_file(source / "final.safetensors")
    for path, first in ((source / "final.safetensors", 2), (Path("lenet_7.pt"), 7)):
        folder = trained("--resume-from", path, "--epochs", 8, "--models-path", f"from_{first}")
        assert history(folder)[0]["epoch"] == str(first)
        moved = load_file(folder / "final.safetensors")
        assert all(not torch.equal(moved[name], weights[name]) for name in weights if "weight" in name)
        start = load_snapshot(folder / f"snapshots/epoch={first}.safetensors")
        assert np.array_equal(start.arrays["features.0.weight"], weights["features.0.weight"])
    folder = trained("--resume-from", "lenet_7.pt", "--start-epoch", 1, "--epochs", 2, "--models-path", "s")
    assert [row["epoch"] for row in history(folder)] == ["1", "2"]


def test_another_seed_or_rate_branches_off_a_run(shades):
    source = trained("--epochs", 2, "--lr", 0.002)
    folder = trained("--resume-from", source, "--epochs", 3, "--seed", 8, "--override", "--lr", 0.004)
    assert float(history(folder)[1]["learning_rate"]) == 0.004
    kept = trained(
        "--resume-from", source, "--epochs", 3, "--seed", 8, "--lr", 0.004, "--models-path", "kept"
    )
    assert float(history(kept)[1]["learning_rate"]) == 0.002
    with pytest.raises(
        InputError, match=r"in its directory .*: --batch-size \(20 there, 9 here\); give another"
    ):
        trained(
            "--resume-from",
            source,
            "--epochs",
            3,
            "--lr",
            0.004,
            "--models-path",
            "models",
            "--batch-size",
            9,
        )


def test_a_run_with_other_options_is_not_overwritten(shades):
    folder = trained("--epochs", 1)
    final = (folder / "final.safetensors").read_bytes()
    with pytest.raises(InputError, match=r"--weight-decay \(0.0001 there, 0.5 here\); give another"):
        trained("--epochs", 1, "--weight-decay", 0.5)
    with pytest.raises(InputError, match=f"or --resume-from {folder} to go on"):
        trained("--epochs", 2)
    assert (folder / "final.safetensors").read_bytes() == final
    trained("--epochs", 1, "--weight-decay", 0.5, "--override")
    assert (folder / "final.safetensors").read_bytes() != final


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--dataset", "svhn"], "--dataset svhn is neither a name nor the directory of a prepared data set"),
        (["--arch", "lennet"], "'lennet' is not an architecture, did you mean lenet"),
        (["--subsample-classes", 5], "5 classes are asked for, but data set shades has 4"),
        (["--pretrained"], "--pretrained networks tell 1000 classes apart, --dataset has 4"),
        (["--resume-from", "gone.tar"], "--resume-from gone.tar does not exist"),
        (["--resume-from", "shades"], "shades is no run directory"),
        (
            ["--resume-from", "text.pt"],
            "text.pt is damaged, or not a checkpoint of safetensors or torch.save",
        ),
        (["--resume-from", "few.pt"], "few.pt has no features.0.bias"),
        (
            ["--resume-from", "wide.pt"],
            r"features.0.weight has shape \(9, 1, 3, 3\), expected \(6, 1, 3, 3\)",
        ),
        (["--resume-from", "other_1.tar"], "other_1.tar: its optimiser has 1 parameters, the network"),
        (["--resume-from", "lenet_20.pt"], "--epochs is 20, but lenet_20.pt is further"),
        (["--dataset", "imagenet", "--data-path", "empty"], "imagenet"),
        (["--split", 0.001], "holds out 0 of 96 images"),
    ],
)
def test_bad_input_is_refused(options, message, shades):
    Path("empty").mkdir()
    Path("text.pt").write_text("no tensors")
    torch.save({"features.0.weight": torch.zeros(6, 1, 3, 3)}, "few.pt")
    state = build_network("lenet", 4, 1, 1.0, stream(0, "x"), "kaiming").state_dict()
    torch.save(state, "lenet_20.pt")
    snapshot = {"optimizer_state_dict": {"state": {}, "param_groups": [{"params": [0]}]}, "epoch": 1}
    torch.save({"model_state_dict": state, **snapshot}, "other_1.tar")
    torch.save({**state, "features.0.weight": torch.zeros(9, 1, 3, 3)}, "wide.pt")
    with pytest.raises(InputError, match=message):
        trained(*options)
    shutil.rmtree("shades")


def test_a_state_of_an_earlier_version_has_done_no_epoch(tmp_path):
    tensors = {"a": torch.ones(1)}
    save_state(tmp_path, tensors, {"history": []}, "fingerprint")
    assert epochs_done(tmp_path, Start(epoch=3)) == 2
    save_state(tmp_path, tensors, {"history": [], "epoch": 7}, "fingerprint")
    assert epochs_done(tmp_path, Start(epoch=3)) == 7


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"settings": 3}', "[" * 100_000])
def test_damaged_facts_of_a_run_are_named(text, tmp_path):
    (tmp_path / "options.json").write_text(text)
    with pytest.raises(InputError, match=r"options\.json is damaged, or not the facts of a run"):
        earlier_facts(tmp_path)
