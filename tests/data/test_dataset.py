"""Data sets: written, read, described, and refused when damaged."""

import hashlib
import json
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import SCHEMA_FILE, make_dataset
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pictures import ARRAYS, assert_equal, below, refusal

from anatomy.data.dataset import DATA_FILE, DESCRIPTION_FILE, open_dataset, write_dataset
from anatomy.data.description import LEAST_STD, check_statistics
from anatomy.data.subset import limited
from anatomy.runtime.errors import InputError
from anatomy.runtime.schema import read_schema


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


CHANNELS = "expected 3, one for each channel of its images or coordinate of its points"
FALSE_DESCRIPTIONS = {
    "one mean of three": ({"mean": [0.5]}, f"mean has 1 numbers; {CHANNELS}"),
    "two std of three": ({"std": [0.5, 0.5]}, f"std has 2 numbers; {CHANNELS}"),
    "texts": ({"mean": ["0.5"] * 3}, "mean has '0.5'; expected finite numbers"),
    "null": ({"std": [None] * 3}, "std has None; expected finite numbers"),
    "nested": ({"mean": [[0.5]] * 3}, "mean has [0.5]; expected finite numbers"),
    "truth": ({"mean": [True] * 3}, "mean has True; expected finite numbers"),
    "no number": ({"mean": [float("nan")] * 3}, "mean has nan; expected finite numbers"),
    "larger than a float": ({"std": [10**400] * 3}, f"std has 1{'0' * 59}; expected finite numbers"),
    "larger than float32": (
        {"mean": [-1e300] * 3},
        "mean has -1e+300; expected finite numbers, at most 3.4e",
    ),
    "negative": ({"std": [0.5, -0.5, 0.5]}, "std has -0.5; expected numbers of at least 0"),
    "no list": ({"mean": 0.5}, "mean is 0.5"),
    "no checksum": ({"sha256": None}, "sha256 is None"),
    "classes of two kinds": ({"classes": [1, [2]]}, "classes are [1, [2]]; expected texts, each once"),
    "a class twice": ({"classes": ["a", "b", "a", "c"]}, "expected texts, each once"),
    "too few classes": ({"classes": ["a", "b"]}, "2 classes are listed, but train labels are 0 to 3"),
    "too many classes": (
        {"classes": list("abcde")},
        "but 5 classes are listed, of which there are [24, 24, 24, 24, 0] train labels",
    ),
    "other counts": ({"test": {"images_per_class": [1]}}, "test is {'images_per_class': [1]}, but 4 classes"),
    "no counts": ({"test": 5}, "test is 5, but 4 classes are listed"),
}


@pytest.mark.parametrize(("change", "message"), FALSE_DESCRIPTIONS.values(), ids=FALSE_DESCRIPTIONS.keys())
def test_description_that_does_not_go_with_the_data_is_refused(dataset_folder, change, message):
    path = dataset_folder / DESCRIPTION_FILE
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    said = refusal(open_dataset, dataset_folder)
    assert message in said and str(path) in said and "\n" not in said


@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=2, max_size=2))
def test_statistics_that_float32_holds_are_taken(pair):
    statistics = [pair[0]], [max(abs(pair[1]), 1e-7)]
    check_statistics(statistics, 1, "mine", given=True)
    check_statistics((statistics[0], [0.0]), 1, "mine")


@pytest.mark.parametrize("std", [1e-320, 0.0, 1e-9])
def test_given_statistics_that_nothing_can_be_divided_by_are_refused(tmp_path, std):
    statistics = [0.5] * 3, [0.5, 0.5, std]
    message = refusal(write_dataset, make_dataset(), tmp_path / "out", "shades", {}, statistics)
    assert message == f"data set shades: std has {std}; expected numbers above 1e-08"
    assert below(tmp_path) == []


def test_a_description_that_cannot_be_written_leaves_no_data_file(tmp_path, dataset_folder):
    unwritable = {"options": {"x": float("nan")}}
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_dataset(make_dataset(), tmp_path / "out", "shades", unwritable)
    assert below(tmp_path / "out") == []
    before = {file: (dataset_folder / file).read_bytes() for file in below(dataset_folder)}
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_dataset(make_dataset(seed=1), dataset_folder, "shades", unwritable)
    assert {file: (dataset_folder / file).read_bytes() for file in below(dataset_folder)} == before


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


def test_standard_deviations_that_the_configuration_may_give_are_those_that_can_be_divided_by():
    parts = [part.get("properties", {}) for part in read_schema(SCHEMA_FILE)["$defs"].values()]
    # Of weights it is a number alone.
    bounds = [part["std"]["items"]["exclusiveMinimum"] for part in parts if "items" in part.get("std", {})]
    assert len(bounds) > 3 and {*bounds} == {LEAST_STD}
