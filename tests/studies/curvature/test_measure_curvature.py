"""What is measured of trained runs, by the programs, against plain computations on the networks they left."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import ROOT, RUN_SCHEMA, SCHEMA_FILE, make_dataset, run_program
from safetensors.numpy import load_file
from studies.curvature.small_networks import reference_hessian
from studies.tables_of_measurements import assert_given_once, assert_lost_rows_are_missed
from torch.nn import functional
from training_program import train

from anatomy.__main__ import main
from anatomy.data.dataset import open_dataset, write_dataset
from anatomy.data.sources.points import prepare
from anatomy.networks.cpu_layers import plain
from anatomy.reporting.tables import LAYERS, read_table
from anatomy.runtime.errors import InputError
from anatomy.runtime.files import read_json
from anatomy.runtime.schema import read_schemas
from anatomy.runtime.settings import Settings
from anatomy.studies.curvature.measure import measure_run
from anatomy.training.trained import open_run

SCHEMA = read_schemas(SCHEMA_FILE)["$defs"]
OWN = SCHEMA["experiment"]["properties"]["curvature"]
POINTS = {
    "architecture": "fnn",
    "options": {"hidden": [8, 9]},
    "width": 1.0,
    "pixels": "raw",
    "epochs": 30,
    "batch_size": 64,
    "validation_fraction": 0.375,
    "split": {},
    "augmentation": {"shift": 0, "flip": False},
    "optimiser": {"learning_rate": 0.05, "momentum": 0.0, "weight_decay": 0.0},
    "schedule": {"kind": "constant"},
    "snapshots": {"epochs": [2], "weights": "all"},
    "evaluate_every": 30,
}
MEASURED = {
    "eigenpairs": 8,
    "spectrum": "whole",
    "epochs": [2],
    "maps": 12,
    "margin_steps": 20,
    "loss_plane": True,
    "reparametrise": [0.2, 5, 1],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two runs on points, with two losses, one on images, and measurements of the first."""
    folder = tmp_path_factory.mktemp("curvature")
    prepare("gauss", Settings({"source": "points", "variant": "gauss"}, SCHEMA["points"]), folder / "data")
    train(folder / "run", folder / "data", 1, **POINTS)
    train(folder / "squared", folder / "data", 1, **{**POINTS, "loss": {"kind": "squared_error"}})
    shades = make_dataset(train=24, channels=1, size=28)
    write_dataset(shades, folder / "images", "shades", {"source": "test"})
    images = {"architecture": "small_cnn", "width": 0.125, "pixels": "raw", "epochs": 1, "schedule": {}}
    train(folder / "cnn", folder / "images", 1, **images)
    options = ("--run", folder / "run", "--dataset", folder / "data", "--settings", json.dumps(MEASURED))
    run_program("measure_curvature", *options, "--output", folder / "measured")
    run_program("tabulate_curvature", "--measurements", folder / "measured", "--output", folder / "tables")
    return folder


@pytest.fixture(scope="module")
def run(folder):
    return open_run(folder / "run", folder / "data", RUN_SCHEMA)


def measured(run, limits=(), **own):
    return measure_run(run, Settings(own, OWN), limits)


def training_data(folder):
    dataset = open_dataset(folder / "data")[0]
    return (
        torch.from_numpy(dataset.train_points[:150]).double(),
        torch.from_numpy(dataset.train_labels[:150]),
    )


def test_eigenpairs_are_those_of_the_hessian_of_what_was_trained(folder, run):
    x, y = training_data(folder)
    network = plain(run.network()).double()
    values, vectors = np.linalg.eigh(reference_hessian(network, x, y))
    pairs = load_file(folder / "measured/eigenpairs.safetensors")
    assert np.abs(pairs["values"] - values[::-1][:8]).max() < 1e-10 * values[-1]
    assert np.abs(np.abs(np.sum(pairs["vectors"] * vectors[:, ::-1][:, :8], 0)) - 1).max() < 1e-6
    assert pairs["converged"].all() and pairs["residuals"].max() < 1e-6 * values[-1]
    facts = read_json(folder / "measured/curvature.json")
    assert [own["epoch"] for own in facts["epochs"]] == [2, 30]
    last = facts["epochs"][-1]
    assert last["trace"]["value"] == pytest.approx(values.sum(), rel=1e-8)
    assert last["loss"] == pytest.approx(functional.cross_entropy(network(x), y).item())
    final = read_json(folder / "run/final.json")
    assert last["loss"] == pytest.approx(final["train"]["loss"], rel=1e-5)
    assert facts["test_accuracy"] == pytest.approx(final["test"]["accuracy"])
    first = np.linalg.eigvalsh(reference_hessian(plain(run.network(2)).double(), x, y))
    assert facts["epochs"][0]["eigenvalues"] == pytest.approx(first[::-1][:8].tolist(), rel=1e-8)


def test_the_loss_is_that_which_was_trained(folder):
    run = open_run(folder / "squared", folder / "data", RUN_SCHEMA)
    x, y = training_data(folder)

    def squared(logits, target):
        return ((logits - functional.one_hot(target, 3)) ** 2).mean()

    values = np.linalg.eigvalsh(reference_hessian(plain(run.network()).double(), x, y, squared))
    found = measured(run, eigenpairs=3).facts["epochs"][0]["eigenvalues"]
    assert found == pytest.approx(values[::-1][:3].tolist(), rel=1e-8)


