"""Points in the place of images: the sets, their files, and all that a run makes of them."""

import json
import sys

import numpy as np
import pytest
import torch
from conftest import RUN_SCHEMA, SCHEMA_FILE, SCRIPTS, run_of, settings_of, task_of
from conftest import run as run_forked_program
from sklearn.datasets import load_iris, make_circles, make_moons
from torch import nn

from anatomy.data import own_source
from anatomy.data.dataset import PointDataset, open_dataset, write_dataset
from anatomy.data.own_source import read_own
from anatomy.data.sources import points
from anatomy.data.sources.points import VARIANTS, make_points
from anatomy.runtime.errors import InputError
from anatomy.runtime.schema import read_schema
from anatomy.runtime.settings import Settings
from anatomy.training.facts import facts_of, origin_of
from anatomy.training.loop import train_run
from anatomy.training.run import Run
from anatomy.training.task import Task
from anatomy.training.trained import open_run

SCHEMA = read_schema(SCHEMA_FILE)["$defs"]
NET = """
from torch import nn


class Net(nn.Sequential):
    def __init__(self, input_shape, classes, hidden=8):
        super().__init__(nn.Linear(*input_shape, hidden), nn.ReLU(), nn.Linear(hidden, classes))
"""
OWN = """
import numpy as np


def plane(dtype="float64", value=None):
    points = np.arange(24, dtype=dtype).reshape(12, 2) / 3
    if value is not None:
        points[3, 1] = value
    return {"train": (points, ["left", "right"] * 6), "test": (points[:4], ["left"] * 4)}


def whole():
    return {part: (np.array([[1, 2], [3, 4]]), [0, 1]) for part in ("train", "test")}


def mixed():
    return {"train": (np.zeros((2, 2)), [0, 1]), "test": (np.zeros((2, 1, 5, 5), np.uint8), [0, 1])}


def other_axes():
    return {"train": (np.zeros((2, 2)), [0, 1]), "test": (np.zeros((2, 3)), [0, 1])}
"""
# What makes no augmentation of a point, and no image of it.
POINTS = {"architecture": "own_net:Net", "width": 1.0, "augmentation": {}, "epochs": 2, "batch_size": 4}
PUBLISHED = {"validation_fraction": 0.375, "split": {}}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A working directory with a network and a source of the user's own."""
    (tmp_path / "own_net.py").write_text(NET)
    (tmp_path / "own_points.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("own_")]:
        del sys.modules[name]


def prepare(**settings):
    options = ["--name", "mine", "--output", "out", "--settings", json.dumps(settings)]
    return run_forked_program(SCRIPTS / "prepare_dataset.py", *options, "--schema", SCHEMA_FILE)


def made(folder, variant):
    """A set of the source `points` and its description, as they are read again."""
    settings = Settings({"source": "points", "variant": variant}, SCHEMA["points"])
    points.prepare("mine", settings, folder / "out")
    return open_dataset(folder / "out")


def written(folder, dataset, **options):
    """The data set and its description, as they are read again."""
    write_dataset(dataset, folder / "points", "points", {"source": "test"}, **options)
    return open_dataset(folder / "points")


def blobs(seed, means, stds, each):
    """Independent normal numbers around means, drawn from the legacy generator blob by blob."""
    random = np.random.RandomState(seed)
    scaled = []
    for mean, std in zip(means, stds, strict=True):
        scaled.append(np.array(mean) + np.array(std) * random.standard_normal((each, 2)))
    return np.concatenate(scaled)


CORNERS = [(2, -1), (2, 1), (-2, 1), (-2, -1)]
# Points, labels, (train, test, validation) and the grid of section 4 of the description of the paper.
EXPECTED = {
    "gauss": (
        blobs(42, [(2, -1), (-2, 0), (0, 2)], [(0.5, 0.5), (0.5, 1), (0.5, 0.5)], 100),
        np.repeat([0, 1, 2], 100),
        (150, 60, 90),
        [[-4, 4], [-4, 4]],
    ),
    "circle": (
        *make_circles(200, noise=0.1, factor=0.5, random_state=28),
        (100, 40, 60),
        [[-2, 2], [-2, 2]],
    ),
    "half-moon": (*make_moons(200, noise=0.1, random_state=28), (100, 40, 60), [[-1.7, 2.3], [-1.7, 2.3]]),
    "hierarchical": (
        blobs(34, CORNERS, [(0.5, 0.55)] * 4, 75),
        np.repeat([0, 1, 2, 3], 75),
        (150, 60, 90),
        [[-4, 4], [-4, 4]],
    ),
    "hierarchical-easy": (
        blobs(34, CORNERS, [(0.5, 0.55)] * 4, 75),
        np.repeat([0, 1], 150),
        (150, 60, 90),
        [[-4, 4], [-4, 4]],
    ),
    "checkerboard-linear": (
        blobs(41, [(0.8, -3), (0.8, 1), (-0.8, -1), (-0.8, 3)], [(0.3, 0.1)] * 4, 100),
        np.repeat([0, 1], 200),
        (200, 80, 120),
        [[-2, 2], [-4, 4]],
    ),
    "checkerboard-noisy": (
        blobs(41, [(0.5, -3), (0.5, 1), (-0.5, -1), (-0.5, 3)], [(0.3, 0.1)] * 4, 100),
        np.repeat([0, 1], 200),
        (200, 80, 120),
        [[-2, 2], [-4, 4]],
    ),
    "iris": (*load_iris(return_X_y=True), (120, 30, 0), None),
}


def test_every_variant_is_described_here():
    assert EXPECTED.keys() | {"intro1d"} == VARIANTS.keys()


@pytest.mark.parametrize("variant", EXPECTED)
def test_points_and_their_split_are_the_papers(variant, folder):
    every, labels, counts, grid = EXPECTED[variant]
    order = torch.randperm(len(every), generator=torch.Generator().manual_seed(42)).numpy()
    parts = dict(zip(("train", "test", "validation"), np.split(order, np.cumsum(counts)[:2]), strict=True))
    assert tuple(len(part) for part in parts.values()) == counts
    dataset, description = made(folder, variant)
    assert description.get("grid") == grid
    assert description["source"] == {"source": "points", "variant": variant}
    assert (description["channels"], "height" in description) == (every.shape[1], False)
    assert (
        description["train"]["images_per_class"]
        == np.bincount(labels[np.concatenate([parts["train"], parts["validation"]])]).tolist()
    )
    split = PUBLISHED if counts[2] else {"validation_fraction": 0}
    task = task_of(dataset, description, **POINTS, **split, pixels="raw")
    for part in ("train", "test", "validation") if counts[2] else ("train", "test"):
        inputs, found = getattr(task, part)
        expected = every[parts[part]].astype(np.float32)
        assert np.allclose(torch.cat(list(inputs.plain(7))), expected, rtol=1e-6, atol=1e-7)
        assert found.tolist() == labels[parts[part]].tolist()
    assert (task.classes, task.input_shape) == (labels.max() + 1, every.shape[1:])


def test_the_line_has_its_six_points_in_every_part(folder):
    dataset, description = made(folder, "intro1d")
    task = task_of(dataset, description, **POINTS, validation_fraction=0, pixels="raw")
    for part in ("train", "validation", "test"):
        inputs, labels = getattr(task, part)
        expected = torch.tensor([[0.5], [1.0], [1.1], [1.3], [1.4], [1.45]])
        assert torch.equal(torch.cat(list(inputs.plain(4))), expected)
        assert labels.tolist() == [0, 1, 1, 1, 0, 0]
    assert description["grid"] == [[0.35, 1.5]]


def test_files_of_points_say_what_they_hold(folder):
    dataset, description = written(folder, make_points("gauss"))
    assert isinstance(dataset, PointDataset)
    assert dataset.train_points.dtype == np.float32
    assert np.allclose(description["mean"], dataset.train_points.astype(float).mean(0))
    assert np.allclose(description["std"], dataset.train_points.astype(float).std(0))
    other, given = written(folder, make_points("gauss"), statistics=([1.0, 2.0], [3.0, 4.0]))
    assert np.array_equal(other.train_points, dataset.train_points)
    assert (given["mean"], given["std"]) == ([1, 2], [3, 4])
    # Runs know their data by this checksum.
    assert given["sha256"] != description["sha256"]
    with pytest.raises(
        InputError, match="data set points: mean has 3 numbers; expected 2, one for each chan"
    ):
        written(folder, make_points("gauss"), statistics=([1.0] * 3, [1.0] * 3))


def test_points_are_standardised_by_coordinate_or_left(folder):
    dataset, description = written(folder, make_points("checkerboard-noisy"))
    points = torch.from_numpy(dataset.train_points)
    task = task_of(dataset, description, **POINTS)
    standardised = task.normalise(points)
    assert torch.allclose(standardised, (points - points.mean(0)) / points.std(0, correction=0), atol=1e-5)
    raw = task_of(dataset, description, **POINTS, pixels="raw").normalise(points)
    assert torch.equal(raw, points)
    # What a network does to its inputs stays there.
    assert not torch.equal(raw.neg_(), points)
    flat = {**description, "std": [1.0, 0.0]}
    with pytest.raises(InputError, match=r"coordinate 1 of 2, .* all training points, .* `pixels: raw`"):
        task_of(dataset, flat, **POINTS)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"upscaling": "plain"}, "upscaling: the data set has points and no images; remove the key"),
        ({"pixel_shuffle": True}, "pixel_shuffle: the data set has points"),
        ({"augmentation": {"shift": 2}}, r"augmentation\.shift: the data set has points"),
        ({"augmentation": {"rotate": 2}}, r"augmentation\.rotate: the data set has points"),
        ({"augmentation": {"random_resized_crop": True}}, r"augmentation\.random_resized_crop: the data set"),
        ({"pixels": "unit"}, "pixels: unit is for images; points are standardised or raw"),
        ({"pixels": "symmetric"}, "pixels: symmetric is for images"),
    ],
)
def test_what_is_for_images_alone_is_refused(folder, changes, message):
    dataset, description = written(folder, make_points("circle"))
    with pytest.raises(InputError, match=message):
        task_of(dataset, description, **{**POINTS, **changes})
    for still in ({}, {"shift": 0, "flip": False}):
        assert not task_of(dataset, description, **{**POINTS, "augmentation": still}).is_augmented


