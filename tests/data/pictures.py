"""A small data set of pictures as a folder or archive, and what tests of data sets ask of it."""

import io
import tarfile
import zipfile

import numpy as np
import pytest
from PIL import Image

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
