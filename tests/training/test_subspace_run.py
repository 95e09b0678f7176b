"""Runs that train a subspace: against plain torch, stopped and continued, and what they leave."""

import gc
import json

import pytest
import torch
from conftest import RUN_SCHEMA, make_dataset, settings_of, task_of
from safetensors.torch import load_file
from torch import nn
from torch.func import functional_call
from torch.nn.functional import cross_entropy
from training_program import outputs, refusal, train, train_apart

from anatomy.checkpoints.snapshots import load_snapshot
from anatomy.data.dataset import write_dataset
from anatomy.networks.subspace import draw_pairs, draw_points
from anatomy.runtime.errors import InputError
from anatomy.runtime.settings import run_problems
from anatomy.runtime.streams import stream
from anatomy.training.evaluation import evaluate
from anatomy.training.loop import train_run
from anatomy.training.modules import modules_of
from anatomy.training.run import Run, begin_run
from anatomy.training.start import Start
from anatomy.training.trained import open_run

DESCRIPTION = {"name": "shades", "mean": [0.4] * 3, "std": [0.2] * 3}
# Without dropout, with batch normalisation; at higher rates rounding grows until it shows.
PLAIN = {
    "architecture": "cifar_resnet_8", "width": 0.5, "augmentation": {"shift": 0, "flip": False}, "epochs": 2,
    "optimiser": {"learning_rate": 0.0005, "weight_decay": 1e-3},
}  # fmt: skip
KINDS = [{"kind": "line"}, {"kind": "bezier"}, {"kind": "simplex", "corners": 3}]


def run_of(subspace, seed=0, **changes):
    return begin_run(task_of(make_dataset(), DESCRIPTION, seed, **{**PLAIN, "subspace": subspace, **changes}))


def trained(folder, subspace, stop_after=None, run=None, **changes):
    """Train in this process; `stop_after` ends it early, as if it were killed after that epoch was saved."""
    run = run or run_of(subspace, **changes)
    facts = {"settings": run.settings.stored(), "seed": run.seed}
    train_run(
        run, folder, {}, facts, save_every=0, keep_state=stop_after is not None,
        after_epoch=lambda run: run.epoch != stop_after,
    )  # fmt: skip
    return run


def files(folder):
    names = [*sorted((folder / "snapshots").iterdir()), folder / "final.safetensors", folder / "final.json"]
    return {path.name: path.read_bytes() for path in names}


def of_corner(weights, index):
    prefix = f"corner={index}."
    return {name.removeprefix(prefix): w for name, w in weights.items() if name.startswith(prefix)}


def plain_training(run, beta):
    """Two epochs of the same, step by step as the paper says, with autograd and torch's optimiser."""
    task, own = run.task, run.settings.subspace
    count = {"line": 2, "bezier": 3}.get(own.kind, own.corners)
    networks = [run.initial_corner(index) for index in range(count)]
    corners = [dict(network.named_parameters()) for network in networks]
    network = task.initial_network().train()
    names = list(corners[0])
    owners = list(dict.fromkeys(name.rpartition(".")[0] for name in names))
    convolutions = [f"{n}.weight" for n, m in network.named_modules() if isinstance(m, nn.Conv2d)]
    optimiser = torch.optim.SGD(
        [p for corner in corners for p in corner.values()], 0.0005, 0.9, weight_decay=1e-3
    )
    images, labels = task.images, task.train_labels
    pixels = torch.cat(list(images.plain(1000)))
    rows = len(owners) if own.layerwise else 1
    for epoch in (1, 2):
        batches = torch.randperm(len(labels), generator=stream(0, "order", epoch)).split(20)
        steps, samples = len(batches), own.num_samples
        points = draw_points(own.kind, count, steps * samples, rows, stream(0, "points", epoch))
        pairs = draw_pairs(count, steps, stream(0, "pairs", epoch))
        for step, index in enumerate(batches):
            total = 0
            # The last batch has 6 images, one part of a batch of 20 with 4 points has 5.
            parts = index.tensor_split(samples if len(index) == 20 or samples == 1 else 1)
            for point, part in zip(points[step * samples :], parts, strict=False):
                weights = {}
                for name in names:
                    row = point[owners.index(name.rpartition(".")[0]) if own.layerwise else 0].float()
                    weights[name] = sum(c * corner[name] for c, corner in zip(row, corners, strict=True))
                logits = functional_call(network, weights, (task.normalise(pixels[part]),))
                total = total + cross_entropy(logits, labels[part]) * len(part) / len(index)
            i, j = pairs[step].nonzero()[0].tolist()
            one, other = (torch.cat([corners[k][n].flatten() for n in convolutions]) for k in (i, j))
            cosine = one @ other / (one.norm() * other.norm())
            optimiser.zero_grad()
            (total + beta * cosine**2).backward()
            optimiser.step()
    return corners, network


