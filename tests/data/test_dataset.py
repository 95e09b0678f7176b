"""Data sets: made, read from folders and archives, written, described, and refused when damaged."""

import gzip
import hashlib
import io
import json
import os
import resource
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, SCHEMA_FILE, SCRIPTS, environment, make_dataset, run
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from sklearn.datasets import load_digits

from anatomy.data.dataset import (
    DATA_FILE,
    DESCRIPTION_FILE,
    channel_statistics,
    open_dataset,
    write_dataset,
)
from anatomy.data.search_path import DATA_VARIABLE, locate, search_path
from anatomy.data.sources import embedded
from anatomy.data.sources.embedded import class_names, make_embedded
from anatomy.data.sources.folder import read_folder
from anatomy.data.subset import limited
from anatomy.runtime.environment import variable
from anatomy.runtime.errors import InputError

ARRAYS = ["train_images", "train_labels", "test_images", "test_labels"]
ARCHIVES = ["pets.tar", "pets.tar.gz", "pets.zip"]
SOURCES = ["pets", *ARCHIVES]


def make_pictures(channels=3):
    """Random pictures of two classes, 6 high and 5 wide, by path."""
    generator = np.random.default_rng(0)
    shape = (6, 5, 3) if channels == 3 else (6, 5)
    return {
        f"{part}/{name}/{index}.png": generator.integers(0, 256, shape, dtype=np.uint8)
        for part, count in (("train", 3), ("test", 2))
        for name in ("cat", "dog")
        for index in range(count)
    }


def encode(pixels, format="PNG"):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format)
    return buffer.getvalue()


def make_files(channels=3):
    return {path: encode(pixels) for path, pixels in make_pictures(channels).items()}


def pack(path, files):
    """Write `files` (None for a directory) in their order, as the directory or archive `path` names."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(f"{name}/" if content is None else name, content or b"")
    elif path.suffix:
        with tarfile.open(path, "w:gz" if path.suffix == ".gz" else "w:") as archive:
            for name, content in files.items():
                member = tarfile.TarInfo(name)
                member.type = tarfile.DIRTYPE if content is None else tarfile.REGTYPE
                member.size = len(content or b"")
                archive.addfile(member, io.BytesIO(content or b""))
    else:
        for name, content in files.items():
            if content is None:
                (path / name).mkdir(parents=True, exist_ok=True)
            else:
                (path / name).parent.mkdir(parents=True, exist_ok=True)
                (path / name).write_bytes(content)
    return path


def below(folder):
    """Every file and directory below `folder`."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def assert_equal(one, other):
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert list(one.classes) == list(other.classes)


def assert_is_pictures(dataset):
    """Check `dataset` against `make_pictures()`, pixel by pixel."""
    pictures = make_pictures()
    for part in ("train", "test"):
        paths = sorted(path for path in pictures if path.startswith(part))
        expected = np.array([np.moveaxis(pictures[path], 2, 0) for path in paths])
        np.testing.assert_array_equal(getattr(dataset, f"{part}_images"), expected)
        labels = [["cat", "dog"].index(path.split("/")[1]) for path in paths]
        np.testing.assert_array_equal(getattr(dataset, f"{part}_labels"), labels)
    assert list(dataset.classes) == ["cat", "dog"]


def refusal(function, *arguments, **options):
    """Return the message of the `InputError` that the call raises."""
    with pytest.raises(InputError) as caught:
        function(*arguments, **options)
    return str(caught.value)


# --- Embedded data sets ---

VARIANTS = {
    "digits-grey": (1, 28, 28),
    "digits-rgb": (3, 32, 32),
    "digits-rgb-100": (3, 32, 32),
    "digits-rgb-large": (3, 64, 64),
}
CLASS_COUNTS = {"digits-grey": 10, "digits-rgb": 10, "digits-rgb-100": 100, "digits-rgb-large": 20}
TRAIN, TEST = 205, 23
# SHA-256 of all bytes, the arrays in the order of their names.
SHA256 = {
    "digits-grey": "37176d64a13bc3d05da39cc4b54eded4b308cf1ede11fc1912ceafc2d9d62ab8",
    "digits-rgb": "eb15227a3e980f16cb718405437157b5ad404ecebe076a9ab574067cca394d94",
}


