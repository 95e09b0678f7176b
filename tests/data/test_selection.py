"""Keys that every source of data has: some classes, so many of each, and given statistics."""

import json

import numpy as np
import pytest
import torch
from conftest import SCHEMA_FILE, SCRIPTS, make_dataset, run, task_of
from PIL import Image

from anatomy.data.dataset import channel_statistics, open_dataset, write_dataset
from anatomy.data.sources import embedded, folder, images, points, torchvision
from anatomy.data.subset import class_indices, selected
from anatomy.runtime.errors import InputError
from anatomy.runtime.schema import read_schema
from anatomy.runtime.settings import Settings

SCHEMA = read_schema(SCHEMA_FILE)["$defs"]


def choice(**keys):
    """Settings of a data set, of which only the keys of every source matter."""
    return Settings({"source": "torchvision", "official": "MNIST", **keys}, SCHEMA["torchvision"])


def test_classes_are_kept_in_the_order_that_is_asked_for():
    whole = make_dataset(train=21, test=9)
    for classes in ([3, 1], ["class 3", 1], ["class 3", "class 1"]):
        part = selected(whole, "shades", choice(classes=classes))
        assert list(part.classes) == ["class 3", "class 1"]
        for name in ("train", "test"):
            labels = getattr(whole, f"{name}_labels")
            kept = [index for index, label in enumerate(labels) if label in (3, 1)]
            assert getattr(part, f"{name}_labels").tolist() == [0 if labels[i] == 3 else 1 for i in kept]
            assert np.array_equal(getattr(part, f"{name}_images"), getattr(whole, f"{name}_images")[kept])
    assert selected(whole, "shades", choice()) is whole


def test_the_first_of_each_class_are_kept_in_their_order():
    whole = make_dataset(train=40, test=20)
    shuffled = np.random.default_rng(0).permutation(40)
    whole.train_images[:], whole.train_labels[:] = whole.train_images[shuffled], whole.train_labels[shuffled]
    part = selected(whole, "shades", choice(per_class={"train": 3, "test": 2}, classes=[2, 0]))
    for name, count in (("train", 3), ("test", 2)):
        labels, seen, kept = getattr(whole, f"{name}_labels"), {2: 0, 0: 0}, []
        for index, label in enumerate(labels.tolist()):
            if label in seen and seen[label] < count:
                seen[label] += 1
                kept.append(index)
        assert np.array_equal(getattr(part, f"{name}_images"), getattr(whole, f"{name}_images")[kept])
        assert getattr(part, f"{name}_labels").tolist() == [[2, 0].index(labels[index]) for index in kept]
    only = selected(whole, "shades", choice(per_class={"test": 1}))
    assert (len(only.train_labels), len(only.test_labels)) == (40, 4)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (
            {"classes": [0, 4]},
            "data set shades: classes: 4 is not a class; allowed: 0 to 3, or class 0, class 1",
        ),
        ({"classes": [-1]}, "classes: -1 is not"),
        ({"classes": ["seven"]}, "data set shades: classes: 'seven' is not a class"),
        ({"classes": [1, "class 1"]}, "data set shades: classes: class class 1 is listed twice"),
        (
            {"classes": [3]},
            "data set shades: classes: a subset of 1 classes leaves no image in the test",
        ),
        (
            {"per_class": {"train": 3}},
            "data set shades: per_class.train: 3 of each class are asked for, but class class 0 has 2",
        ),
    ],
)
def test_what_there_is_not_is_refused(keys, message):
    with pytest.raises(InputError, match=message):
        selected(make_dataset(train=8, test=2), "shades", choice(**keys))


def test_indices_and_names_are_one():
    assert class_indices(["b", 0], ["a", "b"], "x").tolist() == [1, 0]


def pictures(root, parts=("train", "test")):
    """Five images of 8 px of each of three classes, in each part."""
    generator = np.random.default_rng(0)
    for part in parts:
        for name in ("cat", "dog", "eel"):
            (root / part / name).mkdir(parents=True)
            for index in range(5):
                pixels = generator.integers(0, 256, (8, 8, 3), np.uint8)
                Image.fromarray(pixels).save(root / part / name / f"{index}.png")


def of_embedded(keys, path):
    entry = {"source": "embedded", "variant": "digits-grey", "train": 60, "test": 40, **keys}
    embedded.prepare("mine", Settings(entry, SCHEMA["embedded"]), path)


def of_folder(keys, path):
    entry = {"source": "folder", "path": "pictures", "channels": 1, **keys}
    folder.prepare("mine", Settings(entry, SCHEMA["folder"]), path)


def of_points(keys, path):
    points.prepare("mine", Settings({"source": "points", "variant": "gauss", **keys}, SCHEMA["points"]), path)


def of_torchvision(keys, path):
    settings = Settings({"source": "torchvision", "official": "MNIST", **keys}, SCHEMA["torchvision"])
    torchvision.prepare("mine", settings, path)


@pytest.fixture
def data(tmp_path, monkeypatch):
    """Images for the source `folder`, and a stand-in for what torchvision downloads."""
    pictures(tmp_path / "data" / "pictures")
    pictures(tmp_path / "data" / "large", ("train", "val"))
    monkeypatch.chdir(tmp_path)
    downloaded = make_dataset(train=60, test=40, channels=1)
    monkeypatch.setattr(torchvision, "read_official", lambda official, root: downloaded)
    return tmp_path