def test_a_class_without_points_is_refused(folder):
    """Of six points that stand in order, holding out the last four leaves one class only."""
    dataset = open_dataset(folder / "data")[0]
    chosen = np.argsort(dataset.train_labels, kind="stable")[[0, 1, *range(-8, 0)]]
    few = replace(
        dataset, train_points=dataset.train_points[chosen], train_labels=dataset.train_labels[chosen]
    )
    write_dataset(few, folder / "few", "few", {"source": "test"})
    settings = {**POINTS, "epochs": 1, "snapshots": {"epochs": []}, "validation_fraction": 0.1}
    train(folder / "without", folder / "few", 1, **settings)
    with pytest.raises(InputError, match="none of its 9 training inputs is of class 1, so that it has no"):
        measured(open_run(folder / "without", folder / "few", RUN_SCHEMA))


def test_the_command_measures_a_run_of_the_pipeline(folder, run, capsys):
    given = ["curvature", str(folder / "run"), str(folder / "data"), "--k", "3", "--epoch", "2"]
    given += ["--schema", str(SCHEMA_FILE), "--output", str(folder / "command.csv")]
    with pytest.raises(SystemExit) as ended:
        main(given)
    assert ended.value.code == 0
    expected = read_json(folder / "measured/curvature.json")["epochs"][0]
    printed = capsys.readouterr().out
    assert "150 training inputs, 135 parameters" in printed
    assert ", ".join(f"{value:.4g}" for value in expected["eigenvalues"][:3]) in printed
    table = read_table(folder / "command.csv")
    tops = [own["top"] for own in expected["layers"].values()]
    assert table["top"].tolist() == pytest.approx(tops, rel=1e-5)


def test_more_threads_than_torch_takes_are_refused(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["curvature", "run", "data", "--threads", "1000000"])
    assert ended.value.code == 2
    assert "--threads: '1000000'; expected a whole number from 1 to 1024" in capsys.readouterr().err


def test_arrays_are_read_as_they_were_measured(folder, run):
    """Maps are slices of larger arrays: a file must not have them in another order."""
    arrays = dict(np.load(folder / "measured/arrays.npz"))
    again = measured(run, run_limits(folder), **MEASURED).arrays
    assert arrays.keys() == again.keys()
    for name, values in arrays.items():
        assert np.array_equal(values, again[name]), name


def run_limits(folder):
    return read_json(folder / "data/dataset.json")["grid"]


def test_maps_are_of_the_network(folder, run):
    arrays = dict(np.load(folder / "measured/arrays.npz"))
    network, points = plain(run.network()).double(), arrays["map_points"]
    logits = network(torch.from_numpy(points)).detach()
    assert np.allclose(arrays["map_logits"], logits) and len(points) == 144
    assert np.array_equal(arrays["map_classes"], logits.argmax(1))
    network.zero_grad()
    functional.cross_entropy(network(torch.from_numpy(points[7:8])), logits[7:8].argmax(1)).backward()
    gradient = torch.cat([own.grad.reshape(-1) for own in network.parameters()]).numpy()
    vectors = load_file(folder / "measured/eigenpairs.safetensors")["vectors"][:, :7]
    assert np.allclose(arrays["map_along"][7], gradient @ vectors / np.linalg.norm(gradient))


def test_batches_change_nothing_but_memory(run):
    whole, parts = (measured(run, eigenpairs=4, batch=size).facts["epochs"][0] for size in (1024, 40))
    assert parts["eigenvalues"] == pytest.approx(whole["eigenvalues"], rel=1e-8)
    for name, own in whole["layers"].items():
        assert parts["layers"][name]["top"] == pytest.approx(own["top"], rel=1e-8)


def test_a_reparametrised_network_has_other_eigenvalues_and_like_alignments(folder):
    table = read_table(folder / "tables/reparametrisation.csv")
    assert (np.abs(table["after"] / table["before"] - 1) > 1e-3).any()
    assert table["correlation"].between(0, 1).all()


def test_images_have_layers_of_convolutions_and_a_density(folder):
    run = open_run(folder / "cnn", folder / "images", RUN_SCHEMA)
    found = measured(run, eigenpairs=2, products=12, spectrum="density", embedding=False)
    # Of 24 images two validate.
    assert found.arrays["inputs_place"].shape == (22, 0)
    assert found.arrays["spectrum_weights"].sum() == pytest.approx(1)
    names = [name for name, own in run.network().named_modules() if [*own.parameters(recurse=False)]]
    assert [*found.facts["epochs"][0]["layers"]] == names
    assert found.facts["epochs"][0]["generalisation"] == {}


def test_tables_have_rows_and_columns(folder):
    tables = {path.stem: read_table(path) for path in (folder / "tables").glob("*.csv")}
    assert tables["layers"].columns.tolist() == [*LAYERS]
    assert len(tables["maps"]) == 144 and len(tables["eigenvalues"]) == 16
    assert tables["spectrum"]["weight"].sum() == pytest.approx(1)
    shares = tables["layers"].query("quantity == 'hessian_share_1' and epoch == 30")["value"]
    assert shares.sum() == pytest.approx(1, abs=1e-5)
    assert all(table["experiment"].eq("test").all() and len(table) for table in tables.values())
    assert tables["margins"]["nearest"].gt(0).all()
    listed = (ROOT / "workflow/rules/curvature.smk").read_text()
    assert all(f'"{name}"' in listed for name in tables)


def test_epochs_without_all_weights_are_refused(run):
    with pytest.raises(InputError, match="has no snapshot of epoch 7"):
        measured(run, epochs=[7])


def test_a_run_that_is_given_twice_is_no_second_seed(folder, tmp_path):
    assert_given_once("tabulate_curvature.py", folder / "measured", tmp_path / "tables")


def test_a_table_that_lost_rows_is_not_read(folder, tmp_path):
    assert_lost_rows_are_missed(folder / "tables", "curvature", "eigenvalues", tmp_path)
