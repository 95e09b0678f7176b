"""Images of folders and archives: read exactly, found where they are, refused when they are bad."""

import gzip
import hashlib
import os
import tarfile
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from pictures import (
    ARCHIVES,
    SOURCES,
    assert_is_pictures,
    below,
    encode,
    make_files,
    make_pictures,
    pack,
    refusal,
)
from PIL import Image

from anatomy.data.dataset import channel_statistics
from anatomy.data.search_path import DATA_VARIABLE, locate, search_path
from anatomy.data.sources.folder import read_folder
from anatomy.runtime.environment import variable
from anatomy.runtime.errors import InputError


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


@pytest.mark.parametrize("name", ["train\\cat\\9.png", "top\\test\\cat\\9.png", "train/cat\\9.png"])
@pytest.mark.parametrize("archive", ARCHIVES)
def test_an_image_below_backslashes_is_not_left_out_in_silence(tmp_path, archive, name):
    files = make_files()
    packed = pack(tmp_path / archive, files | {name: files["train/cat/0.png"]})
    message = refusal(read_folder, packed, "pets")
    assert f"{name} has backslashes between folders; pack them anew, with slashes" in message


def test_backslashes_in_the_names_of_images_are_letters(tmp_path):
    files = {name.replace("/0", "/0\\"): content for name, content in make_files().items()}
    assert_is_pictures(read_folder(pack(tmp_path / "pets.tar", files | {"read\\me": b"?"}), "pets"))


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
