"""The program train_network.py in processes of its own, and the bytes that it leaves."""

import json
import signal
import subprocess
import sys
from functools import partial

from conftest import SCRIPTS, SETTINGS, environment
from conftest import run as run_forked_program

# A network whose file changes once, while it is imported.
HASTY = """from pathlib import Path

from torch import nn

if not (done := Path("edited")).exists():
    done.touch()
    with open(__file__, "a") as file:
        file.write("EDITED = True\\n")

def net(input_shape, classes):
    layers = [nn.Conv2d(input_shape[0], 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, classes)]
    return nn.Sequential(*layers)
"""


def command_of(folder, dataset, seed, options, changes):
    """The program and what it is given, to train with `SETTINGS`, but for `changes`."""
    command = [SCRIPTS / "train_network.py", "--experiment", "test", "--seed", seed]
    command += ["--settings", json.dumps({**SETTINGS, **changes}), "--dataset", dataset]
    return [*command, "--output", folder, *options]


def start(folder, dataset, seed=0, *options, ignoring=(), **changes):
    """Start a training in a process of its own, `ignoring` signals."""
    return subprocess.Popen(
        [sys.executable, *map(str, command_of(folder, dataset, seed, options, changes))],
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
        preexec_fn=partial(signals_as_on_a_terminal, ignoring),
    )


def signals_as_on_a_terminal(ignoring=()):
    """Let a new process take the signals that who runs the tests may ignore, as nohup does."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN if number in ignoring else signal.SIG_DFL)


def ended(folder, dataset, seed=0, *options, **changes):
    """Train to the end, whatever that is."""
    return run_forked_program(*command_of(folder, dataset, seed, options, changes))


def train_apart(*arguments, **changes):
    """Train to the end in a process of its own, which has a hash seed of its own."""
    process = start(*arguments, **changes)
    _, stderr = process.communicate()
    assert process.returncode == 0, stderr


def train(*arguments, **changes):
    """Train to the end and return what was printed."""
    result = ended(*arguments, **changes)
    assert result.returncode == 0, result.stderr
    return result.stderr


def refusal(*arguments, **changes):
    """Train, which must be refused or given up, and return what was printed."""
    result = ended(*arguments, **changes)
    assert result.returncode == 1, result.stderr
    return result.stderr


def outputs(folder):
    """Bytes of every snapshot and of the final network."""
    files = [*sorted((folder / "snapshots").iterdir()), folder / "final.safetensors"]
    return {file.name: file.read_bytes() for file in files}
