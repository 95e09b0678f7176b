"""Data sets that a function of the user's own returns: found, described, written, and refused."""

import json
import sys

import numpy as np
import pytest
from conftest import SCHEMA_FILE, SCRIPTS, run
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anatomy.data.dataset import PARTS, open_dataset, write_dataset
from anatomy.data.own_source import read_own
from anatomy.data.sources import module_of
from anatomy.runtime.errors import InputError

FILES = {
    "own_numbers.py": "SIDE = 5\n",
    "own_data.py": """
import numpy as np
from own_numbers import SIDE


def part(count, names):
    images = np.arange(count * SIDE * SIDE, dtype=np.uint8).reshape(count, 1, SIDE, SIDE)
    return images, [names[index % len(names)] for index in range(count)]


def named(train=6):
    return {"train": part(train, ["dog", "cat"]), "test": part(2, ["cat"])}


def numbered():
    return {"train": part(4, [20, 3, 10]), "test": part(3, [10, 3])}


def unknown():
    return {"train": part(4, ["dog", "cat"]), "test": part(2, ["cat", "fish"])}


def one_part():
    return {"train": part(4, ["dog"])}


def no_pairs():
    return {"train": np.zeros((2, 1, 5, 5)), "test": np.zeros((2, 1, 5, 5))}


def images_alone():
    return {name: (part(4, ["dog"])[0],) for name in ("train", "test")}


def no_labels():
    return {name: (part(4, ["dog"])[0], None) for name in ("train", "test")}


def pairs_of_labels():
    return {"train": part(2, [0, 1]), "test": (part(2, [0])[0], [[0, 1], [1, 0]])}


def two_sizes():
    return {"train": part(2, [0, 1]), "test": ([np.zeros((1, 5, 5)), np.zeros((1, 5, 4))], [0, 1])}


def two_depths():
    return {name: (part(2, [0])[0], [[0], [0, 1]]) for name in ("train", "test")}


def no_bytes():
    images, labels = part(4, ["dog", "cat"])
    return {"train": (images / 255, labels), "test": (images / 255, labels)}
""",
    "own_hostile.py": """
import numpy as np
import torch

IMAGES = np.zeros((2, 1, 4, 4), np.uint8)
POINTS = np.zeros((2, 2))


def both(inputs, labels=(0, 1)):
    return {part: (inputs, labels) for part in ("train", "test")}


def images(kind):
    return both({
        "grad": lambda: torch.zeros(2, 1, 4, 4, requires_grad=True),
        "bfloat16": lambda: torch.zeros(2, 1, 4, 4, dtype=torch.bfloat16),
        "meta": lambda: torch.zeros(2, 1, 4, 4, device="meta"),
        "sparse": lambda: torch.zeros(2, 4).to_sparse(),
        "masked": lambda: np.ma.masked_equal(IMAGES, 0),
        "masked rows": lambda: [np.ma.masked_equal(image, 0) for image in IMAGES],
        "flat": lambda: IMAGES[:, :, :0],
        "no channel": lambda: IMAGES[:, :0],
        "no coordinate": lambda: POINTS[:, :0],
        "tensor": lambda: torch.zeros(2, 1, 4, 4, dtype=torch.uint8),
        "whole": lambda: np.ma.array(IMAGES),
    }[kind]())


def labels(values):
    return both(IMAGES, np.array(values))


def two_types(train, train_type, test, test_type):
    return {"train": (IMAGES, np.array(train, train_type)), "test": (IMAGES, np.array(test, test_type))}


def byte_labels(values):
    return both(IMAGES, [value.encode("latin-1") for value in values])


def points(value, dtype):
    return both(np.array([[0, 1], [2, value]], dtype))
""",
    "own_package/__init__.py": "",
    "own_package/names.py": "NAMES = [1, 0]\n",
    "own_package/source.py": """
import numpy as np

from .names import NAMES


def make():
    return {part: (np.zeros((2, 3, 4, 4), np.uint8), NAMES) for part in ("train", "test")}
""",
}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A working directory with the user's files."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("own_")]:
        del sys.modules[name]


def prepare(**entry):
    options = ["--name", "mine", "--output", "out", "--settings", json.dumps(entry)]
    return run(SCRIPTS / "prepare_dataset.py", *options, "--schema", SCHEMA_FILE)


