"""Data sets: written, read, described, and refused when damaged."""

import hashlib
import json
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import make_dataset
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pictures import ARRAYS, assert_equal, below, refusal

from anatomy.data.dataset import DATA_FILE, DESCRIPTION_FILE, open_dataset, write_dataset
from anatomy.data.subset import limited
from anatomy.runtime.errors import InputError


def test_written_dataset_is_read_back_with_counts_and_checksum(tmp_path):
    dataset = make_dataset(train=10, test=5, channels=1, size=7, classes=4)
    write_dataset(dataset, tmp_path / "new" / "folder", "shades", {"source": "test"})
    folder = tmp_path / "new" / "folder"
    read, description = open_dataset(folder)
    assert_equal(read, dataset)
    assert [getattr(read, name).dtype for name in ARRAYS] == [np.uint8, np.int64] * 2
    assert below(folder) == [DATA_FILE, DESCRIPTION_FILE]
    assert description == json.loads((folder / DESCRIPTION_FILE).read_text())
    assert description["sha256"] == hashlib.sha256((folder / DATA_FILE).read_bytes()).hexdigest()
    assert description["train"] == {"images": 10, "images_per_class": [3, 3, 2, 2]}
    assert description["test"] == {"images": 5, "images_per_class": [2, 1, 1, 1]}
    assert [description[key] for key in ("channels", "height", "width")] == [1, 7, 7]
    assert description["classes"] == ["class 0", "class 1", "class 2", "class 3"]
    assert (description["name"], description["source"]) == ("shades", {"source": "test"})


@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(
    st.tuples(*[st.integers(1, n) for n in (5, 3, 4, 4)]).flatmap(lambda shape: arrays(np.uint8, shape)),
)
def test_mean_and_std_are_those_of_the_training_pixels(images):
    labels = np.zeros(len(images), dtype=np.int64)
    dataset = replace(
        make_dataset(),
        train_images=images,
        train_labels=labels,
        test_images=255 - images,
        test_labels=labels,
    )
    with tempfile.TemporaryDirectory() as folder:
        write_dataset(dataset, Path(folder), "any", {})
        description = open_dataset(Path(folder))[1]
    pixels = images.astype(np.float64) / 255
    np.testing.assert_allclose(description["mean"], pixels.mean(axis=(0, 2, 3)), rtol=0, atol=1e-14)
    np.testing.assert_allclose(description["std"], pixels.std(axis=(0, 2, 3)), rtol=0, atol=1e-14)


def test_fewer_images_are_a_random_part_in_order_with_their_labels():
    whole = make_dataset(train=60, test=30)
    part = limited(whole, "shades", 20, None)
    assert np.array_equal(part.test_images, whole.test_images)
    assert part.train_images.shape[0] == part.train_labels.shape[0] == 20
    indices = [
        np.flatnonzero((whole.train_images == image).all((1, 2, 3))).item() for image in part.train_images
    ]
    assert indices == sorted(set(indices))
    assert indices != list(range(20))
    assert np.array_equal(part.train_labels, whole.train_labels[indices])


def test_more_images_than_there_are_is_refused():
    with pytest.raises(InputError, match="data set shades: test is 31, but there are 30 test images"):
        limited(make_dataset(train=60, test=30), "shades", 60, 31)


def test_equal_datasets_give_equal_files(tmp_path):
    for folder in ("one", "two"):
        write_dataset(make_dataset(), tmp_path / folder, "shades", {"source": "test"})
    for file in (DATA_FILE, DESCRIPTION_FILE):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


@pytest.mark.parametrize("damage", ["flip a bit", "truncate", "replace"])
def test_damaged_data_file_is_refused(dataset_folder, damage):
    file = dataset_folder / DATA_FILE
    content = bytearray(file.read_bytes())
    if damage == "flip a bit":
        content[-1] ^= 1
    file.write_bytes({"truncate": content[:-100], "replace": b"no data"}.get(damage, content))
    message = refusal(open_dataset, dataset_folder)
    assert str(file) in message
    assert "prepare_dataset" in message


@pytest.mark.parametrize("file", [DATA_FILE, DESCRIPTION_FILE])
def test_missing_file_of_a_prepared_dataset_is_named(dataset_folder, file):
    (dataset_folder / file).unlink()
    assert f"{dataset_folder / file} is missing" in refusal(open_dataset, dataset_folder)


@pytest.mark.parametrize("content", ["", '{"sha256": '])
def test_damaged_description_is_refused(dataset_folder, content):
    (dataset_folder / DESCRIPTION_FILE).write_text(content)
    assert str(dataset_folder / DESCRIPTION_FILE) in refusal(open_dataset, dataset_folder)


WRONG = {
    "label too large": (dict(train_labels=np.array([0, 4, 1])), ["train label 4 of image 1", "0 to 3"]),
    "negative label": (dict(test_labels=np.array([0, -1])), ["test label -1 of image 1", "0 to 3"]),
    "too few labels": (dict(train_labels=np.array([0, 1])), ["train has 3 images", "(2,)"]),
    "labels no integers": (dict(test_labels=np.array([0.0, 1.0])), ["test", "float64"]),
    "images no bytes": (dict(train_images=np.zeros((3, 3, 8, 8))), ["train", "float64"]),
    "no channel axis": (dict(test_images=np.zeros((2, 8, 8), np.uint8)), ["test", "(2, 8, 8)"]),
    "empty part": (
        dict(test_images=np.zeros((0, 3, 8, 8), np.uint8), test_labels=np.zeros(0, np.int64)),
        ["test part is empty"],
    ),
    "two sizes": (dict(test_images=np.zeros((2, 3, 8, 9), np.uint8)), ["(3, 8, 8)", "(3, 8, 9)"]),
    "two channel counts": (dict(test_images=np.zeros((2, 1, 8, 8), np.uint8)), ["(3, 8, 8)", "(1, 8, 8)"]),
}


@pytest.mark.parametrize(("change", "named"), WRONG.values(), ids=WRONG.keys())
def test_inconsistent_dataset_is_refused_and_nothing_is_written(tmp_path, change, named):
    dataset = replace(make_dataset(train=3, test=2, size=8), **change)
    message = refusal(write_dataset, dataset, tmp_path / "out", "shades", {})
    assert all(word in message for word in ["shades", *named])
    assert below(tmp_path) == []


def test_refused_dataset_leaves_the_earlier_one_as_it_was(dataset_folder):
    before = {file: (dataset_folder / file).read_bytes() for file in below(dataset_folder)}
    refusal(write_dataset, replace(make_dataset(), classes=["one"]), dataset_folder, "shades", {})
    assert {file: (dataset_folder / file).read_bytes() for file in below(dataset_folder)} == before