@pytest.mark.parametrize("prepare", [of_embedded, of_folder, of_points, of_torchvision])
def test_every_source_has_these_keys(prepare, data):
    prepare({}, data / "plain")
    channels = len(open_dataset(data / "plain")[1]["mean"])
    given = {"mean": [0.25] * channels, "std": [0.5] * channels}
    prepare({"classes": [2, 0], "per_class": {"train": 4, "test": 2}, **given}, data / "part")
    (whole, plain), (part, description) = open_dataset(data / "plain"), open_dataset(data / "part")
    assert (description["mean"], description["std"]) == (given["mean"], given["std"])
    assert description["classes"] == [plain["classes"][2], plain["classes"][0]]
    assert description["train"] == {"images": 8, "images_per_class": [4, 4]}
    assert description["test"] == {"images": 4, "images_per_class": [2, 2]}
    inputs = f"train_{part.INPUTS}"
    for new, old in enumerate((2, 0)):
        expected = getattr(whole, inputs)[whole.train_labels == old][:4]
        assert np.array_equal(getattr(part, inputs)[part.train_labels == new], expected)
    # `statistics` of a run are in what its data are known by.
    prepare({"classes": [2, 0], "per_class": {"train": 4, "test": 2}}, data / "measured")
    measured = open_dataset(data / "measured")[1]
    assert measured["sha256"] != description["sha256"]
    assert np.allclose(measured["mean"], channel_statistics(getattr(part, inputs))[0])


def test_image_files_have_these_keys(data):
    entry = {"source": "images", "path": "large", "resize": 8, "crop": 8}
    keys = {"classes": ["eel", "cat"], "per_class": {"train": 2}, "mean": [0.1] * 3, "std": [0.2] * 3}
    images.prepare("mine", Settings({**entry, **keys}, SCHEMA["images"]), data / "part")
    part, description = open_dataset(data / "part")
    names = [part.train.name(index) for index in range(len(part.train))]
    assert names == ["train/cat/0.png", "train/cat/1.png", "train/eel/0.png", "train/eel/1.png"]
    assert part.train_labels.tolist() == [1, 1, 0, 0]
    assert len(part.test_labels) == 10
    assert (description["classes"], description["mean"]) == (["eel", "cat"], [0.1] * 3)


def test_train_and_test_choose_from_the_classes_that_are_left(data):
    of_torchvision({"classes": [1, 3], "train": 7, "test": 20}, data / "part")
    part, _ = open_dataset(data / "part")
    assert (len(part.train_labels), len(part.test_labels)) == (7, 20)
    with pytest.raises(InputError, match="data set mine: train is 31, but there are 30 train images"):
        of_torchvision({"classes": [1, 3], "train": 31}, data / "part")


@pytest.mark.parametrize("upscaling", [None, "plain"])
def test_given_statistics_standardise_images_of_any_size(upscaling, tmp_path):
    source = {"source": "test", "mean": [0.5] * 3, "std": [0.25] * 3}
    write_dataset(make_dataset(train=8, test=4), tmp_path, "mine", source, ([0.5] * 3, [0.25] * 3))
    changes = {} if upscaling is None else {"upscaling": upscaling}
    task = task_of(*open_dataset(tmp_path), validation_fraction=0, **changes)
    white = torch.full((1, 3, 4, 4), 255, dtype=torch.uint8)
    assert torch.allclose(task.normalise(white), torch.tensor(2.0))


def test_raw_pixels_are_the_grey_levels_themselves():
    dataset = make_dataset(train=20)
    description = {"name": "shades", "classes": dataset.classes, "mean": [0.5] * 3, "std": [0.0] * 3}
    task = task_of(dataset, description, pixels="raw")
    levels = torch.arange(256, dtype=torch.uint8).view(4, 1, 8, 8).expand(4, 3, 8, 8)
    seen = task.normalise(levels)
    assert seen.dtype == torch.float32
    assert torch.equal(seen, levels.float())
    assert seen.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"source": "points", "variant": "gauss", "mean": [0, 0]}, "key std is missing"),
        (
            {"source": "embedded", "variant": "digits-grey", "train": 10, "test": 10, "std": [0.5]},
            "key mean is missing",
        ),
        ({"source": "folder", "path": "x", "mean": [0.5] * 3}, "key std is missing"),
        ({"source": "images", "path": "x", "mean": [0.5] * 3, "std": None}, "key std is missing"),
        (
            {"source": "images", "path": "x", "crop": 9, "resize": 8},
            "crop: 9 is larger than resize; allowed: 1 to 8",
        ),
    ],
)
def test_the_program_refuses_what_the_configuration_refuses(settings, message, tmp_path):
    options = ["--name", "mine", "--output", tmp_path / "out", "--settings", json.dumps(settings)]
    result = run(SCRIPTS / "prepare_dataset.py", *options, "--schema", SCHEMA_FILE)
    assert (result.returncode, result.stderr) == (1, f"error: {message}\n")
