"""Experiments that start from others, in the pipeline: what is trained, what trains again, and why."""

import json
import os
import re

import pytest
import yaml
from conftest import Checkout
from safetensors.numpy import load_file, save_file

from anatomy.runtime.files import sha256_of

CONFIG = """
device: cpu
datasets: {digits: {source: embedded, variant: digits-grey, train: 40, test: 20}}
defaults: {dataset: digits, architecture: lenet, epochs: 1, seeds: [0], snapshots: [0]}
studies: {arrangements: {}}
experiments:
  noise: {seeds: [0, 1], label_noise: {fraction: 1.0}}
  child: {start: {experiment: noise}, arrangements: {reinitialise: {epochs: [], random: false}}}
"""
RUN = "results/runs/{}/seed=0/run.json"


@pytest.fixture(scope="module")
def started(tmp_path_factory):
    """A checkout in which a parent and a child were trained; tests leave it as they found it."""
    checkout = Checkout(tmp_path_factory.mktemp("started"))
    checkout.configure(yaml.safe_load(CONFIG))
    checkout.snakemake(RUN.format("child"))
    return checkout


def reasons(checkout, **changes):
    """What a dry run of all says of the child, if its entry has these changes, or the parent's."""
    config = yaml.safe_load(CONFIG)
    for name, own in changes.items():
        config["experiments"].setdefault(name, {}).update(own)
    checkout.configure(config)
    try:
        return checkout.snakemake("--dry-run", RUN.format("child")).stdout
    finally:
        checkout.configure(yaml.safe_load(CONFIG))


def test_the_parent_is_trained_for_the_seeds_of_the_child_and_not_measured(started):
    results = started.folder / "results"
    assert [path.name for path in (results / "runs/noise").glob("seed=*")] == ["seed=0"]
    assert not (results / "arrangements").exists()
    first = load_file(results / "runs/child/seed=0/snapshots/epoch=0.safetensors")
    final = load_file(results / "runs/noise/seed=0/final.safetensors")
    assert first
    assert all((final[name] == array).all() for name, array in first.items())
    start = json.loads((started.folder / RUN.format("child")).read_text())["start"]
    assert start == {"sha256": sha256_of(started.folder / RUN.format("noise"))}


def test_nothing_changed_nothing_trains(started):
    assert "Nothing to be done" in reasons(started)
    (started.folder / RUN.format("noise")).touch()
    assert "Nothing to be done" in reasons(started)


def test_the_plan_says_why_the_child_trains_again(started):
    changed = reasons(started, noise={"batch_size": 20})
    assert "rule train_network_noise" in changed
    assert "rule train_network_child" in changed
    (reason,) = re.findall("Input files updated by another job: (.*)", changed)
    assert RUN.format("noise") in reason.split(", ")
    assert 'start.take="norm"' in reasons(started, child={"start": {"experiment": "noise", "take": "norm"}})
    assert "rule train_network_noise" not in reasons(started, child={"batch_size": 20})


def test_a_file_counts_by_its_content_and_is_missed_before_any_job(started):
    (started.folder / "data").mkdir(exist_ok=True)
    weights = load_file(started.folder / "results/runs/noise/seed=0/final.safetensors")
    save_file(weights, started.folder / "data/a.safetensors")
    config = yaml.safe_load(CONFIG)
    config["experiments"]["child"]["start"] = {"file": "a.safetensors"}
    started.configure(config)
    try:
        started.snakemake(RUN.format("child"))
        first = load_file(started.folder / "results/runs/child/seed=0/snapshots/epoch=0.safetensors")
        assert all((weights[name] == array).all() for name, array in first.items())
        (started.folder / "data/a.safetensors").touch()
        assert "Nothing to be done" in started.snakemake("-n", RUN.format("child")).stdout
        save_file(
            {name: array * 0.5 for name, array in weights.items()}, started.folder / "data/a.safetensors"
        )
        changed = started.snakemake("-n", RUN.format("child")).stdout
        assert f"start.file: {sha256_of(started.folder / 'data/a.safetensors')}" in changed
        (started.folder / "data/a.safetensors").unlink()
        missing = started.snakemake("-n", check=False)
        assert missing.returncode == 1
        assert "start of experiment child: a.safetensors not found; looked for data/a.safetensors" in (
            missing.stderr
        )
    finally:
        started.configure(yaml.safe_load(CONFIG))


def test_texts_with_braces_are_no_wildcards(started):
    (started.folder / "data").mkdir(exist_ok=True)
    (started.folder / "data/a{b}.pt").write_text("weights")
    (started.folder / "mine.py").write_text("class Net: ...\n")
    braces = {"architecture": "mine:Net", "options": {"a": "{x} {seed} {{y}}"}, "start": {"file": "a{b}.pt"}}
    said = reasons(started, child=braces)
    assert "rule train_network_child" in said
    assert 'options.a="{{x}} {{seed}} {{{{y}}}}"' in said
    assert "start.file: " in said


@pytest.mark.parametrize(("name", "kind"), [("pipe", "pipe"), ("zero", "device"), ("folder", "directory")])
def test_a_start_that_is_no_regular_file_is_refused_before_any_job(name, kind, started):
    folder = started.folder / "odd"
    if not folder.exists():
        (folder / "folder").mkdir(parents=True)
        (folder / "zero").symlink_to("/dev/zero")
        os.mkfifo(folder / "pipe")
    config = yaml.safe_load(CONFIG)
    config["experiments"]["child"]["start"] = {"file": str(folder / name)}
    started.configure(config)
    try:
        refused = started.snakemake("-n", check=False)
    finally:
        started.configure(yaml.safe_load(CONFIG))
    assert refused.returncode == 1
    assert f"error: experiments.child.start.file: {folder / name} is a {kind}; expected a" in refused.stderr