def test_the_program_writes_what_the_function_returns(folder):
    result = prepare(source="own_data:named", label="Mine", options={"train": 4})
    assert (result.returncode, result.stderr) == (0, "")
    dataset, description = open_dataset(folder / "out")
    assert description["source"] == {"source": "own_data:named", "options": {"train": 4}}
    assert description["classes"] == ["cat", "dog"]
    assert dataset.train_labels.tolist() == [1, 0, 1, 0]
    assert dataset.test_labels.tolist() == [0, 0]
    assert dataset.train_images.shape == (4, 1, 5, 5)
    assert dataset.train_images.tobytes() == np.arange(100, dtype=np.uint8).tobytes()


def test_classes_are_the_labels_in_their_order():
    dataset = read_own("own_data:numbered", {})
    assert list(dataset.classes) == ["3", "10", "20"]
    assert dataset.train_labels.tolist() == [2, 0, 1, 2]
    assert dataset.test_labels.tolist() == [1, 0, 1]


def test_a_function_in_a_package_with_relative_imports():
    dataset = read_own("own_package.source:make", {})
    assert dataset.train_labels.tolist() == [1, 0]
    assert module_of("own_package.source:make") == "own_package.source"


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        ("own_data:unknown", {}, "own_data:unknown: test label fish is not one of train: cat, dog"),
        ("own_data:one_part", {}, "own_data:one_part has to return a dictionary with train and test"),
        ("own_data:no_pairs", {}, "own_data:no_pairs returns ndarray for train; expected (images, labels)"),
        ("own_data:images_alone", {}, "images_alone returns tuple of 1 for train; expected (images, labels)"),
        ("own_data:no_labels", {}, "no_labels: train labels are object of shape (); expected whole numbers"),
        (
            "own_data:pairs_of_labels",
            {},
            "test labels are int64 of shape (2, 2); expected whole numbers",
        ),
        (
            "own_data:two_sizes",
            {},
            "two_sizes: test images do not have one shape; expected uint8 (N, C, H, W)",
        ),
        (
            "own_data:two_depths",
            {},
            "two_depths: train labels do not have one shape; expected whole numbers",
        ),
        ("own_data:name", {}, "own_data.py has no class or function name; did you mean named?"),
        (
            "own_data:named",
            {"test": 1},
            "own_data:named is called as (train=6), but got an unexpected keyword",
        ),
    ],
)
def test_what_is_no_data_set_is_refused(source, options, message):
    with pytest.raises(InputError) as caught:
        read_own(source, options)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("function", "options", "message"),
    [
        ("images", {"kind": "grad"}, "train images cannot be read as an array (Can't call numpy() on Tensor"),
        ("images", {"kind": "bfloat16"}, "train images cannot be read as an array (Got unsupported ScalarT"),
        ("images", {"kind": "meta"}, "train images cannot be read as an array ("),
        ("images", {"kind": "sparse"}, "train images cannot be read as an array ("),
        (
            "images",
            {"kind": "masked"},
            "train images have masked values; expected uint8 (N, C, H, W), or",
        ),
        ("images", {"kind": "masked rows"}, "train images have masked values; expected uint8 (N, C, H, W)"),
        (
            "labels",
            {"values": [0.0, float("nan")]},
            "train labels have nan at 1; expected finite numbers",
        ),
        ("labels", {"values": [float("inf"), 0]}, "train labels have inf at 0; expected finite numbers"),
        ("labels", {"values": [0, 0.5]}, "train labels have 0.5 at 1; expected whole numbers, which"),
        ("labels", {"values": [2.0**53, 0]}, "train labels have 9007199254740992.0 at 0; expected whole"),
        (
            "two_types",
            {"train": [2**53, 2**53 + 2], "train_type": "i8", "test": [2**53 + 1] * 2, "test_type": "u8"},
            "test label 9007199254740993 is not one of train: 9007199254740992, 9007199254740994",
        ),
        (
            "two_types",
            {"train": [0, 1], "train_type": "i8", "test": ["0", "1"], "test_type": "U"},
            "test labels are <U1 but train labels are int64; expected numbers in both, or names in both",
        ),
        ("labels", {"values": ["a", "b\n"]}, r"train label 'b\n' has control characters"),
        (
            "byte_labels",
            {"values": ["a", "é"]},
            "train labels are bytes that are no UTF-8 ('utf-8' codec",
        ),
        (
            "points",
            {"value": 1e300, "dtype": "f8"},
            "train point 1 has 1e+300; float32 takes numbers up to",
        ),
        (
            "points",
            {"value": 2**24 + 1, "dtype": "i4"},
            "train point 1 has 16777217; float32 rounds whole",
        ),
        (
            "points",
            {"value": -(2**60) - 1, "dtype": "i8"},
            "point 1 has -1152921504606846977; float32",
        ),
    ],
)
def test_values_that_would_change_or_are_none_are_refused(function, options, message, recwarn):
    with pytest.raises(InputError) as caught:
        read_own(f"own_hostile:{function}", options)
    assert f"own_hostile:{function}: " in str(caught.value) and message in str(caught.value)
    assert "\n" not in str(caught.value) and not recwarn.list


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("flat", "images have no values, of shape (2, 1, 0, 4); expected at least 1 of each of images, chan"),
        ("no channel", "train images have no values, of shape (2, 0, 4, 4)"),
        ("no coordinate", "train points have no values, of shape (2, 0)"),
    ],
)
def test_inputs_without_values_are_refused(kind, message, folder):
    with pytest.raises(InputError) as caught:
        write_dataset(read_own("own_hostile:images", {"kind": kind}), folder / "out", "mine", {})
    assert message in str(caught.value) and not (folder / "out").exists()


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.data())
def test_labels_of_two_types_are_compared_as_the_numbers_they_are(data):
    around = [0, 2**53, 2**62, 2**63 - 4]
    numbers = st.builds(lambda start, step: start + step, st.sampled_from(around), st.integers(0, 3))
    train, test = (data.draw(st.lists(numbers, min_size=2, max_size=2)) for _ in PARTS)
    types = dict(zip(("train_type", "test_type"), data.draw(st.permutations(["i8", "u8"])), strict=True))
    options = {"train": train, "test": test, **types}
    if not set(test) <= set(train):
        with pytest.raises(InputError, match=r"test label \d+ is not one of train: "):
            read_own("own_hostile:two_types", options)
        return
    found = read_own("own_hostile:two_types", options)
    assert found.classes == [str(value) for value in sorted(set(train))]
    for values, labels in ((train, found.train_labels), (test, found.test_labels)):
        assert [found.classes[label] for label in labels] == [str(value) for value in values]


