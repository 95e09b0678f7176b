"""Checksums of results: recorded when they are written, compared when they are read."""

import ctypes
import json
import os
import resource
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
import xxhash
from conftest import environment

from anatomy.reporting.tables import read_table
from anatomy.reporting.verification import verify
from anatomy.runtime import checksums
from anatomy.runtime.checksums import RECORD, recorded_in, require_recorded, xxh3_of
from anatomy.runtime.errors import InputError
from anatomy.runtime.files import atomic, read_json, write_csv, write_json, write_text
from anatomy.runtime.signals import SNAKEMAKE


@pytest.fixture
def job(monkeypatch):
    """Write as jobs of Snakemake do."""
    monkeypatch.setenv(SNAKEMAKE, "1")


def flip(path, position):
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("size", [0, 1, 4096, 100_000])
def test_a_checksum_is_that_of_the_bytes(tmp_path, size):
    content = bytes(range(256)) * (size // 256 + 1)
    (tmp_path / "file").write_bytes(content[:size])
    assert xxh3_of(tmp_path / "file") == xxhash.xxh3_128(content[:size]).hexdigest()


def test_every_damaged_byte_of_a_result_is_refused(tmp_path, job):
    write_csv(tmp_path / "n_l.csv", ["x"], [{"x": 0.25}, {"x": 0.5}])
    write_json(tmp_path / "a.json", {"x": [1.5, 2]})
    for name, read in (("n_l.csv", read_table), ("a.json", read_json)):
        path = tmp_path / name
        whole = path.read_bytes()
        read(path)
        for position in range(len(whole)):
            flip(path, position)
            with pytest.raises(InputError, match=f"{name} is not what was written there: .*; delete it, and"):
                read(path)
            path.write_bytes(whole)
        for length in range(len(whole)):
            path.write_bytes(whole[:length])
            with pytest.raises(InputError, match="is not what was written there"):
                read(path)
        path.write_bytes(whole)
        read(path)


def test_only_jobs_record_and_folders_that_have_a_record(tmp_path, monkeypatch):
    monkeypatch.delenv(SNAKEMAKE, raising=False)
    write_text(tmp_path / "mine/a.txt", "a")
    assert not (tmp_path / "mine" / RECORD).exists()
    monkeypatch.setenv(SNAKEMAKE, "1")
    write_text(tmp_path / "results/a.txt", "a")
    monkeypatch.delenv(SNAKEMAKE)
    # Made again by hand.
    write_text(tmp_path / "results/a.txt", "b")
    require_recorded(tmp_path / "results/a.txt")
    (tmp_path / "results/a.txt").write_text("c")
    with pytest.raises(InputError):
        require_recorded(tmp_path / "results/a.txt")


def test_a_write_that_failed_leaves_the_old_file_whole(tmp_path, job):
    write_text(tmp_path / "a.txt", "old")
    with pytest.raises(RuntimeError), atomic(tmp_path / "a.txt") as temporary:
        temporary.write_text("new")
        raise RuntimeError
    require_recorded(tmp_path / "a.txt")
    # Killed between the record and the new name.
    checksums.record(tmp_path / "a.txt", xxhash.xxh3_128_hexdigest(b"new"))
    require_recorded(tmp_path / "a.txt")
    assert (tmp_path / "a.txt").read_text() == "old"


def test_half_a_line_of_a_power_cut_does_no_harm(tmp_path, job):
    write_text(tmp_path / "a.txt", "a")
    with (tmp_path / RECORD).open("a") as file:
        file.write("0123456789abcdef0123456789abcdef  b.t")
    write_text(tmp_path / "b.txt", "b")
    assert recorded_in(tmp_path)["b.txt"] == {xxh3_of(tmp_path / "b.txt")}
    for name in ("a.txt", "b.txt"):
        require_recorded(tmp_path / name)


def test_lines_of_many_processes_do_not_mix(tmp_path, job):
    script = (
        "import sys; from pathlib import Path; from anatomy.runtime.files import write_text\n"
        "for n in range(40): write_text(Path(sys.argv[1], f'{sys.argv[2]}-{n}.txt'), str(n))"
    )
    commands = [[sys.executable, "-c", script, str(tmp_path), str(name)] for name in range(3)]
    processes = [subprocess.Popen(command, env=environment()) for command in commands]
    assert [process.wait() for process in processes] == [0] * 3
    assert {name: {xxh3_of(tmp_path / name)} for name in recorded_in(tmp_path)} == recorded_in(tmp_path)
    assert len(recorded_in(tmp_path)) == 120


def test_a_record_can_be_read_while_it_grows(tmp_path, job):
    for value in (1, 2):
        write_json(tmp_path / "a.json", value)
        assert read_json(tmp_path / "a.json") == value
    (tmp_path / "a.json").write_text(json.dumps(3))
    with pytest.raises(InputError):
        read_json(tmp_path / "a.json")


def test_a_record_has_a_line_once_whatever_is_written_again(tmp_path, job):
    for value in (1, 2, 1, 1):
        write_json(tmp_path / "a.json", value)
    assert len((tmp_path / RECORD).read_text().splitlines()) == 2
    # What is recorded once always is, also by who does not record.
    with atomic(tmp_path / "a.json", recorded=False) as temporary:
        temporary.write_text("3")
    assert read_json(tmp_path / "a.json") == 3


def test_results_that_were_copied_without_their_record_are_read_as_they_are(tmp_path, job):
    write_csv(tmp_path / "all/n_l.csv", ["x"], [{"x": 0.25}])
    (tmp_path / "copy").mkdir()
    shutil.copy(tmp_path / "all/n_l.csv", tmp_path / "copy")
    (tmp_path / "copy/n_l.csv").write_text("x\n0.75\n")
    assert read_table(tmp_path / "copy/n_l.csv")["x"].tolist() == [0.75]
    # Edited on purpose: the message says how it is taken.
    (tmp_path / "all/n_l.csv").write_text("x\n0.75\n")
    with pytest.raises(InputError, match=rf"\(or delete {tmp_path}/all/\.checksums, if it is"):
        read_table(tmp_path / "all/n_l.csv")
    (tmp_path / "all" / RECORD).unlink()
    assert read_table(tmp_path / "all/n_l.csv")["x"].tolist() == [0.75]


def test_a_disk_that_is_full_leaves_the_old_file_and_names_the_record(tmp_path, job):
    write_text(tmp_path / "a.txt", "old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, ((tmp_path / RECORD).stat().st_size + 10, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            write_text(tmp_path / "a.txt", "new")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    require_recorded(tmp_path / "a.txt")
    write_text(tmp_path / "a.txt", "newer")
    require_recorded(tmp_path / "a.txt")


@contextmanager
def without_write_permission(folder):
    """Let a folder and its files only be read, and take from root its way around permissions."""
    for path in folder.iterdir():
        path.chmod(0o444)
    folder.chmod(0o555)
    system = ctypes.CDLL(None)
    if os.geteuid() == 0:
        system.setfsuid(65534)
    try:
        yield
    finally:
        if os.geteuid() == 0:
            system.setfsuid(0)
        folder.chmod(0o755)


def test_results_that_can_only_be_read_are_compared_all_the_same(tmp_path, job, monkeypatch):
    # A relative path, as others may not pass through the folders above.
    (tmp_path / "place").mkdir()
    monkeypatch.chdir(tmp_path / "place")
    results = Path("results")
    write_csv(results / "n_l.csv", ["x"], [{"x": 0.25}])
    write_json(results / "whole.json", [1])
    write_json(results / "damaged.json", [1])
    flip(results / "damaged.json", 0)
    with without_write_permission(results):
        with pytest.raises(PermissionError):
            write_json(results / "new.json", [1])
        assert read_table(results / "n_l.csv")["x"].tolist() == [0.25]
        assert read_json(results / "whole.json") == [1]
        with pytest.raises(InputError, match="is not what was written there"):
            read_json(results / "damaged.json")
        found = verify(results)
    assert list(found.damaged) == [results / "damaged.json"]
    assert found.whole == 2
