"""Images are decoded by Pillow itself, whatever their files are called; it starts no other program."""

import io
import struct
import zlib

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


def png(depth, colours, values):
    """A PNG of one pixel; `colours` is its colour type."""

    def chunk(name, content):
        return (
            struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        )

    header = struct.pack(">IIBBBBB", 1, 1, depth, colours, 0, 0, 0)
    pixel = zlib.compress(b"\0" + struct.pack(f">{len(values)}{'H' if depth == 16 else 'B'}", *values))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixel) + chunk(b"IEND", b"")


def tiff(bits, values):
    """A TIFF of one pixel in colours."""
    pixel = struct.pack(f"<3{'H' if bits == 16 else 'B'}", *values).ljust(6, b"\0")
    tags = [
        (256, 1, 1), (257, 1, 1), (258, 3, 14), (259, 1, 1), (262, 1, 2), (273, 1, 8), (277, 1, 3),
        (278, 1, 1), (279, 1, 3 * bits // 8),
    ]  # fmt: skip
    fields = b"".join(struct.pack("<HHII", tag, 3, count, value) for tag, count, value in tags)
    return (
        struct.pack("<2sHI", b"II", 42, 20) + pixel + struct.pack("<3H", *[bits] * 3)
        + struct.pack("<H", len(tags)) + fields + bytes(4)
    )  # fmt: skip


DEEP = (40000, 255, 511)


@pytest.mark.parametrize(
    "content",
    [
        png(16, 2, DEEP),
        png(16, 6, (*DEEP, 65535)),
        png(16, 4, DEEP[:2]),
        b"P6 1 1 65535\n" + struct.pack(">3H", *DEEP),
        b"P6 1 1 511\n" + struct.pack(">3H", 400, 255, 511),
        b"P3 1 1 65535\n40000 255 511\n",
        tiff(16, DEEP),
    ],
    ids=["RGB", "RGBA", "grey and alpha", "PPM", "9 bits", "plain PPM", "TIFF"],
)
def test_more_than_8_bits_per_channel_are_refused_and_not_cut(content):
    bits = "9" if b" 511\n\1" in content else "16"
    for read in (lambda: check_header(io.BytesIO(content), "x"), lambda: decode(content, "RGB", "x")):
        with pytest.raises(InputError, match=rf"^x cannot .* \({bits} bits per channel; expected 8 bits per"):
            read()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (png(8, 2, (40, 255, 5)), [40, 255, 5]),
        (b"P6 1 1 255\n" + bytes([40, 255, 5]), [40, 255, 5]),
        (b"P6 1 1 51\n" + bytes([8, 51, 1]), [40, 255, 5]),
        (b"P3 1 1 255\n40 255 5\n", [40, 255, 5]),
        (tiff(8, (40, 255, 5)), [40, 255, 5]),
    ],
)
def test_8_bits_per_channel_and_fewer_are_read(content, expected):
    assert pixels(decode(content, "RGB", "x")).ravel().tolist() == expected


def test_a_bmp_of_16_bits_per_pixel_has_no_more_than_8_per_channel():
    header = struct.pack("<2sIIIIiiHHIIiiII", b"BM", 58, 0, 54, 40, 1, 1, 1, 16, 0, 4, 0, 0, 0, 0)
    content = header + struct.pack("<HH", 0b0_11111_00000_00000, 0)
    assert pixels(decode(content, "RGB", "x")).ravel().tolist() == [255, 0, 0]
