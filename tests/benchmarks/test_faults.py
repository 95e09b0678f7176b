"""The campaign of faults: what it tries of a program, and that it notices one that fails."""

import json
import os
import subprocess
import sys

import pytest
from conftest import ROOT, SCRIPTS

import faults
from anatomy.runtime.checksums import RECORD, xxh3_of
from anatomy.runtime.signals import SNAKEMAKE
from fault_damage import DAMAGE, WORKING
from fault_jobs import Job
from fault_kills import KILLS, SIGNALS
from fault_limits import SIZES
from fault_records import Record

# Doubles the numbers of a table.
GOOD = """
import sys
from pathlib import Path
from anatomy.runtime.errors import run_program
from anatomy.runtime.files import read_json, write_json

def main():
    values = read_json(Path(sys.argv[1]))
    for name in sys.argv[2:]:
        write_json(Path(name), [2 * value for value in values])

run_program(main)
"""
NUMBERS = list(range(100))
# What each of these programs does wrong, as a replacement in the one above, and what is said of it.
WRONG = {
    "written in place": (
        "write_json(Path(name), [2 * value for value in values])",
        "Path(name).write_text(str([2 * value for value in values]))",
        KILLS,
        "other.json is not whole after the kill",
    ),
    "read as it is": (
        "read_json(Path(sys.argv[1]))",
        "[*Path(sys.argv[1]).read_bytes()]",
        DAMAGE,
        "silently",
    ),
    "nothing is checked": (
        "read_json(Path(sys.argv[1]))",
        "__import__('json').loads(Path(sys.argv[1]).read_bytes())",
        DAMAGE,
        "refused by a traceback",
    ),
    "what is there is trusted": (
        "    for name",
        "    if Path(sys.argv[2]).exists():\n        return\n    for name",
        KILLS,
        "other.json is missing",
    ),
    "a traceback": ("run_program(main)", "main()", SIZES, "lines at 0 bytes"),
    "no status of a signal": (
        "run_program(main)",
        "import contextlib\nwith contextlib.suppress(SystemExit):\n    run_program(main)",
        SIGNALS,
        "is missing",
    ),
}


@pytest.fixture
def campaign(tmp_path):
    """A function that meets a program with faults and returns the records by fault."""

    def tried(program, arguments, inputs, *options):
        record = {"PYTHONPATH": str(ROOT / "src"), SNAKEMAKE: "1"}
        job = Job("rule", str(program), arguments, record, inputs, str(tmp_path))
        command = [sys.executable, ROOT / "benchmarks/fault_program.py"]
        command += ["--job", job.write(tmp_path / "job.json"), "--moments", "0", *options]
        paths = os.pathsep.join(map(str, (ROOT / "src", ROOT / "benchmarks")))
        environment = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
        done = subprocess.run(list(map(str, command)), env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return {record.fault: record for record in map(Record.of_line, done.stdout.splitlines())}

    return tried


@pytest.fixture
def table(tmp_path, campaign):
    """A function that meets a program, given as text, which reads a table and writes two."""
    (tmp_path / "numbers.json").write_text(json.dumps(NUMBERS))
    (tmp_path / RECORD).write_text(f"{xxh3_of(tmp_path / 'numbers.json')}  numbers.json\n")

    def tried(text, *options):
        (tmp_path / "program.py").write_text(text)
        arguments = ["numbers.json", "doubled.json", "other.json"]
        return campaign(tmp_path / "program.py", arguments, ["numbers.json"], *options)

    return tried


def test_a_program_that_does_right_passes(table):
    records = table(GOOD, "--faults", "kills", "damage", "--stride", "2")
    assert [record.problems for record in records.values()] == [[]] * len(records)
    # Both files are made, opened, written in halves, given permissions, synced and renamed, and recorded.
    assert records[KILLS].tried >= 12
    assert records[DAMAGE].notes == {"refused, and named": 3, "not needed": 3}
    assert records[WORKING].tried > 0
    assert all(record.same == record.tried for record in records.values())


@pytest.mark.parametrize("wrong", WRONG)
def test_a_program_that_does_wrong_is_noticed(table, wrong):
    right, instead, fault, said = WRONG[wrong]
    assert right in GOOD
    name = {KILLS: "kills", DAMAGE: "damage", SIZES: "limits", SIGNALS: "signals"}[fault]
    record = table(GOOD.replace(right, instead), "--faults", name, "--quick", "--signals", "3")[fault]
    assert record.same < record.tried
    assert any(said in problem for problem in record.problems), record.problems


def test_a_program_of_the_pipeline_is_killed_at_every_third_operation(campaign):
    settings = json.dumps({"source": "points", "variant": "gauss"})
    arguments = ["--name", "gauss", "--settings", settings, "--output", "results/gauss"]
    options = ["--faults", "kills", "--stride", "3"]
    (record,) = campaign(SCRIPTS / "prepare_dataset.py", arguments, [], *options).values()
    assert record.problems == []
    assert record.same == record.tried > 8


def test_the_table_and_the_exit_status_say_what_was_found(tmp_path, monkeypatch, capsys):
    right, wrong = Record(KILLS, "train_network"), Record(KILLS, "plot_figure")
    right.add("killed at operation 1", [])
    wrong.add("killed at operation 1", ["table.csv is not whole"])
    skipped = Record("power cut", "snakemake")
    skipped.notes["skipped: needs root"] += 1
    page = tmp_path / "faults.md"
    for found, status in (([right, skipped], False), ([right, wrong], True)):
        monkeypatch.setattr(faults, "campaign", lambda arguments, found=found: found)
        monkeypatch.setattr(sys, "argv", ["faults.py", "--output", str(tmp_path)])
        with pytest.raises(SystemExit) as end:
            faults.main()
        assert end.value.code == status
        assert f"| {KILLS} | {len(found) - (skipped in found)} |" in capsys.readouterr().out
    assert "| power cut | 0 |  | snakemake, skipped: needs root |" in page.read_text()
    assert f"| {KILLS} | 2 | **1** | 2 jobs |" in page.read_text()
    assert "- plot_figure, killed at operation 1: table.csv is not whole" in page.read_text()
