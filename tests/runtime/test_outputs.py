"""Programs write over nothing that they read, and no two things to one file."""

import json
import os
import runpy
import subprocess
import sys
from argparse import ArgumentParser, ArgumentTypeError
from contextlib import suppress
from pathlib import Path

import pytest
from conftest import ROOT, SCRIPTS, environment
from training_program import refusal

from anatomy.__main__ import main
from anatomy.runtime.errors import InputError
from anatomy.runtime.options import figure
from anatomy.runtime.outputs import check_outputs

SCHEMA = str(ROOT / "workflow/schemas/config.schema.yaml")


@pytest.fixture
def here(inside, tmp_path):
    """A working directory with a checkpoint under several names, a run and a data set."""
    for name in ("run/snapshots", "data"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("run/run.json", "run/final.safetensors", "run/snapshots/epoch=1.safetensors", "ck.pt"):
        (tmp_path / name).write_text(name)
    (tmp_path / "symbolic.pt").symlink_to("ck.pt")
    os.link(tmp_path / "ck.pt", tmp_path / "hard.pt")
    (tmp_path / "other").symlink_to("run")
    return tmp_path


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


SUBSPACES = ("subspaces", "recalibrate", "run", "ck.pt", "--dataset", "data", "--at", ".5")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("project", "ck.pt", "--output", "ck.pt"), "--output: ck.pt is read, and would be overwritten"),
        (("project", "ck.pt", "--output", "data/../hard.pt"), "--output: data/../hard.pt is read"),
        (("project", "symbolic.pt", "--output", "ck.pt"), "--output: ck.pt is read"),
        (
            ("project", "ck.pt", "--output", "x.pdf", "--plot", "x.pdf"),
            "--output and --plot would both be written to x.pdf; give them different names",
        ),
        (
            ("project", "run/snapshots/epoch=1.safetensors", "--output", "other/run.json"),
            "--output: other/run.json lies in run, which is read; name a place outside of it",
        ),
        ((*SUBSPACES, "--output", "run/final.safetensors"), "--output: run/final.safetensors lies in run"),
        ((*SUBSPACES, "--output", "ck.pt"), "--output: ck.pt is read"),
        (("reinitialise", "run", "data", "--rand", "--output", "run/run.json"), "lies in run, which is read"),
        (("reinitialise", "run", "data", "--rand", "--plot", "data/new/x.pdf"), "lies in data, which is"),
        (("curvature", "run", "data", "--output", "run/run.json"), "--output: run/run.json lies in run"),
        (
            ("invariance", "run", "--dataset", "data", "--project", str(ROOT), "--output", "run/a.csv"),
            "--output: run/a.csv lies in run",
        ),
    ],
)
def test_a_command_writes_over_nothing_that_it_reads(given, message, here, capsys):
    before = contents(here)
    schema = () if given[0] in ("project", "invariance") else ("--schema", SCHEMA)
    with pytest.raises(SystemExit) as ended:
        main([*given, *schema])
    assert ended.value.code == 2
    assert message in capsys.readouterr().err
    assert contents(here) == before


@pytest.mark.parametrize(
    ("start", "message"),
    [
        ("run", "--output: run is read, and would be overwritten"),
        ("run/snapshots/epoch=1.safetensors", "--output: run is read"),
        ("other", "--output: run is read"),
    ],
)
def test_a_run_is_not_replaced_by_one_that_starts_from_it(start, message, here):
    before = contents(here)
    assert message in refusal("run", "data", 0, "--start", start, start={"file": "x"})
    assert contents(here) == before


@pytest.mark.parametrize("program", ["train", "compute_projections", "reinit_layers"])
def test_a_log_is_not_added_to_weights(program, here, monkeypatch, capsys):
    options = ["--arch", "vgg11", "--dataset", "cifar10", "--load-from", "ck.pt", "--log", "hard.pt"]
    monkeypatch.setattr(sys, "argv", [program, *options])
    with pytest.raises(SystemExit):
        runpy.run_path(str(SCRIPTS / f"hp_arrangements/{program}.py"), run_name="__main__")
    assert "'hard.pt'; expected a name that ends in .log, .txt" in capsys.readouterr().err
    assert (here / "ck.pt").read_text() == "ck.pt"


