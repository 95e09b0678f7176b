"""CIFAR and MNIST in their official formats, downloaded by torchvision from a local server."""

import numpy as np
import pytest
from official_files import CLASSES, serve

from anatomy.data.dataset import open_dataset, write_dataset
from anatomy.data.sources.torchvision import read_official
from anatomy.runtime.errors import InputError
from anatomy.runtime.torchvision_import import datasets


def forget_checksums(name, monkeypatch):
    """Expect other archives than those served, as torchvision's own attributes do."""
    source = getattr(datasets, name)
    if name == "MNIST":
        monkeypatch.setattr(source, "resources", [(file, "0" * 32) for file, _ in source.resources])
    else:
        monkeypatch.setattr(source, "tgz_md5", "0" * 32)


def assert_is(dataset, made):
    for part, batches in zip(("train", "test"), made, strict=True):
        images, labels = getattr(dataset, f"{part}_images"), getattr(dataset, f"{part}_labels")
        np.testing.assert_array_equal(images, np.concatenate([batch[0] for batch in batches]))
        np.testing.assert_array_equal(labels, np.concatenate([batch[1] for batch in batches]))
        assert (images.dtype, labels.dtype) == (np.uint8, np.int64)


@pytest.mark.parametrize("name", CLASSES)
def test_official_files_are_downloaded_and_read(name, server, monkeypatch, tmp_path):
    made = serve(name, server, monkeypatch)
    dataset = read_official(name, tmp_path / "data")
    assert_is(dataset, made)
    assert dataset.classes == CLASSES[name]
    write_dataset(dataset, tmp_path / "out", name, {"official": name})
    assert_is(open_dataset(tmp_path / "out")[0], made)


@pytest.mark.parametrize("name", CLASSES)
def test_files_already_there_are_used_without_the_network(name, server, monkeypatch, tmp_path):
    made = serve(name, server, monkeypatch)
    read_official(name, tmp_path / "data")
    for file in server[0].iterdir():
        file.unlink()
    assert_is(read_official(name, tmp_path / "data"), made)


@pytest.mark.parametrize("name", CLASSES)
def test_wrong_checksum_is_refused_and_nothing_unpacked(name, server, monkeypatch, tmp_path):
    serve(name, server, monkeypatch)
    forget_checksums(name, monkeypatch)
    with pytest.raises(InputError) as caught:
        read_official(name, tmp_path / "data")
    assert all(word in str(caught.value) for word in [name, str(tmp_path / "data"), "checksum"])
    kept = [path.suffix for path in (tmp_path / "data").rglob("*") if path.is_file()]
    assert set(kept) <= {".gz"}


@pytest.mark.parametrize("name", CLASSES)
def test_server_without_the_files_is_reported(name, server, monkeypatch, tmp_path):
    serve(name, server, monkeypatch)
    for file in server[0].iterdir():
        file.unlink()
    with pytest.raises(InputError) as caught:
        read_official(name, tmp_path / "data")
    assert all(word in str(caught.value) for word in [name, str(tmp_path / "data"), "404"])


DAMAGED = {"CIFAR10": "data_batch_3", "CIFAR100": "train", "MNIST": "train-images-idx3-ubyte"}


@pytest.mark.parametrize("damage", ["flip a bit", "truncate", "empty"])
@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_file_is_never_used(name, damage, server, monkeypatch, tmp_path):
    """It is refused, or replaced by what the archive beside it holds."""
    made = serve(name, server, monkeypatch)
    read_official(name, tmp_path / "data")
    [file] = (tmp_path / "data").rglob(DAMAGED[name])
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes({"truncate": content[:-100], "empty": b""}.get(damage, content))
    try:
        dataset = read_official(name, tmp_path / "data")
    except InputError as error:
        assert name in str(error)
    else:
        assert_is(dataset, made)


def test_unpacked_mnist_files_without_archives_are_neither_trusted_nor_deleted(server, monkeypatch, tmp_path):
    serve("MNIST", server, monkeypatch)
    read_official("MNIST", tmp_path / "data")
    for file in [*server[0].iterdir(), *(tmp_path / "data").rglob("*.gz")]:
        file.unlink()
    before = {path: path.read_bytes() for path in (tmp_path / "data").rglob("*-ubyte")}
    with pytest.raises(InputError, match="MNIST could not be downloaded"):
        read_official("MNIST", tmp_path / "data")
    assert len(before) == 4
    assert all(path.read_bytes() == content for path, content in before.items())
