"""Snakemake, imported once: each call is forked from a process that has its packages, none of the project's.

Most of a dry run is the time in which Snakemake and what it needs are imported.
"""

import json
import os
import subprocess
import sys
import traceback
from functools import cache
from pathlib import Path
from subprocess import CompletedProcess
from tempfile import TemporaryDirectory

# What the workflow's rules and Snakemake itself import once they are at work.
PACKAGES = (
    *("snakemake.cli", "snakemake.workflow", "snakemake.report", "snakemake.linting.rules"),
    *("snakemake.executors.local", "snakemake_executor_plugin_slurm"),
    *("smart_open", "numpy", "jinja2", "yaml", "filelock", "jsonschema", "xxhash"),
)


def run_snakemake(arguments, folder, environment):
    """Run `snakemake` with arguments in a folder; return the result with stdout and stderr as text."""
    server = _server()
    with TemporaryDirectory() as outputs:
        paths = [str(Path(outputs, name)) for name in ("stdout", "stderr")]
        asked = [[*map(str, arguments)], str(folder), dict(environment), *paths]
        server.stdin.write(json.dumps(asked) + "\n")
        server.stdin.flush()
        status = int(server.stdout.readline())
        return CompletedProcess(
            ["snakemake", *arguments], status, *(Path(path).read_text() for path in paths)
        )


@cache
def _server():
    """Start the process that has the packages; it ends with the tests, at whose end its stdin is closed."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    return subprocess.Popen([sys.executable, __file__], env=environment, text=True, **pipes)


def _serve():
    """Fork a process for every line of stdin; print its exit status."""
    for name in PACKAGES:
        __import__(name)
    for line in sys.stdin:
        if (process := os.fork()) == 0:
            _become_snakemake(*json.loads(line))
        _, status = os.waitpid(process, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _become_snakemake(arguments, folder, environment, *outputs):
    """Run `snakemake` in this process, and end it."""
    from snakemake.cli import main

    status = 1
    try:
        for number, path in zip((1, 2), outputs, strict=True):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        sys.path = [path for path in sys.path if path != str(Path(__file__).parent)]
        sys.argv = ["snakemake", *arguments]
        main()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(status)


if __name__ == "__main__":
    _serve()
