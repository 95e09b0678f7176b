"""Snakemake and the project's programs, each call forked from a process that has imported what takes longest.

Most of a dry run, or of a short training, is the time in which Snakemake or torch is imported. No module of
the project is imported before the fork. What is read while Python, numpy or torch start has no effect, all
share one hash seed, and processes that a program leaves behind are not waited for: where that matters, tests
start programs for real.
"""

import atexit
import gc
import json
import os
import runpy
import signal
import subprocess
import sys
import threading
import traceback
from functools import cache
from pathlib import Path
from subprocess import CompletedProcess
from tempfile import TemporaryDirectory

PACKAGES = {
    # What the workflow's rules and Snakemake itself import once they are at work.
    "snakemake": (
        *("snakemake.cli", "snakemake.workflow", "snakemake.report", "snakemake.linting.rules"),
        *("snakemake.executors.local", "snakemake_executor_plugin_slurm"),
        *("smart_open", "numpy", "jinja2", "yaml", "filelock", "jsonschema", "xxhash"),
    ),
    "program": ("torch", "numpy", "safetensors.torch", "xxhash"),
}


def run_snakemake(arguments, folder, environment):
    """Run `snakemake` with arguments in a folder; return the result with stdout and stderr as text."""
    return _run("snakemake", ["snakemake", *arguments], folder, environment)


def run_forked(program, *arguments, folder=None, environment):
    """Run a program of the project, as `python program` would; return the result like `run_snakemake`."""
    return _run("program", [program, *arguments], folder or Path.cwd(), environment)


def _run(role, command, folder, environment):
    server, command = _server(role), [*map(str, command)]
    with TemporaryDirectory() as outputs:
        paths = [str(Path(outputs, name)) for name in ("stdout", "stderr")]
        try:
            server.stdin.write(json.dumps([command, str(folder), dict(environment), *paths]) + "\n")
            server.stdin.flush()
            status = int(server.stdout.readline())
        except BaseException:
            # Its next answer would be taken for that of another call.
            os.killpg(server.pid, signal.SIGKILL)
            _server.cache_clear()
            raise
        return CompletedProcess(command, status, *(Path(path).read_text() for path in paths))


@cache
def _server(role):
    """Start the process that has the packages; it ends with the tests, at whose end its stdin is closed."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    command = [sys.executable, __file__, role]
    return subprocess.Popen(command, env=environment, text=True, start_new_session=True, **pipes)


def _serve(role):
    """Fork a process for every line of stdin; print its exit status."""
    for name in PACKAGES[role]:
        __import__(name)
    # What a collection looks at is copied for the process that collects.
    gc.collect()
    gc.freeze()
    for line in sys.stdin:
        if (process := os.fork()) == 0:
            command, *where = json.loads(line)
            _move(*where)
            sys.argv = command
            _snakemake() if role == "snakemake" else _program(command[0])
        _, status = os.waitpid(process, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _move(folder, environment, *outputs):
    """Make this process one that was started in a folder, with an environment, its output in files."""
    for number, path in zip((1, 2), outputs, strict=True):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.path = [path for path in sys.path if path != str(Path(__file__).parent)]


def _program(path):
    """Run a program as Python itself does, its folder and then those of the environment first; end."""
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    sys.path[:0] = [str(Path(path).parent), *filter(None, paths)]
    status = _status_of(lambda: runpy.run_path(path, run_name="__main__"))
    threading._shutdown()
    atexit._run_exitfuncs()
    _end(status)


def _snakemake():
    """Run `snakemake`; end, without waiting for its timers."""
    from snakemake.cli import main

    _end(_status_of(main))


def _status_of(work):
    """Call a function; return the exit status of a program that does only this, and say why it failed."""
    try:
        work()
    except SystemExit as end:
        if end.code is not None and not isinstance(end.code, int):
            print(end.code, file=sys.stderr)
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def _end(status):
    """End this process without taking apart its modules, which takes a second for those of torch."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(status)


if __name__ == "__main__":
    _serve(sys.argv[1])
