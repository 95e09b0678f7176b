"""TinyImageNet as it is shipped: its zip and its folder, and what is wrong with others."""

import io
import json
import os
import zipfile

import numpy as np
import pytest
from conftest import ROOT
from PIL import Image

from anatomy.data.dataset import open_dataset
from anatomy.data.sources.tiny_imagenet import prepare, read_tiny_imagenet
from anatomy.runtime.errors import InputError
from anatomy.runtime.schema import read_schemas
from anatomy.runtime.settings import Settings

SCHEMA = read_schemas(ROOT / "workflow/schemas/config.schema.yaml")["$defs"]["tiny_imagenet"]
CLASSES = ("n02", "n01")
ROOT_FOLDER = "tiny-imagenet-200"


def image(level, mode="RGB", side=64):
    file = io.BytesIO()
    Image.new(mode, (side, side), level if mode == "L" else (level, 0, 0)).save(file, "PNG")
    return file.getvalue()


def entries(annotations="val_1.JPEG\tn02\t0\t0\t9\t9\nval_0.JPEG\tn01\t0\t0\t9\t9\n"):
    """The files of a small one, by path; a training image of each class is grey."""
    found = {f"{ROOT_FOLDER}/val/val_annotations.txt": annotations.encode()}
    for index, name in enumerate(CLASSES):
        for number in range(2):
            path = f"{ROOT_FOLDER}/train/{name}/images/{name}_{number}.JPEG"
            found[path] = image(10 * index + number, "L" if number else "RGB")
        found[f"{ROOT_FOLDER}/train/{name}/{name}_boxes.txt"] = b"boxes"
        found[f"{ROOT_FOLDER}/val/images/val_{index}.JPEG"] = image(100 + index)
        found[f"{ROOT_FOLDER}/test/images/test_{index}.JPEG"] = image(200 + index)
    return found


def as_zip(folder, files, compression=zipfile.ZIP_STORED):
    path = folder / "tiny-imagenet-200.zip"
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def as_folder(folder, files):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder / ROOT_FOLDER


@pytest.mark.parametrize("kept", [as_zip, as_folder])
def test_it_is_read_as_it_is_shipped(kept, tmp_path):
    found = read_tiny_imagenet(kept(tmp_path, entries()), "tiny")
    assert found.classes == ["n01", "n02"]
    assert found.train_images.shape == (4, 3, 64, 64) and found.train_images.dtype == np.uint8
    assert found.train_labels.tolist() == [0, 0, 1, 1]
    assert found.train_images[:, :, 0, 0].tolist() == [[10, 0, 0], [11] * 3, [0, 0, 0], [1] * 3]
    # val_0 is of n01, which is class 0.
    assert found.test_images[:, 0, 0, 0].tolist() == [100, 101] and found.test_labels.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"a/b": b""}, r"has no train/ and val/val_annotations\.txt; expected tiny-imagenet-200\.zip"),
        (entries("val_0.JPEG\tn09\n"), r"val_annotations\.txt has 'val_0\.JPEG\\tn09'; expected an image"),
        (entries("val_7.JPEG\tn01\n"), r"val_7\.JPEG, which val_annotations\.txt lists, is missing"),
        (entries(""), "lists no images"),
        (
            {name: content for name, content in entries().items() if "n01/images" not in name},
            "n01 has no images/ with images in train/",
        ),
    ],
)
def test_what_is_missing_is_named(files, message, tmp_path):
    with pytest.raises(InputError, match=message):
        read_tiny_imagenet(as_zip(tmp_path, files), "tiny")


def test_a_damaged_zip_is_refused(tmp_path):
    path = as_zip(tmp_path, entries())
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(InputError, match="is truncated, corrupt or no tar or zip"):
        read_tiny_imagenet(path, "tiny")


VAL = f"{ROOT_FOLDER}/val/images"
N01 = f"{ROOT_FOLDER}/train/n01/images"


