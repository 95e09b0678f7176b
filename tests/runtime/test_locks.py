"""Locks on a file system that has none: what the file of a dead host asks for."""

import errno
import fcntl

import pytest

from anatomy.runtime.errors import BusyError
from anatomy.runtime.locks import locked


@pytest.mark.parametrize(
    ("number", "name"),
    [(errno.ENOSYS, ".lock"), (errno.ENOLCK, ".lock.host"), (errno.EOPNOTSUPP, ".lock.host")],
)
def test_a_lock_that_a_dead_host_left_says_what_to_delete(tmp_path, monkeypatch, number, name):
    def refuse(*_):
        raise OSError(number, "no locks here")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with locked(tmp_path), pytest.raises(BusyError, match="wait for it or stop it"), locked(tmp_path):
        pass
    # As left by a process of another host, of which nothing can be known from here.
    (tmp_path / name).write_text("7\nsome-other-host\n")
    with pytest.raises(BusyError, match=f"gone for good, delete {tmp_path / name}$"), locked(tmp_path):
        pass
    (tmp_path / name).unlink()
    with locked(tmp_path):
        pass


def test_a_lock_of_the_system_asks_for_no_deletion(tmp_path):
    with locked(tmp_path), pytest.raises(BusyError, match=r"stop it$"), locked(tmp_path):
        pass
