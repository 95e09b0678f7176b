"""Programs that cannot go on: one line that names the path, what happened and what to do; an exit status."""

import errno
import os
import resource
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pandas as pd
import pytest
from conftest import SCRIPTS, environment
from conftest import run as run_forked_program

from anatomy.reporting.tables import read_table, write_table
from anatomy.runtime import readings
from anatomy.runtime.endings import ending
from anatomy.runtime.errors import InputError, ProblemsError, run_program
from anatomy.runtime.files import understood, write_text
from anatomy.runtime.signals import SNAKEMAKE

EMBEDDED = '{"source": "embedded", "variant": "digits-grey", "train": 20, "test": 20}'


pytestmark = pytest.mark.usefixtures("own_signals")


def ended(work, capsys, **options):
    """Run `work` as a program; return its exit status and the one line that it says."""
    with pytest.raises(SystemExit) as stop:
        run_program(work, **options)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1, lines
    return stop.value.code, lines[0]


def raising(error):
    def work():
        raise error

    return work


def a_file(folder):
    (folder / "file").write_text("mine")
    return folder / "file"


def a_folder(folder):
    (folder / "taken").mkdir()
    return folder / "taken"


@pytest.mark.parametrize(
    ("place", "said"),
    [
        (
            lambda folder: a_file(folder) / "table.csv",
            "directory; name another place, or remove what is there",
        ),
        (lambda folder: a_file(folder) / "a" / "table.csv", "a part of this path is a file"),
        (a_folder, "is a directory; name a file to write"),
        (lambda folder: folder / ("x" * 300), "File name too long; give shorter names"),
        (lambda folder: folder / ("x" * 252), "File name too long; give shorter names"),
        (lambda folder: folder.joinpath("y" * 300, "table.csv"), "File name too long; give shorter names"),
        (lambda folder: "/dev/null", "/dev/null is a device; name a file to write"),
        (lambda folder: "/proc/table.csv", "/proc"),
    ],
)
def test_output_that_cannot_be_written_is_named(place, said, tmp_path, capsys):
    path = type(tmp_path)(place(tmp_path))
    status, line = ended(lambda: write_text(path, "text"), capsys)
    assert status == 1 and line.startswith("error: ") and said in line
    assert ".tmp" not in line and os.path.commonpath([path, tmp_path if "tmp" in str(path) else "/"]) in line
    assert os.stat("/dev/null").st_rdev == os.makedev(1, 3)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EIO])
def test_what_the_system_refuses_is_said_with_its_path(number, capsys):
    error = OSError(number, os.strerror(number), "results/runs/x/final.safetensors")
    status, line = ended(raising(error), capsys)
    assert status == 1
    assert line.startswith(f"error: results/runs/x/final.safetensors: {os.strerror(number)}; ")


def test_full_disk_is_one_line_that_names_the_file_and_leaves_nothing(tmp_path):
    command = [SCRIPTS / "prepare_dataset.py", "--name", "digits", "--settings", EMBEDDED]
    command += ["--output", tmp_path / "out"]
    limit = (20_000, 20_000)
    result = subprocess.run(
        [sys.executable, *command],
        capture_output=True,
        text=True,
        env=environment(),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit),
    )
    assert result.returncode == 1
    path = tmp_path / "out" / "data.safetensors"
    expected = f"error: {path}: File too large; raise the limit on the size of files (ulimit -f)"
    assert result.stderr.splitlines()[0].startswith(expected) and len(result.stderr.splitlines()) == 1
    assert not list((tmp_path / "out").iterdir())
    # And with room it is made after all.
    assert run_forked_program(*command).returncode == 0 and path.is_file()


def test_full_memory_is_one_line(capsys):
    status, line = ended(lambda: np.zeros(1 << 50) and None, capsys)
    assert status == 1
    assert line.startswith("error: memory is full (Unable to allocate") and "ulimit -v" in line
    allocator = "[enforce fail] . DefaultCPUAllocator: can't allocate memory"
    for said in (allocator, "could not create a primitive"):
        assert ended(raising(RuntimeError(said)), capsys)[1].startswith("error: memory is full")
    # Which a shape that it has no code for is not.
    assert ending(RuntimeError("could not create a primitive descriptor for a convolution")) is None


def test_interrupt_has_its_status(capsys):
    assert ended(raising(KeyboardInterrupt()), capsys) == (130, "stopped by SIGINT")

    def interrupted():
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(5)

    assert ended(interrupted, capsys) == (130, "stopped by SIGINT")


def test_refusal_has_the_status_that_is_asked_for_and_no_address_in_memory(capsys):
    refuse = raising(InputError("<function f at 0x7f00deadbeef> is no network"))
    assert ended(refuse, capsys, refused=2) == (2, "error: <function f> is no network")


def test_what_a_terminal_would_obey_is_escaped(capsys):
    refuse = raising(InputError("x.pt asks for \x1b[31mos.system, and \ud800; größe\u3000b"))
    expected = "error: x.pt asks for \\x1b[31mos.system, and \\ud800; größe\u3000b"
    assert ended(refuse, capsys) == (1, expected)


