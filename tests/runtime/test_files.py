"""Files that several processes write at the same time, and what those leave that are killed."""

import os
import subprocess
import sys
import time

import pytest
from conftest import environment

from anatomy.runtime import files
from anatomy.runtime.checksums import RECORD, require_recorded
from anatomy.runtime.errors import InputError
from anatomy.runtime.files import HOST, atomic, write_text
from anatomy.runtime.signals import SNAKEMAKE


def hidden(folder):
    return sorted(path.name for path in folder.iterdir() if path.name.endswith(".tmp"))


def ended_process():
    """The number of a process that is gone."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_two_processes_that_write_one_file_do_not_disturb_each_other(tmp_path, monkeypatch):
    monkeypatch.setenv(SNAKEMAKE, "1")
    path = tmp_path / "table.csv"
    write_other = "import sys; from pathlib import Path; from anatomy.runtime.files import write_text\n"
    write_other += "write_text(Path(sys.argv[1]), 'other')"
    with atomic(path) as temporary:
        temporary.write_text("whole ")
        subprocess.run([sys.executable, "-c", write_other, path], check=True, env=environment())
        assert path.read_text() == "other"
        require_recorded(path)
        with temporary.open("a") as file:
            file.write("text")
    assert path.read_text() == "whole text"
    require_recorded(path)
    assert hidden(tmp_path) == []


def test_what_killed_processes_left_is_removed_and_nothing_of_others(tmp_path):
    gone, parent, other = ended_process(), os.getppid(), "0000" if HOST != "0000" else "1111"
    names = {
        "own": f".a.txt.{HOST}-{os.getpid()}.tmp",
        "gone": f".a.txt.{HOST}-{gone}.tmp",
        "alive": f".a.txt.{HOST}-{parent}.tmp",
        "elsewhere": f".a.txt.{other}-{gone}.tmp",
        "abandoned elsewhere": f".a.txt.{other}-{parent}.tmp",
        "of another file": f".b.a.txt.{HOST}-{gone}.tmp",
        "a user's": ".a.txt.mine.tmp",
        "no number": f".a.txt.{HOST}-{'9' * 30}.tmp",
    }
    for name in names.values():
        (tmp_path / name).write_text("half")
    long_ago = time.time() - files.ABANDONED_SECONDS - 10
    os.utime(tmp_path / names["abandoned elsewhere"], (long_ago, long_ago))
    write_text(tmp_path / "a.txt", "whole")
    left = {names[key] for key in ("alive", "elsewhere", "of another file", "a user's", "no number")}
    assert {*hidden(tmp_path)} == left
    assert (tmp_path / "a.txt").read_text() == "whole"


@pytest.mark.parametrize("content", ["before", None])
def test_a_link_stays_and_what_it_leads_to_is_written(content, tmp_path, monkeypatch):
    monkeypatch.setenv(SNAKEMAKE, "1")
    target = tmp_path / "elsewhere" / "table.csv"
    (tmp_path / "inner").symlink_to("elsewhere/table.csv")
    (tmp_path / "table.csv").symlink_to(tmp_path / "inner")
    if content is not None:
        write_text(target, content)
    for text in ("whole", "another"):
        write_text(tmp_path / "table.csv", text)
        assert (tmp_path / "table.csv").is_symlink() and (tmp_path / "inner").is_symlink()
        assert target.read_text() == text
        for path in (tmp_path / "table.csv", target):
            require_recorded(path)
    assert hidden(tmp_path) == hidden(target.parent) == []
    # What nobody recorded there before is recorded of the link alone.
    assert (target.parent / RECORD).exists() == (content is not None)


def test_a_link_that_leads_back_to_itself_is_refused(tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OSError, match=r"symbolic links.*/a'$"):
        write_text(tmp_path / "a", "text")
    assert (tmp_path / "a").is_symlink()


def test_what_a_program_has_open_is_not_replaced(tmp_path):
    with open(tmp_path / "open.txt", "w") as file:
        (tmp_path / "link").symlink_to(f"/proc/self/fd/{file.fileno()}")
        (tmp_path / "out.csv").symlink_to("link")
        with pytest.raises(InputError, match=r"out.csv is what a program has open \(/proc/self/fd/\d+\)"):
            write_text(tmp_path / "out.csv", "text")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "open.txt").read_text() == ""
