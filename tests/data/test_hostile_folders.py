"""Folders and archives that hold what is no image: pipes, links, huge files, entries that are there twice."""

import bz2
import gzip
import io
import json
import lzma
import os
import tarfile
import tracemalloc
import zipfile

import numpy as np
import pytest
from conftest import SCHEMA_FILE, SCRIPTS, run
from PIL import Image

from anatomy.data import archives, small_images
from anatomy.data.search_path import DATA_VARIABLE, search_path
from anatomy.data.sources.folder import read_folder
from anatomy.data.sources.images import index_folder
from anatomy.runtime.errors import InputError

HUGE = 64 << 20


def picture(value, size=6):
    buffer = io.BytesIO()
    Image.fromarray(np.full((size, size, 3), value, np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


FILES = {f"{part}/{name}/0.png": picture(40 * i) for i, name in enumerate("ab") for part in ("train", "test")}


@pytest.fixture
def root(tmp_path):
    """A folder of two classes."""
    for name, content in FILES.items():
        path = tmp_path / "pets" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "pets"


def by_folder(root):
    return read_folder(root, "pets")


def by_images(root):
    return index_folder(root, "pets", "train", "test", 6, 6)


READERS = pytest.mark.parametrize("read", [by_folder, by_images])


def refusal(function, *arguments, **options):
    with pytest.raises(InputError) as caught:
        function(*arguments, **options)
    return str(caught.value)


def zipped(path, files):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return path


def tarred(path, files, mode="w"):
    with tarfile.open(path, mode) as archive:
        for name, content in files:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


# --- What is no file ---


@READERS
def test_a_pipe_among_the_images_is_refused_and_never_opened(read, root):
    os.mkfifo(root / "train" / "a" / "1.png")
    assert "train/a/1.png is a pipe, a socket or a device; expected an image, remove it" in refusal(
        read, root
    )


@READERS
def test_a_device_among_the_images_is_refused(read, root):
    (root / "train" / "a" / "1.png").symlink_to("/dev/zero")
    assert "train/a/1.png is a pipe, a socket or a device" in refusal(read, root)


def test_pipes_elsewhere_are_no_matter(root):
    os.mkfifo(root / "train" / "list")
    os.mkfifo(root / "notes")
    assert by_folder(root).classes == ["a", "b"]


def test_a_pipe_in_the_place_of_an_archive_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pets.tar")
    assert "is a pipe or a device; expected a directory, tar or zip" in refusal(
        by_folder, tmp_path / "pets.tar"
    )


@READERS
def test_class_folders_and_images_may_be_links(read, root, tmp_path):
    (root / "train" / "a").rename(tmp_path / "elsewhere")
    (root / "train" / "a").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (root / "test" / "b" / "1.png").symlink_to(root / "test" / "b" / "0.png")
    dataset = read(root)
    assert dataset.classes == ["a", "b"]
    assert dataset.train_labels.tolist() == [0, 1] and dataset.test_labels.tolist() == [0, 1, 1]


@READERS
@pytest.mark.parametrize("place", ["train/a/1.png", "train/c"])
def test_a_link_to_itself_or_to_nothing_is_named(read, place, root):
    (root / place).symlink_to(root / place)
    assert f"{root / place} cannot be followed (Too many levels of symbolic links)" in refusal(read, root)
    (root / place).unlink()
    (root / place).symlink_to(root / "nowhere")
    assert f"{root / place} cannot be followed (a link to what there is not)" in refusal(read, root)


def test_a_link_to_a_folder_in_which_it_lies_is_refused(root):
    (root / "train" / "a" / "loop").symlink_to(root, target_is_directory=True)
    assert "train/a/loop is a link to a folder in which it lies; remove it" in refusal(by_folder, root)


@READERS
@pytest.mark.parametrize("name", [b"a\nb", b"a\x1b[31m", b"caf\xe9", "a\u2028b".encode()])
def test_the_name_of_a_class_is_a_line_of_text(name, read, root):
    name = os.fsdecode(name)
    for part in ("train", "test"):
        (root / part / "a").rename(root / part / name)
    assert f"{root}: class folder {name!r} has control characters, or bytes" in refusal(read, root)


@READERS
@pytest.mark.parametrize("name", ["Maine Coon", "café", "雪\u3000豹", "क्\u200dष"])
def test_a_class_may_have_a_name_of_any_language(name, read, root):
    for part in ("train", "test"):
        (root / part / "a").rename(root / part / name)
    assert name in read(root).classes


@READERS
def test_classes_that_read_alike_are_refused(read, root):
    for part in ("train", "test"):
        (root / part / "a").rename(root / part / "caf\u00e9")
        (root / part / "b").rename(root / part / "cafe\u0301")
    message = r"class folder 'caf\xe9' reads as 'cafe\u0301', written otherwise; rename one of them"
    assert message in refusal(read, root)


# --- Sizes ---


@pytest.mark.parametrize("archive", ["pets.zip", "pets.tar", "pets.tar.gz"])
def test_what_is_no_image_is_never_held_in_memory(archive, tmp_path):
    pack = zipped if archive.endswith("zip") else tarred
    mode = {} if pack is zipped else {"mode": "w:gz" if archive.endswith("gz") else "w"}
    files = [("train/notes.bin", bytes(HUGE)), *FILES.items(), ("train/a/.hidden", bytes(HUGE))]
    path = pack(tmp_path / archive, files, **mode)
    tracemalloc.start()
    try:
        assert by_folder(path).classes == ["a", "b"]
        assert tracemalloc.get_traced_memory()[1] < HUGE / 4
    finally:
        tracemalloc.stop()


def test_unrelated_files_of_a_folder_are_not_read(root):
    with open(root / "train" / "notes.bin", "wb") as file:
        file.truncate(1 << 40)
    assert by_folder(root).classes == ["a", "b"]


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_an_image_file_of_any_size_is_refused(pack, tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MOST_BYTES", 1 << 20)
    path = pack(tmp_path / "archive", [("train/a/1.png", bytes(2 << 20)), *FILES.items()])
    assert "archive: train/a/1.png has more than 1 MiB; expected an image" in refusal(by_folder, path)


def test_names_of_any_size_in_a_tar_are_refused(tmp_path):
    member = tarfile.TarInfo("x")
    member.type, member.size = tarfile.XHDTYPE, HUGE
    path = tmp_path / "pets.tar"
    with open(path, "wb") as file:
        file.write(member.tobuf(tarfile.USTAR_FORMAT))
        file.truncate(HUGE + 10 * tarfile.BLOCKSIZE)
    tracemalloc.start()
    try:
        assert f"{HUGE} bytes of names or attributes" in refusal(by_folder, path)
        assert tracemalloc.get_traced_memory()[1] < HUGE / 4
    finally:
        tracemalloc.stop()


def negative(number=-512):
    """A header whose size is as GNU tar writes numbers below zero."""
    header = bytearray(tarfile.TarInfo("README").tobuf(tarfile.GNU_FORMAT))
    header[124:136] = b"\xff" + (number % 256**11).to_bytes(11, "big")
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)


def by_pax(**texts):
    member = tarfile.TarInfo("README")
    member.pax_headers = texts
    return member.tobuf(tarfile.PAX_FORMAT)


@pytest.mark.parametrize(
    "entry",
    [
        negative(),
        negative(-1),
        by_pax(size="-1536"),
        by_pax(**{"size": "0", "GNU.sparse.realsize": "-512"}),
        by_pax(**{"GNU.sparse.realsize": "-1"}),
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_a_negative_size_in_a_tar_is_refused(entry, first, tmp_path):
    content = tarred(tmp_path / "pets.tar", FILES.items()).read_bytes()
    at = 0 if first else content.index(b"train/b")
    (tmp_path / "pets.tar").write_bytes(content[:at] + entry + content[at:])
    assert "pets.tar is truncated, corrupt or no tar" in refusal(by_folder, tmp_path / "pets.tar")


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_what_follows_a_tar_or_is_skipped_in_it_has_a_bound(mode, tmp_path, monkeypatch):
    files = [*FILES.items(), ("train/notes.bin", bytes(8 << 20))]
    path = tarred(tmp_path / "pets", files, mode)
    assert by_folder(path).classes == ["a", "b"]
    monkeypatch.setattr(archives, "MOST_OF_A_SMALL_TAR", 1 << 22)
    if mode == "w":
        assert by_folder(path).classes == ["a", "b"]
    else:
        message = refusal(by_folder, path)
        assert "pets has more than 4 MiB up to entry train/notes.bin; expected at most 100 times" in message

    path = tarred(tmp_path / "tail", FILES.items(), mode)
    pack = {"w": open, "w:gz": gzip.open, "w:bz2": bz2.open, "w:xz": lzma.open}[mode]
    with pack(path, "ab") as file:
        file.write(bytes(8 << 20))
    assert by_folder(path).classes == ["a", "b"]
    monkeypatch.setattr(archives, "MOST_TAIL", 1 << 22)
    assert "more than 4194304 bytes after the end of the archive" in refusal(by_folder, path)


def compressed(size):
    """A PNG of a kilobyte or so that says, and keeps, that it has `size` pixels along each side."""
    buffer = io.BytesIO()
    Image.new("1", (size, size)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize("kind", [zipped, tarred])
def test_images_that_would_fill_the_memory_are_not_decoded(kind, tmp_path, monkeypatch):
    huge = [(f"{part}/{name}/0.png", compressed(4000)) for part in ("train", "test") for name in "ab"]
    tracemalloc.start()
    try:
        message = refusal(by_folder, kind(tmp_path / "archive", huge))
        assert tracemalloc.get_traced_memory()[1] < HUGE / 16
    finally:
        tracemalloc.stop()
    assert "archive: train/a/0.png is 4000x4000 px; at most 4194304 pixels are allowed in an image" in message
    assert "use `source: images`" in message

    monkeypatch.setattr(small_images, "MOST_OF_ALL", 3 * 6 * 6)
    message = refusal(by_folder, kind(tmp_path / "small", FILES.items()))
    assert "test/b/0.png is image 4 of 6x6 px; at most 108 pixels are allowed in all images" in message


def test_an_image_of_another_size_is_named_before_any_is_decoded(root):
    # What follows the header is missing, which decoding would tell.
    (root / "test" / "a" / "0.png").write_bytes(compressed(1500)[:80])
    message = refusal(by_folder, root)
    assert "test/b/0.png is 6x6 px but test/a/0.png is 1500x1500 px; images of one size" in message


def test_the_program_says_of_a_huge_image_one_line(root, tmp_path):
    (root / "test" / "a" / "0.png").write_bytes(compressed(10000)[:80])
    settings = json.dumps({"source": "folder", "path": str(root)})
    options = ["--name", "pets", "--output", tmp_path / "out", "--settings", settings]
    result = run(SCRIPTS / "prepare_dataset.py", *options, "--schema", SCHEMA_FILE)
    assert result.returncode == 1 and result.stderr.count("\n") == 1
    assert result.stderr.startswith(f"error: {root}: test/a/0.png is 10000x10000 px; at most")


# --- Twice, and checksums ---


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_an_entry_that_is_there_twice_is_refused(pack, tmp_path):
    files = [*FILES.items(), ("./train/a/0.png", picture(200))]
    path = pack(tmp_path / "archive", files)
    assert "train/a/0.png is there twice; remove one of them" in refusal(by_folder, path)


def test_a_directory_has_no_checksum(root):
    message = refusal(read_folder, root, "pets", sha256="0" * 64)
    assert "is a directory, which has no sha256; remove the key" in message


# --- The search path ---


def test_an_unknown_home_hides_no_other_directory(monkeypatch, tmp_path):
    monkeypatch.setenv(DATA_VARIABLE, f"~no-such-user/data{os.pathsep}{tmp_path}")
    assert search_path()[-1] == tmp_path and len(search_path()) == 2
