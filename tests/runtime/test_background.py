"""Files that are written while the computation goes on."""

import threading

import pytest

from anatomy.runtime.background import BackgroundWriter


def test_the_computation_goes_on_and_the_next_write_waits():
    order, released = [], threading.Event()

    def write(name, wait):
        if wait:
            released.wait()
        order.append(name)

    with BackgroundWriter() as writer:
        writer.submit(write, "first", True)
        order.append("computation")
        threading.Timer(0.1, released.set).start()
        writer.submit(write, "second", False)
        assert order[:2] == ["computation", "first"]
        writer.wait()
        assert order == ["computation", "first", "second"]


@pytest.mark.parametrize("noticed", ["next write", "wait", "end"])
def test_a_failed_write_is_an_error_of_the_computation(noticed):
    def fail():
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"), BackgroundWriter() as writer:
        writer.submit(fail)
        if noticed == "next write":
            writer.submit(print)
        elif noticed == "wait":
            writer.wait()


def test_everything_is_written_when_the_computation_fails(tmp_path):
    path = tmp_path / "file"
    with pytest.raises(ValueError, match="diverged"), BackgroundWriter() as writer:
        writer.submit(path.write_text, "whole")
        raise ValueError("diverged")
    assert path.read_text() == "whole"
