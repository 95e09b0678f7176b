"""Images are decoded by Pillow itself, whatever their files are called; it starts no other program."""

import io

import numpy as np
import pytest
from PIL import Image

from anatomy.data.decoding import FORMATS, check_header, decode, pixels
from anatomy.data.sources.folder import read_folder
from anatomy.data.sources.images import index_part
from anatomy.runtime.errors import InputError

POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\n{} loop\n%%EOF\n"


@pytest.fixture
def ghostscript(tmp_path, monkeypatch):
    """A file that there is once anything has started Ghostscript."""
    started = tmp_path / "started"
    program = tmp_path / "bin" / "gs"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n/usr/bin/touch {started}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    return started


@pytest.fixture
def pictures(tmp_path):
    """A folder of classes in which one image is PostScript called .png."""
    for part in ("train", "test"):
        for label in ("cat", "dog"):
            folder = tmp_path / "pictures" / part / label
            folder.mkdir(parents=True)
            Image.new("RGB", (8, 8)).save(folder / "0.png")
    (tmp_path / "pictures/train/dog/1.png").write_bytes(POSTSCRIPT)
    return tmp_path / "pictures"


def test_postscript_in_a_folder_starts_nothing(pictures, ghostscript):
    with pytest.raises(InputError, match=r"train/dog/1\.png cannot be decoded as an image"):
        read_folder(pictures, "pictures")
    assert not ghostscript.exists()


def test_postscript_in_place_starts_nothing(pictures, ghostscript):
    with pytest.raises(InputError, match=r"1\.png cannot be decoded as an image \(none of JPEG, PNG"):
        index_part(pictures, "train", "pictures")
    with pytest.raises(InputError, match="cannot be decoded"):
        decode(POSTSCRIPT, "RGB", "an image")
    assert not ghostscript.exists()


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_of_the_list_is_decoded(name):
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (8, 6), np.uint8))
    file = io.BytesIO()
    image.save(file, format=name, **({"lossless": True} if name == "WEBP" else {}))
    check_header(io.BytesIO(file.getvalue()), "an image")
    found = pixels(decode(file.getvalue(), "L", "an image"))
    if name == "JPEG":
        # It loses detail.
        assert found.shape == (1, 8, 6)
    else:
        np.testing.assert_array_equal(found[0], np.asarray(image))