@cache
def digits(name, seed):
    return make_embedded(name, TRAIN, TEST, seed)


@pytest.mark.parametrize("name", VARIANTS)
def test_embedded_images_and_labels_have_the_promised_shapes_and_types(name):
    made = digits(name, 0)
    assert sorted(made) == sorted(ARRAYS)
    for part, size in (("train", TRAIN), ("test", TEST)):
        images, labels = made[f"{part}_images"], made[f"{part}_labels"]
        assert (images.shape, images.dtype) == ((size, *VARIANTS[name]), np.uint8)
        assert (labels.shape, labels.dtype) == ((size,), np.int64)
        counts = np.bincount(labels, minlength=CLASS_COUNTS[name])
        assert len(counts) == CLASS_COUNTS[name] == len(class_names(name))
        assert counts.max() - counts.min() <= 1
        assert len(np.unique(images, axis=0)) == size


@pytest.mark.parametrize("name", VARIANTS)
def test_embedded_bytes_depend_on_the_arguments_only(name):
    again, other = make_embedded(name, TRAIN, TEST, 0), digits(name, 1)
    for key, array in digits(name, 0).items():
        assert again[key].tobytes() == array.tobytes()
        assert other[key].tobytes() != array.tobytes()


@pytest.mark.parametrize("name", SHA256)
def test_embedded_bytes_are_those_of_earlier_versions(name):
    content = b"".join(digits(name, 0)[key].tobytes() for key in sorted(ARRAYS))
    assert hashlib.sha256(content).hexdigest() == SHA256[name]


@pytest.mark.parametrize("name", VARIANTS)
def test_embedded_train_and_test_come_from_different_handwritten_digits(monkeypatch, name):
    drawn_from, labelled = [], []
    make_split = embedded._make_split

    def spy(variant, base, numerals, *rest):
        drawn_from.append({digit.tobytes() for digit in base})
        labelled.append({(digit.tobytes(), label) for digit, label in zip(base, numerals, strict=True)})
        return make_split(variant, base, numerals, *rest)

    monkeypatch.setattr(embedded, "_make_split", spy)
    make_embedded(name, 10, 10, 0)
    train, test = drawn_from
    assert not train & test
    bundled = load_digits()
    scaled = bundled.images.astype(np.float32) / 16
    every = {(digit.tobytes(), label) for digit, label in zip(scaled, bundled.target, strict=True)}
    assert labelled[0] | labelled[1] == every


# Degrees of the colour circle.
HUES = {"red": 0, "orange": 36, "lime": 72, "green": 108, "jade": 144, "cyan": 180}
HUES |= {"azure": 216, "indigo": 252, "purple": 288, "rose": 324}


@pytest.mark.parametrize("name", ["digits-rgb-100", "digits-rgb-large"])
def test_embedded_classes_are_digit_and_hue(name):
    names = [class_name.split() for class_name in class_names(name)]
    hues = list(dict.fromkeys(hue for _, hue in names))
    assert names == [[str(digit), hue] for digit in range(10) for hue in hues]

    made = make_embedded(name, 4 * CLASS_COUNTS[name], 1, 0)
    colour = made["train_images"].mean((2, 3))
    colour = colour - colour.mean(1, keepdims=True)
    is_hue = made["train_labels"] % len(hues)
    red, green, blue = np.array([colour[is_hue == hue].mean(0) for hue in range(len(hues))]).T
    degrees = np.rad2deg(np.arctan2(np.sqrt(3) * (green - blue), 2 * red - green - blue))
    off = (degrees - [HUES[hue] for hue in hues] + 180) % 360 - 180
    assert np.abs(off).max() < 10