@pytest.mark.parametrize(("first", "second"), [("f4", "i8"), ("u1", "f8"), ("?", "i2"), ("f2", "f2")])
def test_labels_of_other_types_are_whole_numbers_too(first, second):
    options = {"train": [0, 1], "train_type": first, "test": [1, 0], "test_type": second}
    found = read_own("own_hostile:two_types", options)
    assert (found.train_labels.tolist(), found.test_labels.tolist()) == ([0, 1], [1, 0])


def test_proper_values_of_other_kinds_are_taken_as_they_are():
    for kind in ("tensor", "whole"):
        found = read_own("own_hostile:images", {"kind": kind}).train_images
        assert found.dtype == np.uint8 and found.shape == (2, 1, 4, 4)
    assert read_own("own_hostile:byte_labels", {"values": ["b", "a"]}).classes == ["a", "b"]
    found = read_own("own_hostile:points", {"value": 2**60, "dtype": "i8"}).train_points
    assert found.dtype == np.float32 and found[1].tolist() == [2, 2**60]


def test_arrays_that_are_no_images_are_refused_by_the_program(folder):
    result = prepare(source="own_data:no_bytes")
    assert result.returncode == 1
    assert result.stderr.startswith("error: data set mine: train images are float64 of shape (4, 1, 5, 5)")
    assert not (folder / "out").exists()


def test_sources_are_found_by_name():
    assert module_of("folder") == "anatomy.data.sources.folder"
    with pytest.raises(
        InputError, match="source: 'folders' is not allowed; allowed: embedded, folder, images, points, t"
    ):
        module_of("folders")
