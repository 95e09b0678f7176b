"""A forked program ends as one that was started does."""

import pytest
from conftest import run

PROGRAM = """
import atexit, os, sys, threading, time
from neighbour import NAME

atexit.register(print, "at exit", os.environ["WHO"])
threading.Thread(target=lambda: (time.sleep(0.1), print("thread", NAME))).start()
print(sys.argv[1:], flush=True)
END
"""


@pytest.fixture
def program(tmp_path):
    (tmp_path / "neighbour.py").write_text("NAME = 'beside it'\n")

    def written(end):
        path = tmp_path / "program.py"
        path.write_text(PROGRAM.replace("END", end))
        return path

    return written


@pytest.mark.parametrize(
    ("end", "status", "last"),
    [
        ("", 0, ""),
        ("sys.exit(3)", 3, ""),
        ("sys.exit('what was wrong')", 1, "what was wrong"),
        ("raise ValueError('a defect')", 1, "ValueError: a defect"),
    ],
)
def test_status_output_threads_and_exit_functions(program, tmp_path, end, status, last):
    result = run(program(end), "a", 1, folder=tmp_path, WHO="me")
    assert result.returncode == status
    assert result.stdout == "['a', '1']\nthread beside it\nat exit me\n"
    assert result.stderr.strip().splitlines()[-1:] == ([last] if last else [])


def test_a_signal_ends_it_and_the_next_program_has_its_own_status(program, tmp_path):
    killed = run(program("os.kill(os.getpid(), 9)"), folder=tmp_path, WHO="me")
    assert (killed.returncode, killed.stdout) == (-9, "[]\n")
    assert run(program("sys.exit(4)"), folder=tmp_path, WHO="me").returncode == 4


def test_a_call_that_is_interrupted_is_nobody_elses(program, tmp_path, monkeypatch):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        # While its status is read.
        patch.setattr("forked.int", interrupted, raising=False)
        run(program("sys.exit(5)"), folder=tmp_path, WHO="me")
    assert run(program("sys.exit(6)"), folder=tmp_path, WHO="me").returncode == 6