@pytest.mark.parametrize("name", VARIANTS)
def test_embedded_images_show_the_digit_of_their_label(monkeypatch, name):
    monkeypatch.setattr(embedded, "_enlarge", lambda base: base)
    made = []

    def draw(glyphs, labels, random):
        made.append((glyphs, labels))
        return np.zeros((len(glyphs), 1, 1, 1), np.uint8)

    variant = replace(embedded.EMBEDDED[name], draw=draw)
    monkeypatch.setitem(embedded.EMBEDDED, name, variant)
    make_embedded(name, 300, 100, 0)
    bundled = load_digits()
    numeral = {
        d.tobytes(): n for d, n in zip(bundled.images.astype(np.float32) / 16, bundled.target, strict=True)
    }
    for glyphs, labels in made:
        shown = [str(numeral[glyph.tobytes()]) for glyph in glyphs]
        assert shown == [class_names(name)[label].split()[0] for label in labels]


@pytest.mark.parametrize("seed", [0, 1])
def test_polarity_both_inverts_half_of_the_images_and_changes_nothing_else(seed):
    single, both = (make_embedded("digits-grey", TRAIN, TEST, seed, p) for p in ("single", "both"))
    masks = []
    for part in ("train", "test"):
        assert single[f"{part}_labels"].tobytes() == both[f"{part}_labels"].tobytes()
        one, other = single[f"{part}_images"], both[f"{part}_images"]
        equal, inverted = (one == other).all((1, 2, 3)), (255 - one == other).all((1, 2, 3))
        assert (equal ^ inverted).all()
        assert inverted.sum() == len(one) // 2
        masks.append(inverted)
    # At random: neither every second image nor one half of the set.
    assert 0.2 < (masks[0][1:] == masks[0][:-1]).mean() < 0.8


def test_polarity_single_is_what_no_polarity_gives():
    single = make_embedded("digits-grey", TRAIN, TEST, 0, polarity="single")
    assert all(single[key].tobytes() == array.tobytes() for key, array in digits("digits-grey", 0).items())


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("digits-rgb", 10, 10, 0, "both"), ["polarity", "digits-rgb", "digits-grey"]),
        (("digits-grey", 10, 10, 0, "half"), ["polarity", "'half'", "single, both"]),
        (("digits-blue", 10, 10, 0), ["digits-blue", "digits-grey", "digits-rgb"]),
        (("digits-grey", 0, 10, 0), ["train", "0"]),
        (("digits-grey", 10, -3, 0), ["test", "-3"]),
        (("digits-grey", 10, 10, -1), ["seed", "-1"]),
    ],
)
def test_embedded_refuses_bad_arguments_naming_the_value(arguments, named):
    message = refusal(make_embedded, *arguments)
    assert all(word in message for word in named)


# --- The data file and its description ---


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


# --- Folders and archives ---


@pytest.mark.parametrize("top", ["", "top/", "./", "deep/er/"])
@pytest.mark.parametrize("source", SOURCES)
def test_every_source_gives_the_exact_pixels(tmp_path, source, top):
    files = {f"{top}{path}": content for path, content in make_files().items()}
    assert_is_pictures(read_folder(pack(tmp_path / source, files), "pets"))


@pytest.mark.parametrize("order", range(4))
@pytest.mark.parametrize("archive", ARCHIVES)
def test_order_of_entries_does_not_matter(tmp_path, archive, order):
    files = make_files() | {"train": None, "train/cat": None, "test/dog": None}
    shuffled = np.random.default_rng(order).permutation(list(files))
    assert_is_pictures(read_folder(pack(tmp_path / archive, {str(n): files[n] for n in shuffled}), "pets"))


@pytest.mark.parametrize("source", SOURCES)
def test_files_that_are_not_of_a_class_are_ignored(tmp_path, source):
    junk = [
        "README",
        "train/list.txt",
        "train/cat/Thumbs.db",
        "test/dog/.DS_Store",
        "__MACOSX/train/cat/0.png",
    ]
    assert_is_pictures(read_folder(pack(tmp_path / source, make_files() | dict.fromkeys(junk, b"?")), "pets"))