@pytest.mark.parametrize(
    "subspace",
    [*KINDS, {"kind": "line", "layerwise": True}, {"kind": "line", "num_samples": 4, "beta": 0.5}],
)
def test_a_run_is_training_as_the_paper_says(subspace):
    run = run_of(subspace)
    expected, network = plain_training(run, run.settings.subspace.beta)
    for _ in range(3):
        run.advance()
    for corner, plain in zip(run.subspace.corners, expected, strict=True):
        for name, parameter in corner.named_parameters():
            torch.testing.assert_close(parameter, plain[name], rtol=0, atol=2e-5)
    first = run.initial_corner(0).conv1.weight
    assert (run.subspace.corners[0].conv1.weight - first).abs().max() > 1e-3
    found = {name: tensor for name, tensor in run.state().items() if name.endswith("running_var")}
    for name, tensor in network.state_dict().items():
        if name.endswith("running_var"):
            torch.testing.assert_close(found[f"network.{name}"], tensor, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("subspace", KINDS)
def test_the_network_of_a_run_is_the_recalibrated_mid_point(tmp_path, subspace):
    run = trained(tmp_path, subspace, snapshots={"epochs": [0, 1], "weights": "all"})
    scales = {"line": [0.5, 0.5], "bezier": [0.25, 0.25, 0.5]}.get(subspace["kind"], [1 / 3] * 3)
    for name in ("final", "snapshots/epoch=0", "snapshots/epoch=1"):
        weights = load_file(tmp_path / f"{name}.safetensors")
        corners = [of_corner(weights, index) for index in range(len(scales))]
        assert corners[0].keys() == dict(run.network.named_parameters()).keys()
        for key in corners[0]:
            expected = sum(c * corner[key].double() for c, corner in zip(scales, corners, strict=True))
            torch.testing.assert_close(weights[key].double(), expected, rtol=1e-5, atol=1e-7)
        # Statistics by torch's own cumulative average; the last batch is shorter, so by hand over batches.
        plain = run.task.initial_network()
        plain.load_state_dict({key: w for key, w in weights.items() if not key.startswith("corner=")})
        first = next(m for m in plain.modules() if isinstance(m, nn.Conv2d))
        pixels = torch.cat(list(run.task.train[0].plain(1000)))
        maps = [first(run.task.normalise(batch)) for batch in pixels.split(20)]
        count = sum(map(len, maps))
        mean = sum(len(each) * each.mean((0, 2, 3)) for each in maps) / count
        torch.testing.assert_close(weights["bn1.running_mean"], mean, rtol=1e-4, atol=1e-5)
        var = sum(len(each) * each.var((0, 2, 3)) for each in maps) / count
        torch.testing.assert_close(weights["bn1.running_var"], var, rtol=1e-4, atol=1e-5)


def test_a_run_that_was_stopped_ends_in_the_same_bytes(tmp_path):
    subspace = {"kind": "bezier", "layerwise": True, "num_samples": 2}
    trained(tmp_path / "whole", subspace)
    for epoch in (0, 1):
        trained(tmp_path / str(epoch), subspace, stop_after=epoch)
        trained(tmp_path / str(epoch), subspace)
        assert files(tmp_path / str(epoch)) == files(tmp_path / "whole")


def test_what_is_evaluated_and_kept_changes_no_weight(tmp_path):
    trained(tmp_path / "every", {"kind": "line"})
    trained(tmp_path / "few", {"kind": "line"}, evaluate_every=2, snapshots={"epochs": []})
    every, few = (load_file(tmp_path / name / "final.safetensors") for name in ("every", "few"))
    assert all(torch.equal(every[name], tensor) for name, tensor in few.items())
    assert (tmp_path / "every/final.json").read_bytes() == (tmp_path / "few/final.json").read_bytes()


def kept_bytes():
    """Bytes of all tensors that there are, each memory once."""
    gc.collect()
    tensors = [each for each in gc.get_objects() if type(each) in (torch.Tensor, nn.Parameter)]
    return sum({t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in tensors}.values())


def test_beyond_the_corners_and_their_momentum_there_is_one_network():
    """Between steps, without gradients; compared with a run that trains one network with momentum."""
    changes = {"optimiser": {"learning_rate": 0.0005, "momentum": 0.9}, "width": 1.0}
    kept = []
    for own in (None, {"kind": "simplex", "corners": 3}):
        before = kept_bytes()
        run = run_of(own, **changes)
        run.train_epoch(1)
        run.optimiser.zero_grad(set_to_none=True)
        kept.append(kept_bytes() - before)
        size = sum(p.numel() for p in run.network.parameters()) * 4
        del run
    # A network and its momentum there; here three of each, and one more network for the point.
    assert (kept[1] - kept[0]) / size == pytest.approx(2 * 3 + 1 - 2, abs=0.05)


def test_the_first_corner_begins_as_the_run_without_a_subspace_and_seeds_differ():
    line = run_of({"kind": "line"})
    plain, other = run_of(None), run_of({"kind": "line"}, seed=1)
    first, second = (dict(corner.named_parameters()) for corner in line.subspace.corners)
    for name, parameter in plain.network.named_parameters():
        assert torch.equal(first[name], parameter)
    assert not torch.equal(first["conv1.weight"], second["conv1.weight"])
    assert not torch.equal(other.subspace.corners[1].conv1.weight, second["conv1.weight"])


def test_a_folded_network_is_kept_whole(tmp_path):
    """A VGG, whose first linear layer is folded: all corners and the mid-point open as plain networks."""
    changes = {"architecture": "vgg11", "width": 0.0625}
    run = trained(tmp_path, {"kind": "simplex", "corners": 3}, **changes)
    assert run.folded
    weights = load_file(tmp_path / "final.safetensors")
    images = run.task.normalise(torch.cat(list(run.task.test[0].plain(1000))))
    for index in range(3):
        network = run.task.initial_network().eval()
        network.load_state_dict(of_corner(weights, index))
        run.subspace.move(torch.eye(3, dtype=torch.float64)[index])
        torch.testing.assert_close(network(images), run.network.eval()(images), rtol=1e-4, atol=1e-5)
    network = run.task.initial_network().eval()
    network.load_state_dict({name: w for name, w in weights.items() if not name.startswith("corner=")})
    run.subspace.move(torch.full((3,), 1 / 3, dtype=torch.float64))
    torch.testing.assert_close(network(images), run.network(images), rtol=1e-4, atol=1e-5)


def test_snapshots_of_convolutions_have_those_of_the_mid_point_and_of_all_corners(tmp_path):
    run = trained(tmp_path, {"kind": "line"})
    kept = load_file(tmp_path / "snapshots/epoch=2.safetensors")
    final = load_file(tmp_path / "final.safetensors")
    names = [f"{n}.weight" for n, m in run.network.named_modules() if isinstance(m, nn.Conv2d)]
    assert kept.keys() == {*names, *(f"corner={i}.{name}" for i in range(2) for name in names)}
    assert all(torch.equal(kept[name], final[name]) for name in kept)
    # Studies read the mid-point.
    assert load_snapshot(tmp_path / "snapshots/epoch=2.safetensors").arrays.keys() == {*names}
    first = load_file(tmp_path / "snapshots/epoch=0.safetensors")
    assert torch.equal(first["corner=1.conv1.weight"], run.initial_corner(1).conv1.weight)


def test_a_corner_can_start_from_what_was_learned():
    task = task_of(make_dataset(), DESCRIPTION, 0, **{**PLAIN, "subspace": {"kind": "line"}})
    learned = task.new_network(stream(7, "other")).state_dict()
    run = begin_run(task, Start(weights=learned))
    for corner in run.subspace.corners:
        assert all(torch.equal(learned[name], parameter) for name, parameter in corner.named_parameters())


# The program


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    write_dataset(make_dataset(), folder / "dataset", "shades", {"source": "test"})
    train(folder / "run", folder / "dataset", **{**PLAIN, "subspace": {"kind": "line"}})
    return folder


def test_the_door_opens_the_mid_point_and_the_corners(finished):
    trained = open_run(finished / "run", finished / "dataset", RUN_SCHEMA)
    weights = load_file(finished / "run/final.safetensors")
    network, corners, task = trained.network(), trained.corners(), trained.task
    assert all(torch.equal(weights[name], tensor) for name, tensor in network.state_dict().items())
    for index, corner in enumerate(corners):
        for name, parameter in corner.named_parameters():
            assert torch.equal(weights[f"corner={index}.{name}"], parameter)
    final = json.loads((finished / "run/final.json").read_text())
    for part in ("train", "test"):
        images, labels = getattr(task, part)
        loss, accuracy = evaluate(network, images, labels, task.normalise, "float32", cross_entropy)
        assert (loss, accuracy) == pytest.approx((final[part]["loss"], final[part]["accuracy"]), rel=1e-4)


def test_how_a_subspace_began_is_known_if_it_was_kept(tmp_path, finished):
    trained = open_run(finished / "run", finished / "dataset", RUN_SCHEMA)
    with pytest.raises(InputError, match="set `weights: all` in `snapshots`"):
        trained.initial_network()
    changes = {**PLAIN, "epochs": 1, "subspace": {"kind": "line"}, "snapshots": {"weights": "all"}}
    train(tmp_path / "run", finished / "dataset", **changes)
    trained = open_run(tmp_path / "run", finished / "dataset", RUN_SCHEMA)
    middle = trained.initial_network().conv1.weight
    ends = [corner.conv1.weight for corner in trained.corners(0)]
    torch.testing.assert_close(middle, (ends[0] + ends[1]) / 2)


def test_a_network_has_no_corners(tmp_path, finished):
    train(tmp_path / "run", finished / "dataset", epochs=1)
    assert open_run(tmp_path / "run", finished / "dataset", RUN_SCHEMA).corners() == []


def test_a_run_can_start_from_the_mid_point_of_a_subspace(tmp_path, finished):
    changes = {**PLAIN, "epochs": 1, "start": {"experiment": "test"}, "snapshots": {"weights": "all"}}
    train(tmp_path / "run", finished / "dataset", 0, "--start", finished / "run", **changes)
    first = load_file(tmp_path / "run/snapshots/epoch=0.safetensors")
    weights = load_file(finished / "run/final.safetensors")
    assert all(torch.equal(weights[name], tensor) for name, tensor in first.items())


def test_the_same_seed_gives_the_same_bytes(tmp_path, finished):
    train_apart(tmp_path / "run", finished / "dataset", **{**PLAIN, "subspace": {"kind": "line"}})
    assert outputs(tmp_path / "run") == outputs(finished / "run")


def test_a_network_of_linear_layers_has_a_subspace_without_beta():
    """Its faster steps are for networks, not for subspaces."""
    changes = {"architecture": "fnn", "width": 1.0, "options": {"hidden": [8]}}
    run = run_of({"kind": "line", "beta": 0.0}, **changes)
    before = [parameter.clone() for parameter in run.subspace.corners.parameters()]
    run.advance()
    run.advance()
    changed = zip(before, run.subspace.corners.parameters(), strict=True)
    assert all(not torch.equal(old, new) for old, new in changed)


def test_beta_without_convolutions_is_refused(tmp_path, finished):
    changes = {"architecture": "mlp", "subspace": {"kind": "line"}, "epochs": 1}
    stderr = refusal(tmp_path / "run", finished / "dataset", **changes)
    assert "error: subspace.beta: this network has no convolutions; set beta to 0" in stderr
    with pytest.raises(InputError, match="no convolutions"):
        begin_run(task_of(make_dataset(), DESCRIPTION, **changes))


@pytest.mark.parametrize(
    ("subspace", "changes", "problem"),
    [
        ({"kind": "simplex"}, {}, "x.subspace.corners is missing; a simplex needs it"),
        ({"kind": "line", "corners": 2}, {}, "x.subspace.corners: a line does not take it; remove the key"),
        (
            {"kind": "line", "num_samples": 3},
            {},
            "x.subspace.num_samples: 3 does not divide the batch of 20 (batch_size)",
        ),
        ({"kind": "line"}, {"batch_norm": {"frozen_after": 1}}, "x.batch_norm: running statistics of a"),
        ({}, {}, "x.subspace.kind is missing"),
    ],
)
def test_what_does_not_go_together_is_refused(subspace, changes, problem):
    (found,) = run_problems(settings_of(subspace=subspace, **changes), "x.")
    assert found.startswith(problem)


def test_without_the_key_nothing_is_there():
    settings = settings_of()
    assert "subspace" not in settings.stored()
    assert "anatomy.training.subspace_run" not in modules_of(settings)
    assert "anatomy.training.subspace_run" in modules_of(settings_of(subspace={"kind": "line"}))
    assert type(run_of(None)) is Run
