"""What a run begins with: weights or norm of another run or of a file, with a head of its own or not."""

import json
import shutil

import pytest
import torch
from conftest import SETTINGS, make_dataset, run_of, task_of
from safetensors.torch import load_file, save_file
from training_program import outputs, refusal, train

from anatomy.data.dataset import write_dataset
from anatomy.runtime.errors import InputError
from anatomy.runtime.files import sha256_of
from anatomy.training.start import Start, head_of, norm, start_of

HEAD = "classifier.6"
FROM_TEST = {"experiment": "test"}


@pytest.fixture(scope="module")
def parent(tmp_path_factory):
    """A finished run of experiment `test`, seed 0, and its data, which no test changes."""
    folder = tmp_path_factory.mktemp("parent")
    write_dataset(make_dataset(), folder / "dataset", "shades", {"source": "test"})
    train(folder / "run", folder / "dataset", epochs=1)
    return folder


@pytest.fixture(scope="module")
def description():
    return {"name": "shades", "mean": [0.4] * 3, "std": [0.2] * 3}


def begun(path, description, classes=4, **own):
    """The network that a run of seed 0 begins with, and the one that it would have begun with."""
    task = task_of(make_dataset(classes=classes), description, start=own)
    network, fresh = task.initial_network(), task.initial_network()
    start_of(task, path).load(network)
    return network.state_dict(), fresh.state_dict()


def test_a_run_starts_from_the_final_weights_of_another(parent, description):
    found, _ = begun(parent / "run", description, **FROM_TEST)
    final = load_file(parent / "run/final.safetensors")
    assert found.keys() == final.keys()
    assert all(torch.equal(found[name], final[name]) for name in final)


def test_epoch_0_of_the_child_is_the_end_of_the_parent_and_its_run_says_so(tmp_path, parent):
    """Folded layers included: the copies of the first linear layer differ as they did."""
    printed = train(
        tmp_path / "run", parent / "dataset", 0, "--start", parent / "run",
        start=FROM_TEST, epochs=1, snapshots={"weights": "all"},
    )  # fmt: skip
    assert "epoch 0/1" in printed
    first = load_file(tmp_path / "run/snapshots/epoch=0.safetensors")
    final = load_file(parent / "run/final.safetensors")
    for name in final:
        torch.testing.assert_close(first[name], final[name], rtol=1e-5, atol=1e-7)
    facts = json.loads((tmp_path / "run/run.json").read_text())
    assert facts["start"] == {"sha256": sha256_of(parent / "run/run.json")}
    assert facts["settings"]["start"] == FROM_TEST


def test_a_run_that_goes_on_ends_where_one_that_was_not_parted_ends(tmp_path, parent):
    """Without momentum, dropout and augmentation, in one order: running statistics go on as well."""
    plain = {
        "optimiser": {"momentum": 0.0}, "augmentation": {"shift": 0, "flip": False},
        "architecture": "resnet18", "width": 0.125, "order": "stored",
    }  # fmt: skip
    train(tmp_path / "first", parent / "dataset", epochs=1, **plain)
    train(tmp_path / "both", parent / "dataset", epochs=2, **plain)
    options = 0, "--start", tmp_path / "first"
    train(tmp_path / "second", parent / "dataset", *options, start=FROM_TEST, epochs=1, **plain)
    first, second, both = (
        (tmp_path / name / "final.safetensors").read_bytes() for name in ("first", "second", "both")
    )
    assert second == both
    assert first != both


def test_a_stopped_child_goes_on_and_another_parent_makes_another_run(tmp_path, parent):
    options = 0, "--start", parent / "run"
    train(tmp_path / "run", parent / "dataset", *options, start=FROM_TEST, epochs=1)
    before = outputs(tmp_path / "run")
    again = train(tmp_path / "run", parent / "dataset", *options, start=FROM_TEST, epochs=1)
    assert "finished before" in again
    train(tmp_path / "other", parent / "dataset", epochs=2)
    options = 0, "--start", tmp_path / "other"
    printed = train(tmp_path / "run", parent / "dataset", *options, start=FROM_TEST, epochs=1)
    assert "finished before" not in printed
    assert all(before[name] != found for name, found in outputs(tmp_path / "run").items())


def test_the_norm_of_the_initialisation_becomes_that_of_the_other_network(parent, description):
    found, fresh = begun(parent / "run", description, take="norm", **FROM_TEST)
    final = load_file(parent / "run/final.safetensors")
    total = torch.cat([tensor.double().flatten() for tensor in final.values()]).norm().item()
    assert torch.cat([tensor.double().flatten() for tensor in found.values()]).norm().item() == pytest.approx(
        total, rel=1e-6
    )
    factor = total / torch.cat([tensor.double().flatten() for tensor in fresh.values()]).norm().item()
    assert factor != pytest.approx(1, abs=1e-4)
    for name in fresh:
        torch.testing.assert_close(found[name], fresh[name] * factor, rtol=1e-5, atol=0)


def test_buffers_have_no_part_in_the_norm():
    network = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.BatchNorm1d(3))
    weights = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    weights["1.running_var"] *= 100
    before = norm(network.parameters())
    Start(weights=weights, take="norm").load(network)
    assert norm(network.parameters()) == pytest.approx(before, rel=1e-6)
    assert network[1].running_var.tolist() == [1, 1, 1]