def test_grey_images_read_as_rgb_repeat_the_channel(tmp_path):
    path = pack(tmp_path / "pets", make_files(channels=1))
    grey, colour = read_folder(path, "pets", channels=1), read_folder(path, "pets", channels=3)
    expected = [pixels for name, pixels in sorted(make_pictures(1).items()) if name.startswith("train")]
    np.testing.assert_array_equal(grey.train_images, np.array(expected)[:, None])
    np.testing.assert_array_equal(colour.train_images, np.repeat(grey.train_images, 3, axis=1))


def test_rgb_images_read_as_grey_give_their_luma(tmp_path):
    path = pack(tmp_path / "pets", make_files())
    rgb = read_folder(path, "pets").train_images.astype(float)
    grey = read_folder(path, "pets", channels=1).train_images
    assert grey.shape == (6, 1, 6, 5)
    luma = np.tensordot(rgb, [0.299, 0.587, 0.114], axes=(1, 0))  # ITU-R BT.601
    np.testing.assert_allclose(grey[:, 0], luma, rtol=0, atol=0.51)


def test_images_of_16_bits_are_refused_rather_than_clipped(tmp_path):
    deep = np.arange(0, 60000, 2000, dtype=np.uint16).reshape(6, 5)
    files = make_files(channels=1) | {"train/cat/1.png": encode(deep)}
    assert "train/cat/1.png" in refusal(read_folder, pack(tmp_path / "pets", files), "pets", channels=1)


# --- Bad input ---


def test_missing_source_says_where_it_was_looked_for_and_how_to_get_it(tmp_path, monkeypatch):
    directories = [str(tmp_path / "one"), str(tmp_path / "two")]
    monkeypatch.setenv(DATA_VARIABLE, os.pathsep.join(directories))
    message = refusal(locate, "pets.tar.gz", "pets", "https://example.org/pets")
    looked_for = [str(Path(directory) / "pets.tar.gz") for directory in directories]
    named = ["data set pets", *looked_for, "https://example.org/pets", DATA_VARIABLE, "`data`"]
    assert all(word in message for word in named)


@pytest.mark.parametrize("value", [None, "", os.pathsep])
def test_data_is_searched_if_no_directory_is_named(monkeypatch, value):
    monkeypatch.delenv(DATA_VARIABLE, raising=False)
    if value is not None:
        monkeypatch.setenv(DATA_VARIABLE, value)
    assert search_path() == [Path("data")]
    assert str(Path("data", "pets.zip")) in refusal(locate, "pets.zip", "pets")


def test_first_directory_that_has_the_source_is_used(tmp_path, monkeypatch):
    for directory in ("two", "three"):
        pack(tmp_path / directory / "pets", make_files())
    monkeypatch.setenv(DATA_VARIABLE, os.pathsep.join(str(tmp_path / n) for n in ("one", "two", "three")))
    assert locate("pets", "pets") == tmp_path / "two" / "pets"


def test_wrong_checksum_is_refused_before_the_archive_is_opened(tmp_path):
    path = tmp_path / "pets.tar"
    path.write_bytes(b"no archive at all")
    expected, found = "0" * 64, hashlib.sha256(b"no archive at all").hexdigest()
    message = refusal(read_folder, path, "pets", sha256=expected)
    assert all(word in message for word in [str(path), "pets", expected, found])
    assert "truncated" not in message


@pytest.mark.parametrize("archive", ARCHIVES)
def test_right_checksum_is_accepted(tmp_path, archive):
    path = pack(tmp_path / archive, make_files())
    assert_is_pictures(read_folder(path, "pets", sha256=hashlib.sha256(path.read_bytes()).hexdigest()))


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 2048, b"no archive", gzip.compress(b"no tar inside" * 99, mtime=0)]
)
@pytest.mark.parametrize("archive", ARCHIVES)
def test_file_that_is_no_archive_is_refused(tmp_path, archive, content):
    path = tmp_path / archive
    path.write_bytes(content)
    assert str(path) in refusal(read_folder, path, "pets")


