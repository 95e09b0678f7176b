"""Runs of which something is damaged or missing: it is named, and they end in the bits of a whole one."""

import json
import struct

import pytest
from small_runs import small_run, write_nets
from training_program import outputs

from anatomy.runtime import signals
from anatomy.runtime.checksums import RECORD
from anatomy.runtime.errors import InputError
from anatomy.runtime.run_files import read_facts
from anatomy.training.loop import train_run
from anatomy.training.tables import accuracy_table, training_table

SETTINGS = {"architecture": "nets:Small", "epochs": 6, "snapshots": [0, 1, 2, 4, 6], "batch_size": 20}
FACTS = {"settings": {"epochs": 6}}


@pytest.fixture(autouse=True)
def nets(monkeypatch, inside):
    write_nets(monkeypatch)


@pytest.fixture
def unbroken(tmp_path):
    """The outputs of a whole run."""
    train(tmp_path / "unbroken")
    return tmp_path / "unbroken"


def train(folder, until=None, **options):
    """Train, and stop as by `after_epoch` after the epoch `until`, with a state there."""
    going_on = None if until is None else lambda run: run.epoch < until
    return train_run(small_run(**SETTINGS), folder, {}, FACTS, after_epoch=going_on, **options)


def same_as(folder, unbroken):
    assert outputs(folder) == outputs(unbroken)
    assert (folder / "run.json").read_bytes() == (unbroken / "run.json").read_bytes()
    files = {path.relative_to(folder) for path in folder.rglob("*")}
    assert files == {path.relative_to(unbroken) for path in unbroken.rglob("*")}


def flip(path):
    content = bytearray(path.read_bytes())
    content[-3] ^= 64
    path.write_bytes(content)


DAMAGE = {
    "flipped": flip,
    "empty": lambda path: path.write_bytes(b""),
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-10]),
    "missing": lambda path: path.unlink(),
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("epochs", [(0,), (1, 2), (4,)])
def test_a_damaged_snapshot_of_a_stopped_run_is_named_and_made_again(
    tmp_path, unbroken, capsys, damage, epochs
):
    run = tmp_path / "run"
    assert not train(run, until=5, keep_state=True)
    for epoch in epochs:
        DAMAGE[damage](run / f"snapshots/epoch={epoch}.safetensors")
    capsys.readouterr()
    assert train(run)
    log = capsys.readouterr().err
    for epoch in SETTINGS["snapshots"]:
        assert (f"{run}/snapshots/epoch={epoch}.safetensors" in log) == (epoch in epochs)
    # Trained again up to there, not to where the run was.
    trained = [
        int(line.split()[1].partition("/")[0]) for line in log.splitlines() if line.startswith("epoch ")
    ]
    assert trained == [*range(max(epochs) + 1), 6]
    same_as(run, unbroken)


def test_making_snapshots_again_can_be_stopped_as_well(tmp_path, unbroken, monkeypatch, capsys):
    run = tmp_path / "run"
    assert not train(run, until=5, keep_state=True)
    for epoch in (2, 4):
        flip(run / f"snapshots/epoch={epoch}.safetensors")
    calls = iter(range(1, 1000))

    def ask():
        if next(calls) == 25:
            raise signals.Stopped(15, "stopped")

    monkeypatch.setattr(signals, "check", ask)
    with pytest.raises(signals.Stopped, match="after epoch 3"):
        train(run)
    capsys.readouterr()
    train(run)
    log = capsys.readouterr().err
    # That of epoch 2 has been made, and nothing is trained twice.
    assert "epoch=2.safetensors" not in log
    assert "epoch 2/" not in log
    assert "epoch=4.safetensors" in log
    same_as(run, unbroken)


def test_a_finished_run_with_its_state_does_not_certify_damage(tmp_path, unbroken, capsys):
    run = tmp_path / "run"
    train(run, keep_state=True)
    flip(run / "snapshots/epoch=2.safetensors")
    train(run)
    assert f"{run}/snapshots/epoch=2.safetensors is missing or damaged" in capsys.readouterr().err
    same_as(run, unbroken)


def other_header(path, change):
    """Change the header of a safetensors file, which stays valid JSON."""
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    change(header)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + content[8 + length :])


def other_state(change):
    """Change what a state says of itself."""

    def damage(header):
        state = json.loads(header["__metadata__"]["state"])
        change(state)
        header["__metadata__"]["state"] = json.dumps(state)

    return damage