def test_a_new_head_is_the_runs_own_and_the_rest_is_taken(parent, description):
    found, fresh = begun(parent / "run", description, classes=3, head="new", **FROM_TEST)
    final = load_file(parent / "run/final.safetensors")
    for name, tensor in found.items():
        expected = fresh if name.startswith(f"{HEAD}.") else final
        assert torch.equal(tensor, expected[name]), name
    assert found[f"{HEAD}.weight"].shape[0] == 3


def test_the_norm_with_a_new_head_is_that_of_the_other_layers(parent, description):
    found, fresh = begun(parent / "run", description, classes=3, head="new", take="norm", **FROM_TEST)
    final = load_file(parent / "run/final.safetensors")
    body = [name for name in final if not name.startswith(f"{HEAD}.")]
    assert norm(found[name] for name in body) == pytest.approx(norm(final[name] for name in body), rel=1e-6)
    assert torch.equal(found[f"{HEAD}.weight"], fresh[f"{HEAD}.weight"])


@pytest.mark.parametrize("architecture", ["lenet", "resnet18", "squeezenet1_0", "densenet121", "mlp"])
def test_the_head_is_the_layer_that_has_the_classes(architecture, description):
    size = 64 if architecture in ("squeezenet1_0", "densenet121") else 32
    wide = 1.0 if architecture in ("squeezenet1_0", "densenet121") else 0.25
    dataset = make_dataset(classes=7, train=14, test=14, size=size)
    task = task_of(dataset, description, architecture=architecture, width=wide)
    network = task.initial_network()
    head = network.get_submodule(head_of(network, task.input_shape))
    assert len(head.weight) == 7


def test_a_file_of_torch_and_one_of_safetensors_are_the_same(tmp_path, parent, description):
    final = load_file(parent / "run/final.safetensors")
    torch.save(
        {"state_dict": {f"module.{name}": tensor for name, tensor in final.items()}}, tmp_path / "a.pt"
    )
    save_file(final, tmp_path / "b.safetensors")
    for name in ("a.pt", "b.safetensors"):
        found, _ = begun(tmp_path / name, description, file=name)
        assert all(torch.equal(found[key], final[key]) for key in final)
    start = start_of(task_of(make_dataset(), description, start={"file": "a.pt"}), tmp_path / "a.pt")
    assert start.source["sha256"] == sha256_of(tmp_path / "a.pt")


@pytest.mark.parametrize(
    ("classes", "changes", "own", "message"),
    [
        (4, {"width": 0.125}, {}, "features.0.weight has shape (4, 3, 3, 3), expected (8, 3, 3, 3)"),
        (4, {"architecture": "vgg13"}, {}, "features.2.weight"),
        (4, {"width": 0.125}, {"take": "norm"}, "features.0.weight"),
        (3, {}, {}, f"{HEAD}.weight has shape (4, 256), expected (3, 256)"),
        (3, {}, {}, "for other classes, `start.head: new`"),
    ],
)
def test_another_network_is_refused_by_its_first_layer(parent, description, classes, changes, own, message):
    task = task_of(make_dataset(classes=classes), description, start={**FROM_TEST, **own}, **changes)
    with pytest.raises(InputError) as caught:
        start_of(task, parent / "run").load(task.initial_network())
    assert message in str(caught.value)
    assert str(parent / "run") in str(caught.value)


@pytest.mark.parametrize("take", ["weights", "norm"])
@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8])
def test_weights_that_are_no_floating_point_numbers_are_refused(take, dtype, tmp_path, parent, description):
    final = load_file(parent / "run/final.safetensors")
    save_file(
        {**final, "features.0.weight": final["features.0.weight"].to(dtype)}, tmp_path / "a.safetensors"
    )
    with pytest.raises(InputError, match=f"features.0.weight is {dtype}, expected floating-point numbers"):
        begun(tmp_path / "a.safetensors", description, file="a.safetensors", take=take)


def test_runs_of_another_seed_or_experiment_are_refused(parent, description):
    with pytest.raises(InputError, match="is a run of seed 0; expected seed 1"):
        start_of(task_of(make_dataset(), description, 1, start=FROM_TEST), parent / "run")
    with pytest.raises(InputError, match="is a run of experiment test; expected experiment other"):
        start_of(task_of(make_dataset(), description, start={"experiment": "other"}), parent / "run")


def test_a_parent_that_is_damaged_or_not_finished_is_refused(tmp_path, parent, description):
    task = task_of(make_dataset(), description, start=FROM_TEST)
    with pytest.raises(InputError, match="is no finished run"):
        start_of(task, tmp_path)
    shutil.copytree(parent / "run", tmp_path / "run", ignore=shutil.ignore_patterns("resume"))
    with open(tmp_path / "run/final.safetensors", "r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x07")
    with pytest.raises(InputError, match=r"is not what .* describes; train that network again"):
        start_of(task, tmp_path / "run")


def test_the_option_and_the_key_go_together(tmp_path, parent):
    for options, changes in (((), {"start": FROM_TEST}), (("--start", parent / "run"), {})):
        stderr = refusal(tmp_path / "run", parent / "dataset", 0, *options, **changes)
        assert "error: --start and the key `start` of the settings go together" in stderr


def test_a_run_without_a_start_begins_as_it_did(description):
    task = task_of(make_dataset(), description)
    assert start_of(task, None).weights is None
    assert "start" not in task.settings.stored()
    assert SETTINGS.keys() >= task.settings.stored().keys()
    assert run_of(make_dataset(), description).start.weights is None
