"""Which of the long runs are missing, what they take, and the commit that they run at."""

import subprocess

import pytest
from conftest import ROOT

import collect
import long_runs
from anatomy.configuration.files import read_configuration
from anatomy.runtime.errors import InputError
from anatomy.runtime.files import write_json

CONFIGURATION = read_configuration(ROOT, [long_runs.CONFIGURATION])


def put_record(output, name, **changes):
    asked = collect.asked(CONFIGURATION, name)
    asked["experiment"] |= changes
    cost = {"cpu_seconds": 600.0}
    seed = {"training": cost, "reinitialisation": {"cpu_seconds": 60.0}, "made": {"commit": "0123456789"}}
    (output / name).mkdir()
    write_json(output / name / collect.RECORD, {"settings": asked, "seeds": {"0": seed, "1": seed}})


def test_every_long_run_is_timed():
    assert long_runs.EXPECTED.keys() == CONFIGURATION.experiments.keys()
    # 45,000 images in batches of 128, the last one short.
    step, resets = long_runs.EXPECTED["cifar10-smooth"]
    minutes = long_runs.expected_minutes(CONFIGURATION, "cifar10-smooth")
    assert minutes == pytest.approx(2 * (24 * 352 * step + resets) / 60)


def test_an_experiment_is_missing_until_it_is_collected_with_its_settings_of_today(tmp_path):
    put_record(tmp_path, "cifar10-step")
    put_record(tmp_path, "cifar10-smooth", epochs=23)
    assert collect.collected(CONFIGURATION, tmp_path).keys() == {"cifar10-step"}
    lines = long_runs.listing(CONFIGURATION, tmp_path).splitlines()
    assert [line.split()[0] for line in lines[1:]] == list(CONFIGURATION.experiments)
    assert lines[1].split() == ["cifar10-step", "3", "24", "22", "collected,", "commit", "0123456"]
    assert lines[3].endswith("missing")


def test_a_worktree_is_made_at_a_commit_that_has_landed(tmp_path, monkeypatch):
    project = tmp_path / "project"

    def git(*arguments):
        names = ("-c", "user.name=a", "-c", "user.email=a@b.c")
        command = ["git", "-C", project, *names, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    project.mkdir()
    git("init", "-b", "main")
    (project / "Snakefile").write_text("")
    git("add", ".")
    git("commit", "-m", "landed")
    landed = git("rev-parse", "HEAD")
    git("checkout", "-b", "mine")
    git("commit", "--allow-empty", "-m", "not yet")
    monkeypatch.setattr(long_runs, "ROOT", project)
    for commit in ("mine", "no-such-commit"):
        with pytest.raises(InputError, match=f"commit {commit} has not landed"):
            long_runs.prepare_worktree(tmp_path / "other", commit)
    long_runs.prepare_worktree(tmp_path / "work", None)
    assert (tmp_path / "work/Snakefile").is_file()
    assert git("-C", str(tmp_path / "work"), "rev-parse", "HEAD") == landed
    # One that is there is used as it is, whatever has landed since.
    long_runs.prepare_worktree(tmp_path / "work", "no-such-commit")
