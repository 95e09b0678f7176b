"""What a configuration costs: read from finished results, and estimated from a few steps."""

import os
import subprocess
import sys

import pytest
from conftest import ROOT, environment, make_dataset, settings_of, task_of

import cost
import material
from anatomy.configuration.files import read_configuration
from anatomy.runtime.errors import InputError
from anatomy.training.loop import train_run
from anatomy.training.run import begin_run

HEADER = "s\th:m:s\tmax_rss\tcpu_time\n"


def noted_job(path, ended, seconds, memory, cpu):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{HEADER}{seconds}\t0:00:00\t{memory}\t{cpu}\n")
    os.utime(path, (ended, ended))


def test_jobs_side_by_side_and_pauses_between_them_count_as_they_were(tmp_path):
    noted_job(tmp_path / "runs/a/seed=0/train.tsv", 1000, 100, 300.5, 90)
    noted_job(tmp_path / "runs/a/seed=1/train.tsv", 1010, 60, 800, 50)
    # A day later.
    noted_job(tmp_path / "study/measurements/a.tsv", 90_000, 7, 20, 3)
    (tmp_path / "weights").write_bytes(bytes(5000))
    found = cost.noted(tmp_path)
    # From second 900 to 1010, and 7 s.
    assert (found.cpu, found.wall, found.peak) == (143, 117, 800 * 2**20)
    assert found.disk == 5000 + sum(path.stat().st_size for path in tmp_path.rglob("*.tsv"))


def test_results_without_jobs_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"has no \*.tsv of jobs; expected finished results"):
        cost.noted(tmp_path)


def test_a_run_is_its_steps_evaluations_resets_and_files():
    settings = settings_of(epochs=6, evaluate_every=4, validation_fraction=0.25, snapshots=[0, 2])
    steps = cost.Steps(train=2.0, evaluate=0.5, peak=7, snapshot=100, whole=1000, layers=3)
    size = cost.Size((3, 8, 8), train=40, test=10, classes=2)
    plain = cost.cost_of_run(settings, None, size, steps)
    # Evaluated on 10 images at epochs 0, 4 and 6, in the end on all parts.
    assert plain.cpu == 6 * 30 * 2 + (3 * 10 + 30 + 10 + 10) * 0.5
    assert (plain.peak, plain.disk) == (7, 3 * 100 + 1000)
    reset = cost.cost_of_run(settings, {"epochs": [0, 2], "random": True}, size, steps)
    assert reset.cpu - plain.cpu == 3 * 3 * 10 * 0.5 * cost.SHARED


@pytest.mark.parametrize("snapshots", ["all", {"epochs": [0, 1], "weights": "all"}], ids=str)
def test_files_of_a_run_are_as_large_as_estimated(tmp_path, snapshots):
    dataset = make_dataset()
    settings = settings_of(epochs=2, snapshots=snapshots)
    size = cost.Size(dataset.input_shape, 96, 40, len(dataset.classes))
    steps = cost.few_steps(settings, size, 16, None)
    assert steps.train > steps.evaluate > 0 and steps.layers == 8
    run = begin_run(task_of(dataset, material.describe(dataset), epochs=2, snapshots=snapshots))
    train_run(run, tmp_path / "run", {}, {})
    real = sum(path.stat().st_size for path in (tmp_path / "run").rglob("*.safetensors"))
    found = cost.cost_of_run(settings, None, size, steps).disk
    # Files have a header with names and shapes.
    assert 0 < real - found < 4 * 10_000


def test_sizes_of_official_data_and_of_parts_of_them():
    configuration = read_configuration(ROOT, [ROOT / "config/paper/curvature.yaml"])
    digits = cost.size_of("digits-017", configuration.datasets["digits-017"], {})
    assert digits == cost.Size((1, 28, 28), 720, 180, 3)
    line = cost.size_of("intro1d", configuration.datasets["intro1d"], {})
    assert line == cost.Size((1,), 6, 6, 2)
    other = read_configuration(ROOT, [ROOT / "config/paper/subspaces.yaml"]).datasets["tinyimagenet"]
    with pytest.raises(InputError, match="how large is data set tinyimagenet"):
        cost.size_of("tinyimagenet", other, {})
    given = dict([cost.given_size("tinyimagenet=3x64x64,100000,10000,200")])
    assert cost.size_of("tinyimagenet", other, given).shape == (3, 64, 64)


def test_crops_of_image_files_do_not_stop_an_estimate():
    settings = settings_of(augmentation={"random_resized_crop": True, "flip": True})
    assert cost.few_steps(settings, cost.Size((3, 32, 32), 64, 32, 2), 16, None).train > 0


def test_an_unknown_size_is_refused_before_any_step(capsys):
    configuration = read_configuration(ROOT, [ROOT / "config/paper/subspaces.yaml"])
    with pytest.raises(InputError, match="how large is data set"):
        cost.estimate(configuration, {})
    assert capsys.readouterr().err == ""


def test_sizes_may_be_given_one_by_one_or_together(monkeypatch):
    sizes = ["--size", "a=1x2x2,3,4,5", "--size", "b=1x2x2,3,4,5", "c=1x2x2,3,4,5"]
    monkeypatch.setattr(sys, "argv", ["cost.py", *sizes])
    assert [name for name, _ in cost.parse_arguments().size] == ["a", "b", "c"]


def test_the_program_says_that_it_estimates(tmp_path):
    overlay = tmp_path / "own.yaml"
    overlay.write_text(f"only: [grey-single]\npathvars: {{results: {tmp_path}/none}}\n")
    # A real start, as it starts processes of its own.
    command = [sys.executable, ROOT / "benchmarks/cost.py", "--configfile", overlay]
    result = subprocess.run(command, capture_output=True, text=True, env=environment(), cwd=ROOT)
    assert result.returncode == 0, result.stderr
    (line,) = [line for line in result.stdout.splitlines() if "own.yaml" in line]
    assert "| 3 |" in line and "**estimate**" in line
