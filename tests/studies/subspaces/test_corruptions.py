"""Runs on image files, evaluated on corrupted ones by type and severity."""

import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import RUN_SCHEMA, run_program, settings_of
from PIL import Image
from studies.subspaces.subspace_runs import SMALL

from anatomy.data.dataset import open_dataset
from anatomy.data.sources.images import index_folder, write_index
from anatomy.reporting.tables import write_table
from anatomy.runtime.errors import InputError
from anatomy.studies.subspaces.corruptions import COLUMNS, rows_of_corruptions
from anatomy.studies.subspaces.of_run import (
    Asked,
    evaluate_run,
    points_of_run,
    run_identity,
    subspace_of,
)
from anatomy.studies.subspaces.recalibration import recalibrated, training_batches, write_points
from anatomy.training.facts import facts_of, origin_of
from anatomy.training.loop import train_run
from anatomy.training.run import begin_run
from anatomy.training.task import Task
from anatomy.training.trained import open_run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Images in files, corrupted ones that are the test images or black, and a run that trains a line."""
    folder = tmp_path_factory.mktemp("files")
    random = np.random.default_rng(0)
    for part, count in (("train", 12), ("val", 6)):
        for index, name in enumerate(("a", "b", "c")):
            (folder / "images" / part / name).mkdir(parents=True)
            for number in range(count):
                level = random.integers(0, 60, (20, 20, 3)) + 60 * index
                Image.fromarray(level.astype(np.uint8)).save(folder / f"images/{part}/{name}/{number}.png")
    shutil.copytree(folder / "images/val", folder / "corrupted/none/1")
    shutil.copytree(folder / "images/val", folder / "corrupted/black/2")
    for path in (folder / "corrupted/black").rglob("*.png"):
        Image.new("RGB", (20, 20)).save(path)
    dataset = index_folder(folder / "images", "files", "train", "val", 18, 16)
    write_index(dataset, folder / "dataset", "files", {"source": "images", "path": str(folder / "images")})
    dataset, description = open_dataset(folder / "dataset")
    settings = settings_of(**{**SMALL, "subspace": {"kind": "line"}})
    task = Task(settings, dataset, description, 0, torch.device("cpu"))
    origin = origin_of(settings.architecture, "files", "test", 0)
    facts = facts_of(origin, settings, description, "code", "cpu", 1)
    train_run(begin_run(task), folder / "run", origin, facts)
    run = open_run(folder / "run", folder / "dataset", RUN_SCHEMA)
    subspace = subspace_of(run)
    points = points_of_run(run, subspace, Asked(5))
    statistics = recalibrated(subspace, points, lambda: training_batches(run.task, False))
    write_points(folder / "points", points, statistics, run_identity(run))
    return folder


def opened(folder):
    return open_run(folder / "run", folder / "dataset", RUN_SCHEMA)


def test_images_that_are_not_corrupted_are_the_test_images(folder):
    run, points = opened(folder), folder / "points"
    rows = list(rows_of_corruptions(run, points, folder / "corrupted", ["none"], [1]))
    assert [tuple(row) for row in rows] == [COLUMNS] * 3
    table = pd.DataFrame(evaluate_run(run, points)[0])
    for row in rows:
        same = (table["evaluation"] == row["evaluation"]) & (table["alpha"] == row["alpha"])
        same &= table["combined"].isna() if row["combined"] is None else table["combined"] == row["combined"]
        (expected,) = table[same].to_dict("records")
        for name in ("loss", "accuracy", "ece"):
            assert row[name] == pytest.approx(expected[name], rel=1e-5)
    # The pair nearest to 0.2 and 0.8.
    assert [(row["evaluation"], row["alpha"]) for row in rows] == [("network", 0.5), *[("pair", 0.25)] * 2]


def test_the_program_goes_through_types_and_severities(folder, tmp_path):
    options = {
        **{"--run": folder / "run", "--dataset": folder / "dataset", "--points": folder / "points"},
        **{"--path": folder / "corrupted", "--output": tmp_path / "table.csv"},
    }
    command = ["evaluate_corruptions", "--types", "black", "--severities", 2]
    for name, value in options.items():
        command += [name, value]
    run_program(*command)
    table = pd.read_csv(tmp_path / "table.csv")
    write_table(table.assign(seed=table["seed"] + 1), tmp_path / "other.csv")
    collected = ["--corruptions", tmp_path / "table.csv", tmp_path / "other.csv"]
    run_program("tabulate_corruptions", "--table", tmp_path / "both.csv", *collected)
    assert len(pd.read_csv(tmp_path / "both.csv")) == 2 * len(table)
    assert set(zip(table["type"], table["severity"], strict=True)) == {("black", 2)}
    # All images are alike, and a third is of each class.
    assert table["accuracy"].tolist() == pytest.approx([1 / 3] * 3)


def test_what_does_not_fit_is_refused(folder, tmp_path):
    run = opened(folder)
    with pytest.raises(InputError, match="were not recalibrated"):
        list(rows_of_corruptions(run, None, folder / "corrupted", ["none"], [1]))
    with pytest.raises(InputError, match="snow"):
        list(rows_of_corruptions(run, folder / "points", folder / "corrupted", ["snow"], [1]))
    shutil.copytree(folder / "images/val", tmp_path / "none/1")
    shutil.move(tmp_path / "none/1/a", tmp_path / "none/1/d")
    with pytest.raises(InputError, match="class a is not in both this and"):
        list(rows_of_corruptions(run, folder / "points", tmp_path, ["none"], [1]))