def test_a_comparison_replaces_nothing_but_pages(here, capsys):
    with pytest.raises(SystemExit):
        main(["compare", "run", "run", "--output", "ck.pt"])
    assert "'ck.pt'; expected a name that ends in .html" in capsys.readouterr().err


# Commands of `anatomy`, and programs whose paths are not one option each, which are tested above.
APART = {"compare", "status", "verify", "train_network", "measure_projections"}
PROGRAMS = sorted(path.stem for path in SCRIPTS.glob("*.py") if path.stem not in APART)
KEYS = ("studies", "experiments", "datasets", "pretrained", "ran", "note", "links", "caption")
ENTRY = json.dumps({key: {} for key in KEYS})


class Options:
    """Options of a program: those of paths that it reads, those of paths that it writes, and all others."""

    def __init__(self, parser):
        self.read, self.written, self.others = [], [], []
        for action in parser._actions:
            option = action.option_strings[-1]
            if action.type is figure or (action.type is Path and "to write" in action.help):
                self.written.append(option)
            elif action.type is Path:
                self.read.append(option)
            elif action.required:
                self.others += [option, self.value(action)]

    @staticmethod
    def value(action):
        """A value that the program takes."""
        for value in (*(action.choices or ()), ENTRY, "1"):
            with suppress(ArgumentTypeError, ValueError):
                if action.type is not None:
                    action.type(value)
                return str(value)


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_of_the_workflow_writes_over_nothing_that_it_reads(program, here, monkeypatch):
    parsers = []

    def keep(parser):
        parsers.append(parser)
        sys.exit()

    parse = runpy.run_path(str(SCRIPTS / f"{program}.py"))["parse_arguments"]
    with monkeypatch.context() as patched, pytest.raises(SystemExit):
        patched.setattr(ArgumentParser, "parse_args", keep)
        parse()
    options = Options(*parsers)
    assert options.written
    for read in options.read:
        for written in options.written:
            given = {name: f"x{name}.pdf" for name in (*options.read, *options.written)}
            given[read] = given[written]
            argv = [program, *options.others, *(part for pair in given.items() for part in pair)]
            monkeypatch.setattr(sys, "argv", argv)
            with pytest.raises(InputError, match=f"{written}: .* is read, and would be overwritten"):
                parse()


def test_outputs_beside_what_is_read_are_allowed(here):
    beside = [("--output", here / "table.csv"), ("--plot", here / "run-table.pdf"), ("--none", None)]
    check_outputs(beside, [here / "run", here / "ck.pt", None])
    # One file, measured twice.
    check_outputs([(here / "ck.pt", here / "a.json"), (here / "hard.pt", here / "a.json")])
    with pytest.raises(InputError, match=r"both be written to .*a.json"):
        check_outputs([(here / "ck.pt", here / "a.json"), (here / "run", here / "a.json")])


@pytest.mark.parametrize(
    ("kind", "said"), [("stdout", "what a program has open"), ("pipe", "a pipe"), ("device", "a device")]
)
def test_what_is_no_file_is_no_output_of_a_command(kind, said, tmp_path):
    link, shown = tmp_path / "out.csv", tmp_path / "shown"
    os.mkfifo(tmp_path / "pipe")
    link.symlink_to({"stdout": "/proc/self/fd/1", "pipe": "pipe", "device": "/dev/null"}[kind])
    # The checkpoint is not there: what is written is looked at before.
    command = [sys.executable, "-m", "anatomy", "project", tmp_path / "gone.pt", "--output", link]
    with open(shown, "w") as stdout:
        result = subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, text=True, env=environment())
    assert result.returncode == 2 and len(result.stderr.splitlines()) == 1
    assert result.stderr.startswith(f"error: {link} is {said}")
    assert link.is_symlink() and shown.read_text() == ""
