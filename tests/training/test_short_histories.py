"""Runs that are evaluated now and then, stop early, keep some weights, or were interrupted in between."""

import json
from dataclasses import asdict

import pandas as pd
import pytest
import torch
from conftest import RUN_SCHEMA
from safetensors.torch import load_file
from training.small_runs import small_run, trained, write_nets
from training_program import outputs, refusal, train

from anatomy.runtime.errors import InputError
from anatomy.runtime.settings import Settings, snapshot_epochs
from anatomy.training import resume
from anatomy.training.loop import train_run
from anatomy.training.schedules import is_extendable
from anatomy.training.tables import accuracy_table, training_table
from anatomy.training.trained import open_run

CONSTANT = {"kind": "constant"}


@pytest.fixture(autouse=True)
def nets(inside, monkeypatch):
    write_nets(monkeypatch)


def same(one, other):
    """Whether two runs have the same weights and buffers, bit for bit."""
    other = other.whole_state_dict()
    return all(torch.equal(tensor, other[name]) for name, tensor in one.whole_state_dict().items())


def without_time(run):
    """The history but for times, which differ."""
    return [{k: v for k, v in asdict(r).items() if k != "seconds"} for r in run.history]


# Evaluation now and then


@pytest.mark.parametrize(
    ("every", "rows"), [(1, [0, 1, 2, 3, 4, 5, 6, 7]), (3, [0, 3, 6, 7]), (7, [0, 7]), (99, [0, 7])]
)
def test_every_so_many_epochs_and_the_last_are_evaluated(every, rows):
    often, run = (trained(small_run(epochs=7, evaluate_every=count)) for count in (1, every))
    assert [record.epoch for record in run.history] == rows
    assert without_time(run) == [row for row in without_time(often) if row["epoch"] in rows]
    assert same(run, often)


def test_a_log_has_a_line_for_each_evaluation(tmp_path, capsys):
    train_run(small_run(epochs=4, evaluate_every=2), tmp_path / "run", {}, {})
    lines = [line.partition(",")[0] for line in capsys.readouterr().err.splitlines()]
    assert lines == ["epoch 0/4", "epoch 2/4", "epoch 4/4"]
    assert list(pd.read_csv(tmp_path / "run/history.csv")["epoch"]) == [0, 2, 4]


# Stopping


def test_a_run_stops_after_the_first_epoch_that_is_accurate_enough(tmp_path):
    """However often it is evaluated; its weights have the name of the last epoch."""
    often = trained(small_run(epochs=9, optimiser={"learning_rate": 0.05}))
    accuracies = [record.train_accuracy for record in often.history[1:]]
    enough = max(accuracies[:5])
    last = 1 + next(index for index, accuracy in enumerate(accuracies) if accuracy >= enough)
    assert last < 9
    plain = small_run(epochs=9, optimiser={"learning_rate": 0.05})
    while plain.epoch < last:
        plain.advance()
    for every in (1, 4):
        stop = {"stop": {"train_accuracy": enough}, "snapshots": {"epochs": [], "weights": "all"}}
        run = small_run(epochs=9, optimiser={"learning_rate": 0.05}, evaluate_every=every, **stop)
        folder = tmp_path / f"{every}"
        assert train_run(run, folder, {}, {"epochs": 9})
        assert (run.epoch, run.history[-1].epoch) == (last, last)
        assert same(run, plain)
        names = sorted(path.name for path in (folder / "snapshots").iterdir())
        assert names == ["epoch=0.safetensors", "epoch=9.safetensors"]
        final, snapshot = (
            load_file(folder / n) for n in ("final.safetensors", "snapshots/epoch=9.safetensors")
        )
        assert all(torch.equal(final[name], snapshot[name]) for name in final)
        assert json.loads((folder / "run.json").read_text())["stopped_after"] == last


def test_a_run_that_reaches_its_last_epoch_has_not_stopped(tmp_path):
    settings = {"epochs": 2, "stop": {"train_accuracy": 1.0}, "snapshots": []}
    train_run(small_run(**settings), tmp_path / "run", {}, {})
    assert "stopped_after" not in json.loads((tmp_path / "run/run.json").read_text())


