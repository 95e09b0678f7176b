"""Programs write over nothing that they read, and no two things to one file."""

import os

import pytest
from conftest import ROOT, SCRIPTS, run
from training_program import refusal

from anatomy.__main__ import main
from anatomy.runtime.errors import InputError
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


def test_a_log_is_not_added_to_weights(here):
    options = ["--arch", "vgg11", "--dataset", "cifar10", "--load-from", "ck.pt", "--log", "hard.pt"]
    result = run(SCRIPTS / "hp_arrangements/reinit_layers.py", *options, folder=here)
    assert result.returncode != 0
    assert "--log: hard.pt is read" in result.stderr
    assert (here / "ck.pt").read_text() == "ck.pt"


def test_outputs_beside_what_is_read_are_allowed(here):
    beside = [("--output", here / "table.csv"), ("--plot", here / "run-table.pdf"), ("--none", None)]
    check_outputs(beside, [here / "run", here / "ck.pt", None])
    # One file, measured twice.
    check_outputs([(here / "ck.pt", here / "a.json"), (here / "hard.pt", here / "a.json")])
    with pytest.raises(InputError, match=r"both be written to .*a.json"):
        check_outputs([(here / "ck.pt", here / "a.json"), (here / "run", here / "a.json")])