@pytest.mark.parametrize("kept", [as_zip, as_folder])
@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            entries("val_0.JPEG\tn01\nval_0.JPEG\tn02\n"),
            r"lists 'val_0\.JPEG' twice; expected each",
        ),
        (
            entries("../../../etc/passwd\tn01\n"),
            r"\.\./etc/passwd, which val_annotations\.txt lists, is",
        ),
        (
            {**entries(), f"{ROOT_FOLDER}/val/val_annotations.txt": b"\xff\tn01\n"},
            r"val_annotations\.txt is no UTF-8 \(.* byte 0xff .*\); expected a list of images and their cl",
        ),
        (
            {**entries(), f"{N01}/n01_1.JPEG": image(5, side=32)},
            r"n01_1\.JPEG is 32x32 px but .* is 64x64",
        ),
        (
            {**entries(), f"{VAL}/val_0.JPEG": image(5, side=32)},
            r"val_0\.JPEG is 32x32 px but .* is 64x64",
        ),
        (
            {**entries(), f"{N01}/more/0.JPEG": image(5)},
            r"images/more.* is misplaced; expected train/<cl",
        ),
        (
            {name.replace("n01", "n\n1"): content for name, content in entries("val_0.JPEG\tn02").items()},
            r"class folder 'n\\n1' has control characters",
        ),
    ],
)
def test_what_is_wrong_is_named(files, message, kept, tmp_path):
    with pytest.raises(InputError, match=message):
        read_tiny_imagenet(kept(tmp_path, files), "tiny")


def test_an_entry_that_is_there_twice_is_refused(tmp_path):
    path = as_zip(tmp_path, entries())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(f"./{VAL}/val_0.JPEG", image(3))
    with pytest.raises(InputError, match=r"val/images/val_0\.JPEG is there twice"):
        read_tiny_imagenet(path, "tiny")


@pytest.mark.parametrize("file", [f"{N01}/n01_0.JPEG", f"{ROOT_FOLDER}/val/val_annotations.txt"])
def test_a_huge_file_is_never_read(file, tmp_path):
    path = as_folder(tmp_path, entries())
    with open(tmp_path / file, "wb") as sparse:
        sparse.truncate(1 << 40)
    with pytest.raises(InputError, match=rf"{file.rpartition('/')[2]} has more than \d+ MiB; expected a"):
        read_tiny_imagenet(path, "tiny")


def test_a_pipe_and_a_broken_link_are_named_where_they_are(tmp_path):
    path = as_folder(tmp_path, entries())
    os.mkfifo(tmp_path / N01 / "n01_2.JPEG")
    with pytest.raises(InputError, match=r"train/n01/images/n01_2\.JPEG is a pipe, a socket or a device"):
        read_tiny_imagenet(path, "tiny")
    (tmp_path / N01 / "n01_2.JPEG").unlink()
    (tmp_path / N01 / "n01_2.JPEG").symlink_to("nowhere")
    with pytest.raises(InputError, match=r"train/n01/images/n01_2\.JPEG cannot be followed"):
        read_tiny_imagenet(path, "tiny")


def flipped(content, at):
    """A zip with one bit of a compressed image flipped."""
    return content[:at] + bytes([content[at] ^ 8]) + content[at + 1 :]


def with_field(content, offset, value):
    """A zip whose entries all have a value in a field of their headers: flags (0) or method (2)."""
    for mark, start in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        at = -1
        while (at := content.find(mark, at + 1)) >= 0:
            content = content[: at + start + offset] + value + content[at + start + offset + 2 :]
    return content


def test_what_a_zip_cannot_give_is_no_traceback(tmp_path):
    path = as_zip(tmp_path, entries(), zipfile.ZIP_DEFLATED)
    content = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        first = archive.getinfo(f"{VAL}/val_0.JPEG")
    start = first.header_offset + 30 + len(first.filename)
    for wrong in (
        flipped(content, start),
        with_field(content, 0, b"\1\0"),  # encrypted
        with_field(content, 2, b"\x63\0"),  # of an unknown compression
    ):
        path.write_bytes(wrong)
        with pytest.raises(InputError, match=r"zip is truncated, corrupt or no tar or zip archive \(.+\)"):
            read_tiny_imagenet(path, "tiny")


def test_it_is_prepared(tmp_path):
    path = as_zip(tmp_path, entries())
    entry = {"source": "tiny_imagenet", "path": str(path), "mean": [0.5] * 3, "std": [0.2] * 3}
    prepare("tiny", Settings(entry, SCHEMA), tmp_path / "prepared")
    dataset, description = open_dataset(tmp_path / "prepared")
    assert len(dataset.train_labels) == 4 and description["mean"] == [0.5] * 3
    source = json.loads((tmp_path / "prepared/dataset.json").read_text())["source"]
    assert len(source["sha256"]) == 64