def test_accuracies_of_runs_that_stopped_are_those_of_their_own_last_epochs(tmp_path):
    histories = {}
    for seed, epochs in ((0, 3), (1, 2)):
        run = trained(small_run(seed, epochs=epochs))
        folder = tmp_path / "small" / f"seed={seed}"
        train_run(small_run(seed, epochs=epochs), folder, {}, {})
        histories[seed] = folder / "history.csv"
        assert len(run.history) == epochs + 1
    table = accuracy_table([training_table("small", histories)], [])
    counts = table.set_index("quantity")["n"]
    assert counts["validation_accuracy"] == counts["train_accuracy"] == 2


# Interruptions

KEYS = {
    "adam with decay": {"optimiser": {"kind": "adam", "weight_decay": 0.1, "decay": "matrices"}},
    "cosine with warm-up": {"schedule": {"kind": "cosine", "warmup": 2}},
    "frozen batch norm": {"batch_norm": {"frozen_after": 2}, "schedule": CONSTANT},
    "trainable": {"trainable": ["head"]},
    "seldom evaluated": {"evaluate_every": 4},
    "seldom evaluated and stopped": {
        "evaluate_every": 4,
        "stop": {"train_accuracy": 0.3},
        "snapshots": [],
        "optimiser": {"learning_rate": 0.001},
    },
    "smoothed": {"loss": {"smoothing": 0.1}},
    "mlp": {"architecture": "nets:Mlp", "evaluate_every": 5},
}


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize("until", [1, 3])
def test_a_run_that_was_interrupted_ends_in_the_same_bits(tmp_path, name, until):
    unbroken, first, second = (small_run(epochs=6, **KEYS[name]) for _ in range(3))
    assert train_run(unbroken, tmp_path / "unbroken", {}, {})
    broken = tmp_path / "broken"
    goes_on = train_run(first, broken, {}, {}, keep_state=True, after_epoch=lambda run: run.epoch < until)
    assert not goes_on or first.stopped
    assert train_run(second, broken, {}, {})
    if not first.stopped:
        assert second.epoch == unbroken.epoch
        assert without_time(second) == without_time(unbroken)
    assert outputs(broken) == outputs(tmp_path / "unbroken")
    assert (broken / "run.json").read_bytes() == (tmp_path / "unbroken/run.json").read_bytes()


def test_the_state_of_a_long_run_is_small(tmp_path):
    run = small_run(architecture="nets:Mlp", epochs=300, evaluate_every=100, snapshots=[])
    train_run(run, tmp_path / "run", {}, {}, keep_state=True)
    weights = sum(tensor.numel() * tensor.element_size() for tensor in run.state().values())
    assert (tmp_path / "run" / resume.STATE_FILE).stat().st_size < weights + 4000


# Snapshots


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("all", {"epochs": "all"}),
        ([0, 2], {"epochs": [0, 2]}),
        ([], {"epochs": [], "weights": "convolutions"}),
    ],
)
def test_short_and_long_snapshots_are_one_setting_and_stored_as_before(short, long):
    one, other = (Settings({"epochs": 3, "snapshots": snapshots}, RUN_SCHEMA) for snapshots in (short, long))
    assert one == other
    assert one.stored() == other.stored() == {"epochs": 3, **({} if short == "all" else {"snapshots": short})}
    assert snapshot_epochs(one) == snapshot_epochs(other)
    whole = one.changed(snapshots={"weights": "all"})
    assert whole.snapshots.epochs == one.snapshots.epochs
    assert whole.changed(snapshots=[1]).snapshots.weights == "all"
    assert Settings(whole.stored(), RUN_SCHEMA) == whole


def test_networks_of_epochs_with_all_weights_can_be_opened(tmp_path, dataset_folder):
    train(tmp_path / "run", dataset_folder, snapshots={"epochs": [1], "weights": "all"})
    train(tmp_path / "longer", dataset_folder, epochs=1, snapshots=[])
    run, other = (open_run(tmp_path / name, dataset_folder, RUN_SCHEMA) for name in ("run", "longer"))
    first, same_epoch = run.network(1).state_dict(), other.network().state_dict()
    assert all(torch.equal(first[name], tensor) for name, tensor in same_epoch.items())
    with pytest.raises(InputError, match="has no snapshot of epoch 2; add it to `snapshots`"):
        run.network(2)
    with pytest.raises(InputError, match="holds convolutions only; set `weights: all` in `snapshots`"):
        other.network(0)