def test_labels_have_noise_and_classes_are_chosen_as_of_images(folder):
    dataset, description = written(folder, make_points("hierarchical"))
    noise = {"label_noise": {"kind": "permuted", "groups": [[0, 1], [2, 3]], "seed": 34}}
    clean, noisy = (task_of(dataset, description, **POINTS, **changes) for changes in ({}, noise))
    assert not torch.equal(clean.train_labels, noisy.train_labels)
    assert torch.equal(clean.train_labels // 2, noisy.train_labels // 2)
    some = task_of(dataset, description, **POINTS, class_subset={"count": 2})
    kept = dataset.test_labels < 2
    assert torch.equal(some.test[0].points, torch.from_numpy(dataset.test_points[kept]))


def by_hand(run, epochs):
    """The network of a run trained with plain torch on all points, by its order of images."""
    task, settings = run.task, run.settings
    network = task.initial_network()
    points, labels = torch.from_numpy(task.dataset.train_points), task.train_labels
    optimiser = torch.optim.SGD(network.parameters(), 0.01, 0.9, weight_decay=0.0005)
    for epoch in range(1, epochs + 1):
        for index in run.start_epoch(epoch).split(settings.batch_size):
            optimiser.zero_grad()
            nn.functional.cross_entropy(network(points[index]), labels[index]).backward()
            optimiser.step()
    return network


def test_a_run_on_points_is_plain_training_and_leaves_its_files(folder):
    dataset, description = written(folder, make_points("intro1d"))
    settings = settings_of(**POINTS, pixels="raw", validation_fraction=0)
    run = Run(Task(settings, dataset, description, 1, torch.device("cpu")))
    facts = facts_of(origin_of("own_net:Net", "points", "mine", 1), settings, description, "code", "cpu", 1)
    assert train_run(run, folder / "run", {}, facts)
    other = by_hand(run_of(dataset, description, 1, **POINTS, pixels="raw", validation_fraction=0), 2)
    final = json.loads((folder / "run" / "final.json").read_text())
    points, labels = torch.from_numpy(dataset.train_points), torch.from_numpy(dataset.train_labels)
    with torch.inference_mode():
        logits = other(points)
    loss = nn.functional.cross_entropy(logits, labels).item()
    for part in ("train", "validation", "test"):
        assert final[part]["loss"] == pytest.approx(loss, rel=1e-5)
        assert final[part]["accuracy"] == pytest.approx((logits.argmax(1) == labels).float().mean().item())
        assert final[part]["images"] == 6
    assert run.history[-1].validation_loss == final["test"]["loss"]
    assert len((folder / "run" / "history.csv").read_text().splitlines()) == 4
    trained = open_run(folder / "run", folder / "points", RUN_SCHEMA)
    assert torch.allclose(trained.network()(points), logits, atol=1e-6)
    assert trained.task.input_shape == (1,)


def test_the_program_makes_points(folder):
    result = prepare(source="points", variant="gauss", label="Blobs")
    assert (result.returncode, result.stderr) == (0, "")
    assert np.array_equal(open_dataset(folder / "out")[0].train_points, made(folder, "gauss")[0].train_points)


def test_a_users_own_source_may_return_points(folder):
    result = prepare(source="own_points:plane", mean=[1, 2], std=[3, 4], per_class={"train": 5})
    assert (result.returncode, result.stderr) == (0, "")
    dataset, description = open_dataset(folder / "out")
    expected = np.arange(24, dtype=np.float32).reshape(12, 2)[:10] / np.float32(3)
    assert np.array_equal(dataset.train_points, expected)
    assert dataset.train_labels.tolist() == [0, 1] * 5
    assert description["classes"] == ["left", "right"]
    assert (description["mean"], description["std"]) == ([1, 2], [3, 4])
    assert read_own("own_points:whole", {}).train_points.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (
            {"source": "own_points:plane", "options": {"value": float("nan")}},
            "data set mine: train point 3 is [2.0, nan]; expected finite numbers",
        ),
        (
            {"source": "own_points:mixed"},
            "data set mine: train images are float64 of shape (2, 2); expected uint8 of shape (images",
        ),
        (
            {"source": "own_points:other_axes"},
            "data set mine: train points are (2,) but test points are (3,) (coordinates); one shape",
        ),
        ({"source": "points", "variant": "moon"}, "variant: 'moon' is not allowed; allowed: intro1d, gauss"),
        ({"source": "points"}, "key variant is missing"),
    ],
)
def test_what_are_no_points_is_refused(entry, message, folder):
    with pytest.raises(InputError) as caught:
        source = "points" if entry["source"] == "points" else "own_source"
        settings = Settings(entry, SCHEMA[source]).require()
        own_source.prepare("mine", settings, folder / "out")
    assert message in str(caught.value)
    assert not (folder / "out").exists()
