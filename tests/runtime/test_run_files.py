"""Files of a finished run against its run.json, whoever reads them."""

import json
import os

import numpy as np
import pytest
import torch
from conftest import RUN_SCHEMA, make_dataset, run_program
from safetensors.torch import load_file
from training_program import train

import anatomy
from anatomy.checkpoints.snapshots import Snapshot, load_snapshot, save_snapshot, snapshot_checksums
from anatomy.data.dataset import write_dataset
from anatomy.networks.layouts import LayerGeometry
from anatomy.runtime.errors import InputError
from anatomy.runtime.files import sha256_of, write_json
from anatomy.runtime.run_files import CHECKSUM, FINGERPRINT, SHA256, XXH3, read_facts, require_whole, signed
from anatomy.studies.arrangements.projections import snapshot_statistics
from anatomy.studies.arrangements.reinitialisation.weights import weights_of_run
from anatomy.training.trained import open_run

FILES = ("snapshots/epoch=1.safetensors", "final.safetensors", "final.json")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run-files")
    write_dataset(make_dataset(), folder / "data", "shades", {"source": "test"})
    train(folder / "run", folder / "data", snapshots={"epochs": [1], "weights": "all"})
    return folder


@pytest.fixture
def run(trained):
    """The run; what a test does to its files is undone, dates too."""
    paths = [trained / "run" / name for name in (*FILES, "run.json")] + [trained / "data/dataset.json"]
    before = [(path, path.read_bytes(), path.stat()) for path in paths]
    yield trained / "run"
    for path, content, state in before:
        rewritten(path, content, state)


def rewritten(path, content, state=None):
    """Change a file and keep its date."""
    state = path.stat() if state is None else state
    path.write_bytes(content)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))


def exponent_flipped(path):
    """Flip the highest bit of the last float's exponent."""
    content = bytearray(path.read_bytes())
    content[-1] ^= 0x40
    rewritten(path, content)


def opened(run):
    return open_run(run, run.parent / "data", RUN_SCHEMA)


def refused(path):
    return pytest.raises(InputError, match=rf"{path} is not what .*run\.json describes: .*; delete it, and")


def test_run_json_has_both_checksums_of_every_file(run):
    facts = read_facts(run)
    names = {"final.json", "final.safetensors", *(f"snapshots/epoch={e}.safetensors" for e in (0, 1, 3))}
    assert facts["sha256"].keys() == facts[XXH3].keys() == names
    for name in names:
        assert facts["sha256"][name] == sha256_of(run / name)
        require_whole(run / name)


def test_every_reader_of_weights_refuses_a_flipped_bit(run):
    snapshot, final = run / FILES[0], run / FILES[1]
    exponent_flipped(snapshot)
    door = opened(run)
    readers = [
        lambda: load_snapshot(snapshot),
        lambda: anatomy.projections(snapshot),
        lambda: door.network(1),
    ]
    readers.append(lambda: weights_of_run(door.network(), door, [snapshot], 0, False))
    for read in readers:
        with refused(snapshot):
            read()
    exponent_flipped(final)
    for read in (lambda: opened(run).network(), lambda: anatomy.projections(final)):
        with refused(final):
            read()