def test_an_epoch_of_a_run_with_stop_is_refused_with_what_can_be_done(tmp_path, dataset_folder):
    keys = {"stop": {"train_accuracy": 1.0}, "snapshots": {"epochs": [], "weights": "all"}, "epochs": 3}
    train(tmp_path / "run", dataset_folder, **keys)
    run = open_run(tmp_path / "run", dataset_folder, RUN_SCHEMA)
    advice = "`stop` keeps its first and last weights alone; .* train without `stop`"
    with pytest.raises(InputError, match=f"has no snapshot of epoch 2; a run with {advice}"):
        run.network(2)
    assert run.network(0).state_dict().keys() == run.network(3).state_dict().keys()


def test_an_earlier_key_is_answered_with_what_is_written_now(tmp_path, dataset_folder):
    stderr = refusal(tmp_path / "run", dataset_folder, whole_snapshots=True)
    assert "whole_snapshots: there is no such key any more; write `snapshots: {weights: all}`" in stderr


# Longer runs


def train_as_the_program(folder, **changes):
    """Train in this process, or continue a shorter run; return the run."""
    run = small_run(**changes)
    facts = {"settings": run.settings.stored()}
    if run.settings.keep_state and is_extendable(run.settings.schedule.kind):
        resume.extend(folder, facts, run.kept_epochs)
    train_run(run, folder, {}, facts, keep_state=run.settings.keep_state)
    return run


@pytest.mark.parametrize(
    ("changes", "goes_on"),
    [
        ({"schedule": CONSTANT, "snapshots": [0, 1]}, True),
        ({"evaluate_every": 2, "snapshots": [], "schedule": {"every": 2}}, True),
        ({"snapshots": "all", "optimiser": {"kind": "adam"}}, True),
        ({"schedule": CONSTANT, "snapshots": [], "keep_state": False}, False),
    ],
)
def test_more_epochs_continue_a_run_that_kept_its_state(tmp_path, capsys, changes, goes_on):
    changes = {"keep_state": True, **changes}
    train_as_the_program(tmp_path / "run", **{**changes, "epochs": 3})
    capsys.readouterr()
    longer = train_as_the_program(tmp_path / "run", **{**changes, "epochs": 4})
    assert ("continuing after epoch 3" in capsys.readouterr().err) == goes_on
    fresh = train_as_the_program(tmp_path / "fresh", **{**changes, "epochs": 4})
    names = [path.name for path in (tmp_path / "fresh/snapshots").iterdir()]
    assert {name: outputs(tmp_path / "run")[name] for name in names} == {
        name: outputs(tmp_path / "fresh")[name] for name in names
    }
    assert same(longer, fresh)
    assert (tmp_path / "run/run.json").read_bytes() == (tmp_path / "fresh/run.json").read_bytes()
    assert without_time(longer) == without_time(fresh)


def test_the_program_continues_a_run_with_more_epochs(tmp_path, dataset_folder):
    kept = {"keep_state": True, "snapshots": [1]}
    train(tmp_path / "run", dataset_folder, epochs=2, **kept)
    assert "continuing after epoch 2" in train(tmp_path / "run", dataset_folder, epochs=3, **kept)
    train(tmp_path / "fresh", dataset_folder, epochs=3, **kept)
    assert outputs(tmp_path / "run") == outputs(tmp_path / "fresh")


@pytest.mark.parametrize(
    "changes",
    [
        {"batch_size": 30},
        {"snapshots": [0, 1]},
        {"snapshots": {"epochs": [], "weights": "all"}},
        {"epochs": 2},
    ],
)
def test_another_run_is_trained_anew(tmp_path, capsys, changes):
    """With other settings, a snapshot or weights that the earlier one has not kept, or for shorter."""
    kept = {"keep_state": True, "snapshots": [], "schedule": CONSTANT}
    train_as_the_program(tmp_path / "run", epochs=3, **kept)
    again = train_as_the_program(tmp_path / "run", **{**kept, "epochs": 4, **changes})
    assert "continuing" not in capsys.readouterr().err
    assert again.epoch == changes.get("epochs", 4)


def test_a_run_that_was_stopped_is_trained_anew(tmp_path, capsys):
    stop = {"keep_state": True, "snapshots": [], "schedule": CONSTANT, "stop": {"train_accuracy": 0.01}}
    assert train_as_the_program(tmp_path / "run", epochs=3, **stop).stopped
    train_as_the_program(tmp_path / "run", epochs=4, **stop)
    assert "continuing" not in capsys.readouterr().err
    assert (tmp_path / "run/snapshots/epoch=4.safetensors").is_file()
