"""The programs that measure ends and collect tables, from runs of two seeds to what figures read."""

import numpy as np
import pytest
from conftest import SCRIPTS, run, run_program
from studies.subspaces.subspace_runs import finished_run, opened

from anatomy.reporting.grids import read_known
from anatomy.reporting.tables import LAYERS, read_table, write_table
from anatomy.runtime.errors import InputError
from anatomy.runtime.files import write_csv
from anatomy.studies.subspaces.of_run import (
    EVALUATIONS,
    Asked,
    evaluate_run,
    points_of_run,
    run_identity,
    subspace_of,
)
from anatomy.studies.subspaces.predictions_files import read_predictions, write_predictions
from anatomy.studies.subspaces.recalibration import recalibrated, training_batches, write_points

SEEDS = (0, 1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two runs that have trained a line, evaluated, and their tables."""
    folder = tmp_path_factory.mktemp("lines")
    for seed in SEEDS:
        run = opened(finished_run(folder, seed, subspace={"kind": "line"}))
        subspace = subspace_of(run)
        points = points_of_run(run, subspace, Asked(3, 0))
        statistics = recalibrated(subspace, points, lambda run=run: training_batches(run.task, False))
        write_points(folder / "points", points, statistics, run_identity(run))
        rows, network = evaluate_run(run, folder / "points")
        write_csv(folder / f"{seed}.csv", EVALUATIONS, rows)
        write_predictions(folder / f"{seed}.safetensors", seed, network, run.task.test[1].numpy())
        snapshots = sorted((run.folder / "snapshots").iterdir())
        run_program(
            *("measure_ends", "--snapshots", *snapshots, "--kind", "line"),
            *("--output", folder / f"ends-{seed}.csv"),
        )
    run_program(
        *("tabulate_subspaces", "--evaluations", *(folder / f"{seed}.csv" for seed in SEEDS)),
        *("--predictions", *(folder / f"{seed}.safetensors" for seed in SEEDS)),
        *("--table", folder / "evaluations.csv", "--summary", folder / "evaluations_summary.csv"),
        *("--ensembles", folder / "ensembles.csv", "--plane", folder / "plane.csv"),
    )
    run_program(
        *("tabulate_ends", "--ends", *(folder / f"ends-{seed}.csv" for seed in SEEDS)),
        *("--geometry", folder / "geometry.csv", "--layers", folder / "layers.csv"),
    )
    return folder


def test_a_seed_that_is_given_twice_is_no_second_one(folder, tmp_path):
    csv, tensors, ends = (folder / f"{name}" for name in ("0.csv", "0.safetensors", "ends-0.csv"))
    outputs = {name: tmp_path / name for name in ("table", "summary", "ensembles", "plane")}
    written = [text for name, path in outputs.items() for text in (f"--{name}", path)]
    given = ("--evaluations", csv, csv, "--predictions", tensors, tensors)
    both = run(SCRIPTS / "tabulate_subspaces.py", *given, *written)
    geometry = ("--geometry", tmp_path / "geometry", "--layers", tmp_path / "layers")
    of_ends = run(SCRIPTS / "tabulate_ends.py", "--ends", ends, ends, *geometry)
    for result, path in ((both, csv), (of_ends, ends)):
        assert result.returncode == 1
        assert result.stderr.startswith(f"error: {path} and {path} are both of experiment ")
    assert not list(tmp_path.iterdir())


def test_a_table_that_lost_rows_is_not_read(folder, tmp_path):
    names = ("evaluations", "evaluations_summary", "ensembles", "geometry", "plane")
    tables = {name: read_known(folder / f"{name}.csv", "subspaces") for name in names}
    cut = tmp_path / "evaluations.csv"
    write_table(tables["evaluations"][:-2], cut)
    with pytest.raises(InputError, match="combinations of evaluation and alpha and combined of seed 1, exp"):
        read_known(cut, "subspaces")
    write_table(tables["evaluations"].iloc[[*range(5), 3]], cut)
    with pytest.raises(InputError, match=r"has 6 rows of experiment .*, seed 0, expected 5, one for each"):
        read_known(cut, "subspaces")


def test_evaluations_of_all_seeds_and_their_means(folder):
    table = read_table(folder / "evaluations.csv")
    assert table["seed"].unique().tolist() == [0, 1]
    summary = read_table(folder / "evaluations_summary.csv")
    own = summary[(summary["evaluation"] == "network") & (summary["quantity"] == "loss")].iloc[0]
    middle = table[table["evaluation"] == "network"]["loss"]
    assert (own["mean"], own["std"]) == pytest.approx((middle.mean(), middle.std()), rel=1e-4)
    assert (own["n"], own["kind"], own["beta"]) == (2, "line", 1)


def test_lines_have_no_plane(folder):
    assert read_table(folder / "plane.csv").empty
    assert "x" not in read_table(folder / "evaluations.csv").columns


def test_ensembles_are_of_the_mid_points(folder):
    found, labels = read_predictions([folder / f"{seed}.safetensors" for seed in SEEDS])
    table = read_table(folder / "ensembles.csv")
    both = table[(table["seeds"] == "0 1") & (table["combined"] == "logits")].iloc[0]
    right = sum(each.logits for each in found.values()).argmax(1) == labels
    assert both["accuracy"] == pytest.approx(right.mean())
    assert table["experiment"].unique().tolist() == ["test"]


def test_ends_of_every_epoch_layer_by_layer(folder):
    layers, geometry = read_table(folder / "layers.csv"), read_table(folder / "geometry.csv")
    assert tuple(layers.columns) == LAYERS
    assert geometry[["seed", "epoch"]].to_numpy().tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    own = layers[(layers["seed"] == 0) & (layers["epoch"] == 1) & (layers["quantity"] == "distance")]
    assert own["position"].tolist() == list(range(1, 11)) and own["layer"].iloc[-1] == "fc"
    # Squared distances add up over layers.
    whole = geometry.iloc[1]["distance"]
    assert np.sqrt((own["value"] ** 2).sum()) == pytest.approx(whole, rel=1e-4)
