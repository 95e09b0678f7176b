"""CIFAR and MNIST in their official formats, with random images, as torchvision downloads them."""

import gzip
import hashlib
import io
import pickle
import tarfile

import numpy as np

from anatomy.runtime.torchvision_import import datasets

CLASSES = {
    "CIFAR10": [f"class {number}" for number in range(10)],
    "CIFAR100": [f"fine {number}" for number in range(100)],
    "MNIST": datasets.MNIST.classes,
}


def md5(content):
    return hashlib.md5(content).hexdigest()


def serve_cifar(name, server, monkeypatch, per_file):
    """Serve batches of random images; return them by file, as (images, labels)."""
    folder, address = server
    source = getattr(datasets, name)
    generator = np.random.default_rng(0)
    label_key = "labels" if name == "CIFAR10" else "fine_labels"
    made, files = {}, {}
    for part, listed in (("train", source.train_list), ("test", source.test_list)):
        for file, _ in listed:
            count = per_file if part == "train" else per_file - 1
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


def serve_mnist(_name, server, monkeypatch, per_file):
    """Serve IDX files of random images; return them as (images, labels)."""
    folder, address = server
    generator = np.random.default_rng(0)
    made, resources = [], []
    for part, count in (("train", per_file), ("t10k", per_file - 1)):
        images = generator.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        labels = generator.integers(0, 10, count, dtype=np.uint8)
        made.append([(images[:, None], labels.tolist())])
        for array, idx_type in ((images, "images-idx3"), (labels, "labels-idx1")):
            # IDX: two zeros, 8 for uint8, the number of axes, the length of each, big-endian.
            header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
            content = gzip.compress(header + array.tobytes())
            (folder / f"{part}-{idx_type}-ubyte.gz").write_bytes(content)
            resources.append((f"{part}-{idx_type}-ubyte.gz", md5(content)))
    monkeypatch.setattr(datasets.MNIST, "mirrors", [address])
    monkeypatch.setattr(datasets.MNIST, "resources", resources)
    return made


def serve(name, server, monkeypatch, per_file=4):
    """Serve a data set of `per_file` images in each training file, and of one fewer in each test file."""
    return (serve_mnist if name == "MNIST" else serve_cifar)(name, server, monkeypatch, per_file)