HEADERS = {
    "no metadata": lambda header: header.pop("__metadata__"),
    "no state": lambda header: header["__metadata__"].pop("state"),
    "no JSON": lambda header: header["__metadata__"].update(state="{"),
    "text": lambda header: header["__metadata__"].update(state='"fingerprint"'),
    "no progress": other_state(lambda state: state.pop("progress")),
    "no epoch": other_state(lambda state: state["progress"].pop("epoch")),
    "other epoch": other_state(lambda state: state["progress"].update(epoch=2)),
    "no history": other_state(lambda state: state["progress"].update(history=[])),
    "other loss": other_state(lambda state: state["progress"]["history"][1].update(train_loss=1.0)),
    "other name": lambda header: header.update(other=header.pop("network.conv.weight")),
    "other shape": lambda header: header["network.conv.weight"]["shape"].reverse(),
    "other type": lambda header: header["network.conv.bias"].update(dtype="I32"),
}


@pytest.mark.parametrize("header", HEADERS)
def test_a_state_with_a_damaged_header_is_named_and_not_used(tmp_path, unbroken, capsys, header):
    run = tmp_path / "run"
    assert not train(run, until=3, keep_state=True)
    other_header(run / "state.safetensors", HEADERS[header])
    train(run)
    assert f"{run}/state.safetensors is damaged and of no use" in capsys.readouterr().err
    same_as(run, unbroken)


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_state_with_other_tensors_is_not_used(tmp_path, unbroken, capsys, damage):
    run = tmp_path / "run"
    assert not train(run, until=3, keep_state=True)
    DAMAGE[damage](run / "state.safetensors")
    train(run)
    log = capsys.readouterr().err
    assert damage == "missing" or f"{run}/state.safetensors is damaged and of no use" in log
    same_as(run, unbroken)


@pytest.mark.parametrize("text", ["", '{"sha256": {', "[]", "{}", '{"sha256": {}}', "5"])
@pytest.mark.parametrize("keep_state", [True, False])
def test_a_damaged_run_json_is_named_and_made_again(tmp_path, unbroken, capsys, text, keep_state):
    run = tmp_path / "run"
    train(run, keep_state=keep_state)
    (run / "run.json").write_text(text)
    capsys.readouterr()
    train(run)
    log = capsys.readouterr().err
    assert f"{run}/run.json is damaged and of no use" in log
    # With a state nothing is trained again.
    assert ("epoch 6/6" in log) == (not keep_state)
    same_as(run, unbroken)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", "[" * 100_000, '{"fingerprint": "a", "sha256": {}}', '{"sha256": []}']
)
def test_whoever_reads_a_damaged_run_json_is_told_what_to_do(tmp_path, text):
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(InputError, match=r"run\.json is damaged .*; delete it, and train that network again"):
        read_facts(tmp_path)


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("keep_state", [True, False])
def test_a_damaged_history_of_a_finished_run_is_named_and_not_tabulated(
    tmp_path, unbroken, capsys, damage, keep_state
):
    run = tmp_path / "run"
    train(run, keep_state=keep_state)
    DAMAGE[damage](run / "history.csv")
    if damage != "missing":
        with pytest.raises(InputError, match=r"run/history\.csv is not what was written there"):
            training_table("a", {0: run / "history.csv"})
    capsys.readouterr()
    train(run, keep_state=keep_state)
    log = capsys.readouterr().err
    assert f"{run}/history.csv is missing or damaged" in log
    # A state has it, too.
    assert ("epoch 6/6" in log) == (not keep_state)
    columns = ["epoch", "train_loss", "validation_accuracy"]
    tables = [training_table("a", {0: folder / "history.csv"})[columns] for folder in (run, unbroken)]
    assert tables[0].equals(tables[1])


def test_a_run_that_was_copied_without_hidden_files_is_restored(tmp_path, unbroken, capsys):
    run = tmp_path / "run"
    train(run)
    whole = (run / "history.csv").read_bytes()
    (run / RECORD).unlink()
    capsys.readouterr()
    train(run)
    assert "epoch" not in capsys.readouterr().err
    assert (run / "history.csv").read_bytes() == whole
    (run / "history.csv").write_bytes(whole[: whole.rindex(b"6,")])
    train(run)
    assert f"{run}/history.csv is missing or damaged" in capsys.readouterr().err
    same_as(run, unbroken)


@pytest.mark.parametrize("part", ["final.json", "final.safetensors"])
def test_whoever_tabulates_or_restores_a_damaged_end_is_told(tmp_path, unbroken, capsys, part):
    run = tmp_path / "a/seed=0"
    train(run)
    flip(run / part)
    if part == "final.json":
        with pytest.raises(InputError, match=r"final\.json is not what .*run\.json describes"):
            accuracy_table([], [run / part])
    train(run)
    assert f"{run / part} is missing or damaged" in capsys.readouterr().err
    same_as(run, unbroken)