@pytest.mark.parametrize("archive", ARCHIVES)
def test_half_an_archive_is_refused(tmp_path, archive):
    path = pack(tmp_path / archive, make_files())
    content = path.read_bytes().rstrip(b"\0")
    path.write_bytes(content[: len(content) // 2])
    message = refusal(read_folder, path, "pets")
    assert f"{path} is truncated" in message
    assert "\n" not in message


@pytest.mark.parametrize("archive", ARCHIVES)
def test_truncated_archive_is_refused_wherever_it_ends(tmp_path, archive):
    path = pack(tmp_path / archive, make_files())
    content = path.read_bytes()
    if path.suffix == ".tar":
        content = content.rstrip(b"\0")  # without its padding, it is as long as its entries
    not_recognised = {}
    for length in np.linspace(0, len(content) - 1, 120, dtype=int):
        path.write_bytes(content[:length])
        try:
            read_folder(path, "pets")
            not_recognised[length] = "accepted"
        except InputError as error:
            if "truncated" not in str(error):
                not_recognised[length] = str(error)
    assert not_recognised == {}


def test_gzip_checksum_is_compared(tmp_path):
    path = pack(tmp_path / "pets.tar.gz", make_files())
    content = bytearray(path.read_bytes())
    content[-8] ^= 1  # first byte of the CRC-32
    path.write_bytes(content)
    assert str(path) in refusal(read_folder, path, "pets")


@pytest.mark.parametrize(("offset", "value"), [(8, 1), (10, 99)], ids=["encrypted", "unknown compression"])
def test_zip_that_cannot_be_read_is_refused(tmp_path, offset, value):
    path = pack(tmp_path / "pets.zip", make_files())
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + offset] = value  # flags or method of the first entry
    path.write_bytes(content)
    assert str(path) in refusal(read_folder, path, "pets")


@pytest.mark.parametrize("position", ["first", "last"])
@pytest.mark.parametrize("absolute", [False, True], ids=["parent", "absolute"])
@pytest.mark.parametrize("archive", ARCHIVES)
def test_entry_that_leads_outside_is_refused_and_nothing_is_written(
    tmp_path, monkeypatch, archive, absolute, position
):
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    evil = f"{tmp_path}/evil/train/cat/9.png" if absolute else "../evil/train/cat/9.png"
    files = {evil: encode(np.zeros((6, 5, 3), np.uint8))}
    files = files | make_files() if position == "first" else make_files() | files
    path = pack(tmp_path / "work" / archive, files)
    message = refusal(read_folder, path, "pets")
    assert f"{path}: entry {evil} " in message
    assert "outside" in message
    assert below(tmp_path) == ["work", f"work/{archive}"]


@pytest.mark.parametrize("member_type", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_link_or_device_in_a_tar_is_refused(tmp_path, member_type):
    path = pack(tmp_path / "pets.tar", make_files())
    with tarfile.open(path, "a") as archive:
        member = tarfile.TarInfo("train/cat/link.png")
        member.type, member.linkname = member_type, "/etc/passwd"
        archive.addfile(member)
    message = refusal(read_folder, path, "pets")
    assert str(path) in message
    assert "train/cat/link.png is a link" in message


@pytest.mark.parametrize("empty", ["train/fish", "test/fish"])
@pytest.mark.parametrize("source", SOURCES)
def test_class_folder_without_images_is_named(tmp_path, source, empty):
    path = pack(tmp_path / source, make_files() | {empty: None})
    message = refusal(read_folder, path, "pets")
    assert all(word in message for word in ["pets", str(path), f"{empty} holds no images"])


def jpeg_cut_in_half():
    noise = np.random.default_rng(0).integers(0, 256, (6, 5, 3), dtype=np.uint8)
    content = encode(noise, "JPEG")
    return content[: content.index(b"\xff\xda") + 20]  # the header and the start of the pixels


@pytest.mark.parametrize(
    "content",
    [b"", b"no image", make_files()["train/cat/0.png"][:60], jpeg_cut_in_half()],
    ids=["empty", "text", "truncated PNG", "truncated JPEG"],
)
@pytest.mark.parametrize("source", SOURCES)
def test_image_that_cannot_be_decoded_is_named(tmp_path, source, content):
    path = pack(tmp_path / source, make_files() | {"train/dog/1.jpg": content})
    message = refusal(read_folder, path, "pets")
    assert f"{path}: train/dog/1.jpg cannot be decoded" in message


@pytest.mark.parametrize("source", SOURCES)
def test_images_of_different_sizes_are_both_named(tmp_path, source):
    other = encode(np.zeros((9, 7, 3), np.uint8))
    path = pack(tmp_path / source, make_files() | {"train/dog/2.png": other})
    message = refusal(read_folder, path, "pets")
    named = [str(path), "train/dog/2.png is 7x9 px", "cat/0.png is 5x6 px"]
    assert all(word in message for word in named)


@pytest.mark.parametrize("source", SOURCES)
def test_class_of_test_that_train_lacks_is_named(tmp_path, source):
    path = pack(tmp_path / source, make_files() | {"test/fish/0.png": make_files()["test/cat/0.png"]})
    message = refusal(read_folder, path, "pets")
    assert all(word in message for word in [str(path), "test/fish", "cat, dog"])


@pytest.mark.parametrize("missing", ["train", "test"])
@pytest.mark.parametrize("source", SOURCES)
def test_missing_part_is_named(tmp_path, source, missing):
    files = {name: content for name, content in make_files().items() if not name.startswith(missing)}
    path = pack(tmp_path / source, files)
    message = refusal(read_folder, path, "pets")
    assert all(word in message for word in [str(path), f"no {missing}/<class>/ folder"])


# --- The program ---


def preparation(settings, output):
    """The program prepare_dataset.py and what it is given."""
    command = [SCRIPTS / "prepare_dataset.py", "--name", "pets", "--output", output]
    return [*command, "--settings", json.dumps(settings), "--schema", SCHEMA_FILE]


def prepare(settings, output, data):
    """Run prepare_dataset.py with `data` as $ANATOMY_DATA."""
    return run(*preparation(settings, output), **{DATA_VARIABLE: str(data)})


FOLDER = {"source": "folder", "label": "Pets", "path": "pets", "homepage": "https://example.org/pets"}


def test_program_writes_what_the_folder_holds(tmp_path):
    (tmp_path / "empty").mkdir()
    pack(tmp_path / "data" / "pets", make_files())
    directories = os.pathsep.join([str(tmp_path / "empty"), str(tmp_path / "data")])
    result = prepare(FOLDER, tmp_path / "out", directories)
    assert (result.returncode, result.stderr) == (0, "")
    assert below(tmp_path / "out") == [DATA_FILE, DESCRIPTION_FILE]
    dataset, description = open_dataset(tmp_path / "out")
    assert_is_pictures(dataset)
    assert description["source"] == {"source": "folder", "path": "pets"}
    assert description["train"] == {"images": 6, "images_per_class": [3, 3]}


def test_program_records_the_checksum_of_the_archive(tmp_path):
    path = pack(tmp_path / "pets.tar.gz", make_files())
    result = prepare(FOLDER | {"path": path.name}, tmp_path / "out", tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    recorded = open_dataset(tmp_path / "out")[1]["source"]["sha256"]
    assert recorded == hashlib.sha256(path.read_bytes()).hexdigest()


def test_program_makes_the_same_embedded_bytes_as_this_process(tmp_path):
    variant = {"source": "embedded", "variant": "digits-rgb", "train": TRAIN, "test": TEST, "seed": 0}
    result = prepare(variant, tmp_path / "out", "")
    assert (result.returncode, result.stderr) == (0, "")
    dataset, description = open_dataset(tmp_path / "out")
    assert description["source"] == {key: value for key, value in variant.items() if key != "seed"}
    for name, array in digits("digits-rgb", 0).items():
        assert getattr(dataset, name).tobytes() == array.tobytes()


@pytest.mark.parametrize(
    ("settings", "content"),
    [
        ({}, b"no archive"),
        ({"sha256": "0" * 64}, b"no archive"),
        ({"path": "other.tar", "homepage": "https://example.org"}, None),
        ({"paths": "pets.tar"}, None),
        ({"source": "folders"}, None),
        ({"source": "own_source:make"}, None),
    ],
    ids=["no archive", "wrong checksum", "missing archive", "unknown key", "unknown source", "no own source"],
)
def test_program_reports_bad_input_in_one_line_and_writes_nothing(tmp_path, settings, content):
    if content is not None:
        (tmp_path / "pets.tar").write_bytes(content)
    result = prepare(FOLDER | {"path": "pets.tar"} | settings, tmp_path / "out", tmp_path)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("error: ")
    assert len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "out" / DATA_FILE).exists()


def test_full_disk_leaves_no_half_written_file(tmp_path):
    files = {name: encode(np.zeros((50, 50, 3), np.uint8)) for name in make_files()}
    pack(tmp_path / "pets", files)

    def limit_file_size():
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    result = subprocess.run(
        [sys.executable, *preparation(FOLDER, tmp_path / "out")],
        env=environment() | {DATA_VARIABLE: str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        preexec_fn=limit_file_size,
    )
    assert result.returncode != 0
    assert "File too large" in result.stderr
    assert below(tmp_path / "out") == []


# --- Real images, where they are at hand ---


def real_archive(name):
    shared = ROOT.parent / "shared" / "data"
    return Path(variable("TEST_DATA") or shared) / name


@pytest.mark.skipif(not real_archive("cifar10-images.tar.gz").is_file(), reason="no CIFAR-10 archive here")
def test_cifar10_archive_has_the_known_size_and_channel_means():
    dataset = read_folder(real_archive("cifar10-images.tar.gz"), "cifar10")
    assert dataset.train_images.shape == (50_000, 3, 32, 32)
    assert dataset.test_images.shape == (10_000, 3, 32, 32)
    assert np.bincount(dataset.train_labels).tolist() == [5000] * 10
    assert np.bincount(dataset.test_labels).tolist() == [1000] * 10
    means, stds = channel_statistics(dataset.train_images)
    np.testing.assert_allclose(means, [0.4914, 0.4822, 0.4465], atol=0.01)
    np.testing.assert_allclose(stds, [0.2470, 0.2435, 0.2616], atol=0.01)


def add_file(root, name):
    """Put a small PNG at `name` below `root`."""
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 4)).save(root / name)


def test_images_below_a_class_folder_are_refused(tmp_path):
    for name in ("train/cat/1.png", "train/cat/more/2.png", "test/cat/1.png"):
        add_file(tmp_path, name)
    with pytest.raises(
        InputError, match=r"train/cat/more/2.png is misplaced; expected train/<class>/<image>"
    ):
        read_folder(tmp_path, "pets")


def test_two_data_sets_in_one_folder_are_refused(tmp_path):
    for root in ("a", "b"):
        add_file(tmp_path, f"{root}/train/cat/1.png")
    with pytest.raises(InputError, match="several data sets, under a and b"):
        read_folder(tmp_path, "pets")


def test_home_directory_is_expanded_in_the_search_path(tmp_path, monkeypatch):
    (tmp_path / "pets.tar").touch()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("ANATOMY_DATA", "~")
    assert locate("pets.tar", "pets") == tmp_path / "pets.tar"
