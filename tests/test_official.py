"""CIFAR and MNIST in their official formats, downloaded by torchvision from a local server."""

import gzip
import hashlib
import io
import pickle
import tarfile
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from hyperplanes.datasets import read_dataset, write_dataset
from hyperplanes.errors import InputError
from hyperplanes.official import read_official
from hyperplanes.vision import datasets

CLASSES = {
    "CIFAR10": [f"class {number}" for number in range(10)],
    "CIFAR100": [f"fine {number}" for number in range(100)],
    "MNIST": datasets.MNIST.classes,
}
PER_FILE = 4  # images in a training file; a test file has one fewer


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A folder, and the address it is served at."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    folder = tmp_path / "served"
    folder.mkdir()
    handler = partial(QuietHandler, directory=folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=[0.01])
        thread.start()
        yield folder, f"http://127.0.0.1:{running.server_port}/"
        running.shutdown()
        thread.join()


def md5(content):
    return hashlib.md5(content).hexdigest()


def serve_cifar(name, server, monkeypatch):
    """Serve batches of random images; return them by file, as (images, labels)."""
    folder, address = server
    source = getattr(datasets, name)
    generator = np.random.default_rng(0)
    label_key = "labels" if name == "CIFAR10" else "fine_labels"
    made, files = {}, {}
    for part, listed in (("train", source.train_list), ("test", source.test_list)):
        for file, _ in listed:
            count = PER_FILE if part == "train" else PER_FILE - 1
            data = generator.integers(0, 256, (count, 3 * 32 * 32), dtype=np.uint8)
            labels = generator.integers(0, len(CLASSES[name]), count).tolist()
            made[file] = data.reshape(-1, 3, 32, 32), labels
            files[file] = pickle.dumps({"data": data, label_key: labels, "coarse_labels": [0] * count}, 2)
    meta = source.meta["filename"]
    files[meta] = pickle.dumps({source.meta["key"]: CLASSES[name]}, 2)
    with tarfile.open(folder / source.filename, "w:gz") as archive:
        for file, content in files.items():
            member = tarfile.TarInfo(f"{source.base_folder}/{file}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    monkeypatch.setattr(source, "url", address + source.filename)
    monkeypatch.setattr(source, "tgz_md5", md5((folder / source.filename).read_bytes()))
    for part in ("train_list", "test_list"):
        listed = [[file, md5(files[file])] for file, _ in getattr(source, part)]
        monkeypatch.setattr(source, part, listed)
    monkeypatch.setattr(source, "meta", source.meta | {"md5": md5(files[meta])})
    return [made[file] for file, _ in source.train_list], [made[file] for file, _ in source.test_list]


def serve_mnist(_name, server, monkeypatch):
    """Serve IDX files of random images; return them as (images, labels)."""
    folder, address = server
    generator = np.random.default_rng(0)
    made, resources = [], []
    for part, count in (("train", PER_FILE), ("t10k", PER_FILE - 1)):
        images = generator.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        labels = generator.integers(0, 10, count, dtype=np.uint8)
        made.append([(images[:, None], labels.tolist())])
        for array, kind in ((images, "images-idx3"), (labels, "labels-idx1")):
            # IDX: two zeros, 8 for uint8, the number of axes, the length of each, big-endian.
            header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
            content = gzip.compress(header + array.tobytes())
            (folder / f"{part}-{kind}-ubyte.gz").write_bytes(content)
            resources.append((f"{part}-{kind}-ubyte.gz", md5(content)))
    monkeypatch.setattr(datasets.MNIST, "mirrors", [address])
    monkeypatch.setattr(datasets.MNIST, "resources", resources)
    return made


def serve(name, server, monkeypatch):
    return (serve_mnist if name == "MNIST" else serve_cifar)(name, server, monkeypatch)


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
    assert_is(read_dataset(tmp_path / "out")[0], made)


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
