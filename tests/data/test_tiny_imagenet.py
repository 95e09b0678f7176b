"""TinyImageNet as it is shipped: its zip and its folder, and what is wrong with others."""

import io
import json
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


def image(level, mode="RGB"):
    file = io.BytesIO()
    Image.new(mode, (64, 64), level if mode == "L" else (level, 0, 0)).save(file, "PNG")
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


def as_zip(folder, files):
    path = folder / "tiny-imagenet-200.zip"
    with zipfile.ZipFile(path, "w") as archive:
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
    with pytest.raises(InputError, match="is truncated, corrupt or no zip"):
        read_tiny_imagenet(path, "tiny")


def test_it_is_prepared(tmp_path):
    path = as_zip(tmp_path, entries())
    entry = {"source": "tiny_imagenet", "path": str(path), "mean": [0.5] * 3, "std": [0.2] * 3}
    prepare("tiny", Settings(entry, SCHEMA), tmp_path / "prepared")
    dataset, description = open_dataset(tmp_path / "prepared")
    assert len(dataset.train_labels) == 4 and description["mean"] == [0.5] * 3
    source = json.loads((tmp_path / "prepared/dataset.json").read_text())["source"]
    assert len(source["sha256"]) == 64
