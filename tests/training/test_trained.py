"""The door to finished runs: networks, settings and data, and final.json against plain computations."""

import json

import pytest
import torch
from conftest import RUN_SCHEMA, make_dataset, settings_of
from safetensors.torch import load_file
from torch.nn import functional
from torch.nn.functional import cross_entropy
from training_program import train

from anatomy.data.dataset import open_dataset, write_dataset
from anatomy.data.splits import split_indices
from anatomy.networks.build import build_network
from anatomy.runtime.errors import InputError
from anatomy.runtime.streams import stream
from anatomy.training.evaluation import evaluate
from anatomy.training.trained import open_run

NOISE = {"label_noise": {"fraction": 0.5, "kind": "wrong"}, "pixel_shuffle": True, "pixels": "unit"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A data set, and two runs on it: with all weights of some epochs, and with convolutions and noise."""
    folder = tmp_path_factory.mktemp("trained")
    write_dataset(make_dataset(), folder / "data", "shades", {"source": "test"})
    train(folder / "whole", folder / "data", 2, snapshots={"epochs": [1], "weights": "all"})
    train(folder / "noisy", folder / "data", 2, **NOISE)
    return folder


def opened(folder, name):
    return open_run(folder / name, folder / "data", RUN_SCHEMA)


def test_a_run_has_its_settings_seed_and_data(folder):
    run = opened(folder, "noisy")
    assert run.settings == settings_of(**NOISE)
    assert (run.seed, run.facts["experiment"]) == (2, "test")
    assert list(run.snapshots) == [0, 1, 2, 3]
    assert all(path.is_file() for path in run.snapshots.values())
    assert list(opened(folder, "whole").snapshots) == [0, 1, 3]


def test_networks_of_epochs_with_all_weights(folder):
    run = opened(folder, "whole")
    initial = build_network("vgg11", 4, 3, 0.0625, stream(2, "initialisation"), "kaiming")
    files = {0: "snapshots/epoch=0", 1: "snapshots/epoch=1", 3: "final", None: "final"}
    for epoch, name in files.items():
        network = run.network(epoch)
        assert not network.training
        weights = load_file(folder / f"whole/{name}.safetensors")
        assert network.state_dict().keys() == weights.keys()
        assert all(torch.equal(network.state_dict()[key], tensor) for key, tensor in weights.items())
    assert all(map(torch.equal, run.initial_network().parameters(), initial.parameters()))
    # The first linear layer was folded, and unfolded when it was kept.
    assert all(map(torch.allclose, run.network(0).parameters(), initial.parameters()))


def test_epochs_of_which_weights_are_missing_are_refused_with_the_key(folder):
    with pytest.raises(InputError, match="has no snapshot of epoch 2; add it to `snapshots`"):
        opened(folder, "whole").network(2)
    run = opened(folder, "noisy")
    with pytest.raises(InputError, match="holds convolutions only; set `weights: all` in `snapshots`"):
        run.network(1)
    assert torch.equal(run.network(3).features[0].weight, run.network().features[0].weight)


def test_other_data_and_unfinished_runs_are_refused(folder, tmp_path):
    write_dataset(make_dataset(seed=1), tmp_path / "other", "other", {"source": "test"})
    with pytest.raises(InputError, match=r"data set other is not the one that .* expected shades"):
        open_run(folder / "whole", tmp_path / "other", RUN_SCHEMA)
    with pytest.raises(InputError, match=r"is no finished run: it has no run.json"):
        open_run(tmp_path, folder / "data", RUN_SCHEMA)


@pytest.mark.parametrize("name", ["whole", "noisy"])
def test_final_values_are_those_of_the_final_network(folder, name):
    """Plain forward passes on the training images as they were seen, but not augmented."""
    dataset, description = open_dataset(folder / "data")
    images, labels = torch.from_numpy(dataset.train_images), torch.from_numpy(dataset.train_labels)
    train_index, validation_index = split_indices(len(labels), 0.1, 0)
    seen, known = images[train_index], labels[train_index]
    mean, std = (torch.tensor(description[key])[:, None, None] for key in ("mean", "std"))
    if name == "noisy":
        mean, std = 0.0, 1.0
        draws = stream(2, "label noise")
        replaced = torch.rand(len(known), generator=draws) < 0.5
        wrong = (known + torch.randint(1, 4, known.shape, generator=draws)) % 4
        known = torch.where(replaced, wrong, known)
        order = torch.rand(len(known), 32 * 32, generator=stream(2, "pixel shuffle")).argsort(1)
        seen = seen.flatten(2).gather(2, order[:, None].expand(-1, 3, -1)).view_as(seen)
    parts = {
        "train": (seen, known),
        "validation": (images[validation_index], labels[validation_index]),
        "test": (torch.from_numpy(dataset.test_images), torch.from_numpy(dataset.test_labels)),
    }
    network = build_network("vgg11", 4, 3, 0.0625, stream(0, "x"), "kaiming")
    network.load_state_dict(load_file(folder / name / "final.safetensors"))
    found = json.loads((folder / name / "final.json").read_text())
    assert list(found) == list(parts)
    run = opened(folder, name)
    for part, (pixels, target) in parts.items():
        with torch.no_grad():
            logits = network.eval()((pixels / 255 - mean) / std)
        loss = functional.cross_entropy(logits, target).item()
        accuracy = (logits.argmax(1) == target).double().mean().item()
        assert found[part] == {
            "loss": pytest.approx(loss, rel=1e-4),
            "accuracy": pytest.approx(accuracy),
            "images": len(target),
        }
        # The same by the door.
        values = evaluate(
            run.network(), *getattr(run.task, part), run.task.normalise, "float32", cross_entropy
        )
        assert values == (pytest.approx(loss, rel=1e-4), pytest.approx(accuracy))


def test_final_values_are_among_the_files_that_run_json_vouches_for(folder):
    facts = opened(folder, "whole").facts
    names = ["snapshots/epoch=0", "snapshots/epoch=1", "snapshots/epoch=3", "final"]
    assert set(facts["sha256"]) == {"final.json", *(f"{name}.safetensors" for name in names)}
    assert facts["settings"] == settings_of(snapshots={"epochs": [1], "weights": "all"}).stored()