def test_the_program_that_measures_projections_refuses_it(run, tmp_path):
    exponent_flipped(run / FILES[0])
    with pytest.raises(
        AssertionError, match=r"error: .*epoch=1\.safetensors is not what .*run\.json describes"
    ):
        run_program("measure_projections", "--snapshots", run / FILES[0], "--output", tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("part", ["first", "middle", "last"])
def test_statistics_are_checked_while_they_are_computed(part, tmp_path):
    """Layers that are summed in one piece and in several, and a bias behind them."""
    arrays, layers = {}, []
    for number, filters in enumerate((8, 300, 7), 1):
        layers.append(LayerGeometry(number, f"features.{number}", 1, number, (64, 8, 8)))
        weight = np.random.default_rng(number).standard_normal((filters, 64, 3, 3)).astype(np.float32)
        arrays |= {f"features.{number}.weight": weight, f"features.{number}.bias": weight[:, 0, 0, 0]}
    path, snapshot = tmp_path / "snapshots/epoch=1.safetensors", Snapshot(arrays, layers, {"epoch": 1})
    save_snapshot(path, snapshot)
    sha256, xxh3 = snapshot_checksums(snapshot)
    name = path.relative_to(tmp_path).as_posix()
    content = {FINGERPRINT: "", SHA256: {name: sha256}, XXH3: {name: xxh3}}
    write_json(tmp_path / "run.json", signed(content))
    found = snapshot_statistics(load_snapshot(path, checked=False))
    for one, other in zip(found, snapshot_statistics(snapshot), strict=True):
        assert one.sums.tobytes() == other.sums.tobytes()
        assert one.norms.tobytes() == other.norms.tobytes()
    damaged = bytearray(path.read_bytes())
    end = 8 + int.from_bytes(damaged[:8], "little")
    damaged[{"first": end, "middle": len(damaged) // 2, "last": len(damaged) - 1}[part]] ^= 1
    rewritten(path, bytes(damaged))
    with refused(path):
        snapshot_statistics(load_snapshot(path, checked=False))


@pytest.mark.parametrize("cut", [1, 100])
def test_truncated_files_are_refused(run, cut):
    for name in FILES:
        rewritten(run / name, (run / name).read_bytes()[:-cut])
        with refused(run / name):
            require_whole(run / name)


def test_every_change_of_run_json_is_refused(run):
    """Of numbers that read as well as those that were written: settings, seed, checksums, epochs."""
    text = (run / "run.json").read_text()
    changes = [
        ('"seed": 0', '"seed": 1'),
        ('"batch_size": 20', '"batch_size": 21'),
        ('"threads": 1', '"threads": 2'),
    ]
    digits = read_facts(run)["sha256"]["final.safetensors"]
    changes.append((digits, digits[::-1]))
    for before, after in changes:
        assert text.count(before) == 1
        (run / "run.json").write_text(text.replace(before, after))
        with pytest.raises(InputError, match=r"run\.json is damaged \(its checksum is another\); delete it"):
            opened(run)
        # Whatever is beside it cannot be measured by it.
        with pytest.raises(InputError, match=r"run\.json is damaged"):
            load_snapshot(run / FILES[0])


def test_a_run_of_an_earlier_version_is_compared_by_sha256_which_a_line_says(run, capsys):
    facts = read_facts(run)
    old = {key: value for key, value in facts.items() if key not in (XXH3, CHECKSUM)}
    (run / "run.json").write_text(json.dumps(old, indent=1) + "\n")
    network = opened(run).network()
    kept = load_file(run / FILES[1])
    assert all(torch.equal(tensor, kept[name]) for name, tensor in network.state_dict().items())
    load_snapshot(run / FILES[0])
    said = capsys.readouterr().err
    assert (
        said
        == f"{run}/run.json is of an earlier version, without xxh3_128; its files are compared by sha256\n"
    )
    exponent_flipped(run / FILES[0])
    with refused(run / FILES[0]):
        load_snapshot(run / FILES[0])
    (run / "run.json").write_text(json.dumps({**old, "seed": 1}))
    with pytest.raises(InputError, match="its checksum is another"):
        opened(run)


def test_a_run_is_not_measured_with_other_statistics_of_its_data(run):
    path = run.parent / "data/dataset.json"
    description = json.loads(path.read_text())
    description["mean"][0] += 0.01
    path.write_text(json.dumps(description))
    with pytest.raises(InputError, match=r"is not the one that .* was trained on; .* with its statistics"):
        opened(run)


def test_files_of_other_programs_are_read_as_they_are(tmp_path, trained):
    """Beside a run.json that is not ours, or of no run at all."""
    (tmp_path / "run.json").write_text('{"name": "brave-sun-7"}')
    for name in ("weights.safetensors", "final.safetensors"):
        copy = tmp_path / name
        copy.write_bytes((trained / "run/final.safetensors").read_bytes())
        exponent_flipped(copy)
        anatomy.projections(copy)


def test_a_run_whose_facts_are_a_pipe_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "run.json")
    with pytest.raises(InputError, match=r"run\.json is a pipe, expected a file"):
        read_facts(tmp_path)
