"""The program that prepares data sets: what it writes, and says of bad input."""

import hashlib
import json
import os
import resource
import subprocess
import sys

import numpy as np
import pytest
from conftest import SCHEMA_FILE, SCRIPTS, environment, run
from pictures import assert_is_pictures, below, encode, make_files, pack

from anatomy.data.dataset import DATA_FILE, DESCRIPTION_FILE, open_dataset
from anatomy.data.search_path import DATA_VARIABLE
from anatomy.data.sources.embedded import make_embedded


def preparation(settings, output):
    """The program prepare_dataset.py and what it is given."""
    command = [SCRIPTS / "prepare_dataset.py", "--name", "pets", "--output", output]
    return [*command, "--settings", json.dumps(settings), "--schema", SCHEMA_FILE]


def prepare(settings, output, data):
    """Run prepare_dataset.py with `data` as $ANATOMY_DATA."""
    return run(*preparation(settings, output), **{DATA_VARIABLE: str(data)})


FOLDER = {"source": "folder", "label": "Pets", "path": "pets", "homepage": "https://example.org/pets"}


def test_program_writes_what_the_folder_holds(tmp_path):
    (tmp_path / "empty").mkdir()
    pack(tmp_path / "data" / "pets", make_files())
    directories = os.pathsep.join([str(tmp_path / "empty"), str(tmp_path / "data")])
    result = prepare(FOLDER, tmp_path / "out", directories)
    assert (result.returncode, result.stderr) == (0, "")
    assert below(tmp_path / "out") == [DATA_FILE, DESCRIPTION_FILE]
    dataset, description = open_dataset(tmp_path / "out")
    assert_is_pictures(dataset)
    assert description["source"] == {"source": "folder", "path": "pets"}
    assert description["train"] == {"images": 6, "images_per_class": [3, 3]}


@pytest.mark.parametrize("source", ["folder", "images", "tiny_imagenet"])
def test_program_writes_nothing_into_the_folder_that_it_reads(tmp_path, source):
    folder = pack(tmp_path / "data" / "pets", make_files())
    before, output = below(folder), folder / "train" / "out"
    result = prepare(FOLDER | {"source": source}, output, tmp_path / "data")
    assert (result.returncode, result.stderr) == (
        1,
        f"error: --output: {output} lies in {folder}, which is read; name a place outside of it\n",
    )
    assert below(folder) == before


def test_program_records_the_checksum_of_the_archive(tmp_path):
    path = pack(tmp_path / "pets.tar.gz", make_files())
    result = prepare(FOLDER | {"path": path.name}, tmp_path / "out", tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    recorded = open_dataset(tmp_path / "out")[1]["source"]["sha256"]
    assert recorded == hashlib.sha256(path.read_bytes()).hexdigest()


def test_program_makes_the_same_embedded_bytes_as_this_process(tmp_path):
    variant = {"source": "embedded", "variant": "digits-rgb", "train": 205, "test": 23, "seed": 0}
    result = prepare(variant, tmp_path / "out", "")
    assert (result.returncode, result.stderr) == (0, "")
    dataset, description = open_dataset(tmp_path / "out")
    assert description["source"] == {key: value for key, value in variant.items() if key != "seed"}
    for name, array in make_embedded("digits-rgb", 205, 23, 0).items():
        assert getattr(dataset, name).tobytes() == array.tobytes()


@pytest.mark.parametrize(
    ("settings", "content"),
    [
        ({}, b"no archive"),
        ({"sha256": "0" * 64}, b"no archive"),
        ({"path": "other.tar", "homepage": "https://example.org"}, None),
        ({"paths": "pets.tar"}, None),
        ({"source": "folders"}, None),
        ({"source": "own_source:make"}, None),
    ],
    ids=["no archive", "wrong checksum", "missing archive", "unknown key", "unknown source", "no own source"],
)
def test_program_reports_bad_input_in_one_line_and_writes_nothing(tmp_path, settings, content):
    if content is not None:
        (tmp_path / "pets.tar").write_bytes(content)
    result = prepare(FOLDER | {"path": "pets.tar"} | settings, tmp_path / "out", tmp_path)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("error: ")
    assert len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "out" / DATA_FILE).exists()


@pytest.mark.parametrize("name", ["/abs", "../out", "a/b", "..", "", "two\nlines"])
def test_program_refuses_a_name_that_is_no_part_of_a_path(tmp_path, name):
    command = preparation(FOLDER, tmp_path / "out")
    command[command.index("pets")] = name
    result = run(*command)
    assert (result.returncode, result.stderr) == (
        1,
        f"error: --name {name!r} names no data set; expected a name that is one part of a path, without "
        "slashes and control characters\n",
    )
    assert below(tmp_path) == []


def test_full_disk_leaves_no_half_written_file(tmp_path):
    files = {name: encode(np.zeros((50, 50, 3), np.uint8)) for name in make_files()}
    pack(tmp_path / "pets", files)

    def limit_file_size():
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    result = subprocess.run(
        [sys.executable, *preparation(FOLDER, tmp_path / "out")],
        env=environment() | {DATA_VARIABLE: str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        preexec_fn=limit_file_size,
    )
    assert result.returncode != 0
    assert "File too large" in result.stderr
    assert below(tmp_path / "out") == []
