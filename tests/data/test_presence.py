"""Which files of data sets are there: official ones first, then copies, then what can be downloaded."""

import os

import numpy as np
import pytest
from configuration.configuration_examples import SCHEMA
from conftest import make_dataset

from anatomy.configuration.labels import dataset_label
from anatomy.data.polarity import with_polarity
from anatomy.data.presence import OFFICIAL, chosen, directory_of, missing, missing_weights
from anatomy.data.sources import described
from anatomy.data.sources import torchvision as official_source
from anatomy.runtime.settings import Settings
from anatomy.runtime.torchvision_import import datasets

PARTS = SCHEMA["$defs"]
STAND_IN = {
    "path": "copies.tar.gz",
    "encoding": "JPEG copies",
    "channels": 1,
    "homepage": "https://copies.org",
}
# No request leaves the machine: nothing listens there.
NOWHERE = "http://127.0.0.1:9"


def official(name="CIFAR10", **keys):
    entry = {"source": "torchvision", "official": name, "label": "Pictures", "stand_in": STAND_IN, **keys}
    return Settings(entry, PARTS["torchvision"])


def put(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")


@pytest.fixture
def unreachable(monkeypatch):
    for scheme in ("http", "https"):
        monkeypatch.setenv(f"{scheme}_proxy", NOWHERE)
        monkeypatch.setenv(f"{scheme.upper()}_PROXY", NOWHERE)


def test_files_are_those_of_torchvision():
    for name in ("CIFAR10", "CIFAR100"):
        theirs, ours = getattr(datasets, name), OFFICIAL[name]
        assert (theirs.filename,) == ours.archives
        assert theirs.base_folder == ours.unpacked
        assert theirs.url == ours.site + theirs.filename
    assert datasets.MNIST.mirrors[0] == OFFICIAL["MNIST"].site
    names = [f"MNIST/raw/{name}" for name, _ in datasets.MNIST.resources]
    assert sorted(names) == sorted(OFFICIAL["MNIST"].archives)
    assert list(OFFICIAL) == PARTS["torchvision"]["properties"]["official"]["enum"]


def test_the_first_directory_with_all_files_is_found(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    both = f"{first}{os.pathsep}{second}"
    assert directory_of("MNIST", both) is None
    put(first, *OFFICIAL["MNIST"].archives[:3])
    put(second, *OFFICIAL["MNIST"].archives)
    assert directory_of("MNIST", both) == second
    (second / "cifar-10-batches-py").mkdir()
    assert directory_of("CIFAR10", both) == second
    put(first, "cifar-10-python.tar.gz")
    assert directory_of("CIFAR10", both) == first


def test_copies_stand_in_only_where_official_files_are_missing(tmp_path):
    points = Settings({"source": "points", "variant": "gauss"}, PARTS["points"])
    given = {"pictures": official(test=7, classes=["a"]), "other": points}
    neither, notes = chosen(given, PARTS, str(tmp_path))
    plain = {"source": "torchvision", "official": "CIFAR10", "label": "Pictures", "test": 7, "classes": ["a"]}
    assert neither["pictures"].stored() == plain
    assert not notes and neither["other"] is given["other"]

    put(tmp_path, "copies.tar.gz")
    copies, notes = chosen(given, PARTS, str(tmp_path))
    expected = {**STAND_IN, "source": "folder", "label": "Pictures", "test": 7, "classes": ["a"]}
    assert copies["pictures"].stored() == expected
    assert str(tmp_path / "copies.tar.gz") in notes["pictures"]
    assert dataset_label("pictures", copies["pictures"]) == "Pictures (JPEG copies)"
    assert described(copies["pictures"])["encoding"] == "JPEG copies"

    put(tmp_path, "cifar-10-python.tar.gz")
    real, notes = chosen(given, PARTS, str(tmp_path))
    assert real["pictures"].stored() == plain
    assert dataset_label("pictures", real["pictures"]) == "Pictures"
    assert not notes


def test_what_can_neither_be_found_nor_downloaded_is_named_with_its_place(tmp_path, unreachable):
    settings = official("MNIST")
    text = missing("pictures", settings, settings.stand_in, str(tmp_path))
    copies = ("copies.tar.gz (JPEG copies)", "https://copies.org")
    for words in (str(tmp_path / "MNIST/raw"), "t10k-labels-idx1-ubyte.gz", *copies, "cannot be reached"):
        assert words in text
    put(tmp_path, *OFFICIAL["MNIST"].archives)
    assert missing("pictures", settings, settings.stand_in, str(tmp_path)) is None


def test_a_site_that_answers_is_enough(tmp_path, server, monkeypatch):
    """Also with an error: what it has is not known before the download."""
    _, address = server
    for site in (address, f"{address}nothing-here/"):
        files = OFFICIAL["CIFAR10"].__class__(("a.tar.gz",), None, site)
        monkeypatch.setitem(OFFICIAL, "CIFAR10", files)
        assert missing("pictures", official(), None, str(tmp_path)) is None


def test_folders_and_weights_are_looked_for_by_name(tmp_path, unreachable):
    folder = Settings({"source": "folder", "path": "mine.tar", "homepage": "there"}, PARTS["folder"])
    text = missing("mine", folder, None, str(tmp_path))
    assert str(tmp_path / "mine.tar") in text and "Get it from there" in text
    entry = {"source": "matconvnet", "architecture": "vgg16", "path": "vgg.mat"}
    released = Settings(entry, PARTS["pretrained_matconvnet"])
    assert str(tmp_path / "vgg.mat") in missing_weights("net", released, str(tmp_path))
    ours = Settings({"source": "torchvision", "architecture": "vgg16bn"}, PARTS["pretrained_torchvision"])
    assert "vgg16_bn-*.pth not found" in missing_weights("net", ours, str(tmp_path))
    put(tmp_path, "mine.tar", "vgg.mat", "vgg16_bn-6c64b313.pth")
    assert missing("mine", folder, None, str(tmp_path)) is None
    assert missing_weights("net", released, str(tmp_path)) is None
    assert missing_weights("net", ours, str(tmp_path)) is None


def test_archives_that_cannot_be_unpacked_beside_themselves_are_linked(tmp_path, monkeypatch):
    own, theirs = tmp_path / "own", tmp_path / "theirs"
    monkeypatch.setenv("ANATOMY_DATA", f"{own}{os.pathsep}{theirs}")
    put(theirs, "cifar-10-python.tar.gz")
    assert official_source.root_of("CIFAR10") == theirs
    # Root may write anywhere, whatever the permissions say.
    monkeypatch.setattr(official_source.os, "access", lambda path, mode: path != theirs)
    assert official_source.root_of("CIFAR10") == own
    assert (own / "cifar-10-python.tar.gz").resolve() == (theirs / "cifar-10-python.tar.gz").resolve()
    assert official_source.root_of("CIFAR100") == own
    (theirs / "cifar-100-python").mkdir()
    assert official_source.root_of("CIFAR100") == theirs


@pytest.mark.parametrize("count", [40, 41])
def test_half_of_the_images_are_inverted(count):
    before = make_dataset(train=count, test=count, channels=1, size=5)
    after = with_polarity(before, "both")
    inverted = {}
    for part in ("train", "test"):
        old, new = (getattr(dataset, f"{part}_images") for dataset in (before, after))
        same = (old == new).all((1, 2, 3))
        np.testing.assert_array_equal(new[~same].astype(int) + old[~same], 255)
        inverted[part] = np.flatnonzero(~same).tolist()
        np.testing.assert_array_equal(getattr(before, f"{part}_labels"), getattr(after, f"{part}_labels"))
    assert [len(indices) for indices in inverted.values()] == [20, 20]
    assert inverted["train"] != inverted["test"]
    np.testing.assert_array_equal(with_polarity(before, "both").train_images, after.train_images)
    assert with_polarity(before, "single") is before