def test_closed_streams_are_no_error():
    """As a user's own code may leave them."""
    program = "import sys; from anatomy.runtime.errors import InputError, run_program\n"
    ends = {"sys.stdout.close()": 0, "sys.stderr.close(); raise InputError('x')": 1}
    for body, status in ends.items():
        work = f"def work():\n    {body}\n\nrun_program(work)"
        command = [sys.executable, "-c", program + work]
        result = subprocess.run(command, capture_output=True, text=True, env=environment())
        assert (result.returncode, result.stderr) == (status, "")


def test_each_of_several_problems_has_its_line(capsys):
    with pytest.raises(SystemExit):
        run_program(raising(ProblemsError(["a: one", "b: an\nother"])))
    assert capsys.readouterr().err == "error: a: one\nb: an\\nother\n"


@pytest.mark.parametrize(
    "error", [InputError("a\nb\t\u2028.pt: x"), OSError(errno.ENOENT, "No such", "a\nb\t\u2028.pt")]
)
def test_a_name_of_several_lines_is_shown_on_one(error, capsys):
    assert ended(raising(error), capsys)[1].startswith("error: a\\nb\\t\\u2028.pt: ")


@pytest.mark.parametrize("value", ["abc", "-1", "0", "1.5", "9" * 30, "\u0663", ""])
def test_what_is_no_number_of_a_snakemake_is_as_one_that_is_gone(value, monkeypatch, capsys):
    monkeypatch.setenv(SNAKEMAKE, value)
    threads = set(threading.enumerate())
    run_program(lambda: 0)
    assert set(threading.enumerate()) == threads and capsys.readouterr().err == ""


def test_an_error_of_the_program_keeps_its_traceback(monkeypatch):
    # Of one that has read files these are named instead; other tests have.
    monkeypatch.setattr(readings, "_READ", {})
    with pytest.raises(ZeroDivisionError):
        run_program(lambda: 1 // 0)
    assert ending(RuntimeError("shapes differ")) is None


@pytest.mark.parametrize("columns", [["id", "other"], ["id"], "id"])
def test_the_table_without_the_columns_is_named(tmp_path, monkeypatch, capsys, columns):
    monkeypatch.setattr(readings, "_READ", {})
    tables = [pd.DataFrame({"id": [1], "other": [2]}), pd.DataFrame({"a;b": ["1;2"]})]
    for name, table in zip(("whole.csv", "of_others.csv"), tables, strict=True):
        write_table(table, tmp_path / name)
    read = [read_table(tmp_path / name) for name in ("of_others.csv", "whole.csv")]
    status, line = ended(lambda: [frame[columns] for frame in read], capsys)
    assert status == 1
    assert line.startswith(f"error: {tmp_path / 'of_others.csv'}: expected what the pipeline makes (KeyError")


def test_of_many_files_the_last_read_are_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(readings, "_READ", {})
    for number in range(5):
        readings.note(tmp_path / f"{number}.json")
    _, line = ended(lambda: 1 // 0, capsys)
    named = ", ".join(str(tmp_path / f"{number}.json") for number in (4, 3, 2))
    assert line.startswith(f"error: {named} and 2 more: expected what the pipeline makes")


@pytest.mark.parametrize("stdout", ["closed pipe", "full disk", "closed"])
def test_output_that_nobody_reads(stdout):
    command = [sys.executable, "-m", "anatomy", "status"]
    if stdout == "closed":
        command = ["bash", "-c", 'exec "$@" >&-', "-", *command]
    reader, writer = os.pipe()
    os.close(reader)
    target = os.open("/dev/full", os.O_WRONLY) if stdout == "full disk" else writer
    result = subprocess.run(
        command,
        stdout=target,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
        cwd=SCRIPTS.parent.parent,
    )
    expected = {
        "closed pipe": (141, ""),
        "full disk": (
            2,
            "error: No space left on device; free some space, then run the same command again\n",
        ),
        "closed": (0, ""),
    }
    assert (result.returncode, result.stderr) == expected[stdout]


def untidy():
    """Fail as a library does that has not expected to be interrupted."""
    _ = None.position


def full():
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "state")


def blaming():
    with understood("table.csv", "a table"):
        untidy()


@pytest.mark.parametrize(
    ("then", "status", "said"),
    [
        (untidy, 128 + signal.SIGHUP, "stopped by SIGHUP"),
        (blaming, 128 + signal.SIGHUP, "stopped by SIGHUP"),
        (full, 1, "error: state: No space left on device"),
    ],
)
def test_only_what_the_system_refuses_is_said_instead_of_why_a_program_stops(
    tmp_path, capsys, then, status, said
):
    def work():
        readings.note(tmp_path / "table.csv")
        try:
            os.kill(os.getpid(), signal.SIGHUP)
            time.sleep(10)
        finally:
            then()

    found, line = ended(work, capsys)
    assert found == status
    assert line.startswith(said)
