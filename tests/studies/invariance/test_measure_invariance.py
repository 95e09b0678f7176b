"""From a trained run to its tables, by the programs, against networks evaluated the ordinary way."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import ROOT, RUN_SCHEMA, SCRIPTS, make_dataset, run_program
from conftest import run as run_forked_program
from PIL import Image
from studies.tables_of_measurements import assert_given_once, assert_lost_rows_are_missed
from training_program import train

from anatomy.__main__ import main
from anatomy.data.dataset import write_dataset
from anatomy.reporting.tables import LAYERS, read_table
from anatomy.studies.invariance.affine import Affine
from anatomy.studies.invariance.measurement import Measurement
from anatomy.training.trained import open_run

SETTINGS = {
    "architecture": "simple_conv",
    "width": 0.25,
    "epochs": 1,
    "pixels": "unit",
    "augmentation": {"shift": 0, "flip": False},
    "loss": {"kind": "nll"},
}

# What is measured beside the trained network under rotation.
FURTHER = {
    "epochs": [0, 1],
    "local": True,
    "transformations": {"scale": 3, "combined": [2, 1, 2], "images": 20},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A data set, a run on it, its measurement with exact angles, and its tables."""
    folder = tmp_path_factory.mktemp("invariance")
    dataset = make_dataset(train=60, test=40, channels=1, size=16)
    write_dataset(dataset, folder / "data", "shades", {"source": "test"})
    train(folder / "run", folder / "data", 3, **SETTINGS)
    measured(folder, "exact.safetensors", jitter=0, angles=4, **FURTHER)
    run_program(
        "tabulate_invariance", "--measurements", folder / "exact.safetensors", "--output", folder / "tables"
    )
    return folder


def measured(folder, output, **settings):
    given = ["--run", folder / "run", "--dataset", folder / "data", "--settings", json.dumps(settings)]
    run_program("measure_invariance", *given, "--output", folder / output)
    return Measurement.read(folder / output)


@pytest.fixture(scope="module")
def run(folder):
    return open_run(folder / "run", folder / "data", RUN_SCHEMA)


def turned(images, angle):
    """Images rotated one by one by Pillow."""
    pixels = [
        np.asarray(Image.fromarray(i[0].numpy()).rotate(angle, Image.Resampling.BILINEAR)) for i in images
    ]
    return torch.from_numpy(np.stack(pixels))[:, None]


@torch.no_grad()
def test_units_are_those_of_the_network_on_rotated_test_images(folder, run):
    network, values = run.network(), []
    pixels = torch.from_numpy(run.task.dataset.test_images)
    for angle in (-180, -90, 0, 90):
        maps = network.c1(turned(pixels, angle).float() / 255)
        values.append(maps.mean((2, 3)).double().numpy())
    values = np.stack(values)
    units = read_table(folder / "tables/units.csv")
    own = units[(units["kind"] == "all") & (units["aggregation"] == "mean") & (units["layer"] == "c1")]
    np.testing.assert_allclose(own["transformation"], values.std(0, ddof=1).mean(0), rtol=1e-3, atol=1e-7)
    np.testing.assert_allclose(own["sample"], values.std(1, ddof=1).mean(0), rtol=1e-4)
    assert set(units["kind"]) == {"all", "stratified", "class"} and set(units["aggregation"]) == {
        "mean",
        "max",
    }
    assert own["floor"].tolist() == [0] * 8


@torch.no_grad()
def test_accuracies_by_class_and_angle(folder, run):
    network, pixels = run.network(), torch.from_numpy(run.task.dataset.test_images)
    labels = torch.from_numpy(run.task.dataset.test_labels)
    angles = read_table(folder / "tables/angles.csv").set_index(["class", "angle"])["accuracy"]
    for angle in (-90, 0):
        right = network(turned(pixels, angle).float() / 255).argmax(1) == labels
        for index in range(4):
            expected = right[labels == index].double().mean().item()
            assert angles[f"class {index}", angle] == pytest.approx(expected)
    scores = read_table(folder / "tables/scores.csv")
    final = json.loads((folder / "run/final.json").read_text())
    plain = scores[~scores["rotated"]].set_index("part")
    for part in ("train", "test"):
        # The training part of final.json leaves out what validates.
        assert plain.loc[part, "accuracy"] == pytest.approx(final[part]["accuracy"], abs=1e-6)
        assert plain.loc[part, "loss"] == pytest.approx(final[part]["loss"], rel=1e-5)
    assert scores["images"].tolist() == [54, 54, 40, 40]


@torch.no_grad()
def test_further_epochs_are_those_of_their_networks(folder, run):
    pixels = torch.from_numpy(run.task.dataset.test_images)
    maps = [run.initial_network().c1(turned(pixels, angle).float() / 255) for angle in (-180, -90, 0, 90)]
    values = torch.stack(maps).mean((3, 4)).double().numpy()
    expected = (values.std(0, ddof=1).mean(0) / values.std(1, ddof=1).mean(0)).mean()
    epochs = read_table(folder / "tables/epochs.csv")
    own = epochs[(epochs["kind"] == "all") & (epochs["aggregation"] == "mean") & (epochs["layer"] == "c1")]
    assert own["epoch"].tolist() == [0, 1]
    assert own["invariance"].iloc[0] == pytest.approx(expected, rel=1e-3)
    layers = read_table(folder / "tables/layer_invariance.csv")
    last = epochs[epochs["epoch"] == 1].reset_index(drop=True)
    assert last["invariance"].tolist() == layers["invariance"].tolist()
    shared = read_table(folder / "tables/layers.csv")
    shared = shared[(shared["quantity"] == "invariance") & (shared["layer"] == "c1")].set_index("epoch")
    assert shared["value"].loc[[0, 1]].tolist() == own["invariance"].tolist()


@torch.no_grad()
def test_other_transformations_and_the_local_measure(folder, run):
    table = read_table(folder / "tables/transformations.csv")
    counts = table.drop_duplicates("transformation").set_index("transformation")[["count", "images"]]
    assert counts.T.to_dict("list") == {"rotation": [4, 40], "scale": [3, 20], "combined": [8, 20]}
    affine, network = Affine(1, 3, 1), run.network()
    pixels = torch.from_numpy(run.task.dataset.test_images)[:20]
    maps = [network.c1(affine.apply(pixels, row).float() / 255) for row in affine.draw(20, None)]
    values = torch.stack(maps).mean((3, 4)).double().numpy()
    expected = (values.std(0, ddof=1).mean(0) / values.std(1, ddof=1).mean(0)).mean()
    own = table[(table["transformation"] == "scale") & (table["layer"] == "c1")].set_index("aggregation")
    assert own.loc["mean", "invariance"] == pytest.approx(expected, rel=1e-3)
    local = read_table(folder / "tables/local.csv")
    units = read_table(folder / "tables/units.csv")
    b = units[units["kind"] == "all"]["sample"].to_numpy()
    assert len(local) == len(b) and (local["derivative"] >= 0).all() and local["local"].max() > 0
    alive = b > 0
    np.testing.assert_allclose(local["local"][alive], (local["derivative"] / b)[alive], rtol=1e-4)


def test_the_command_prints_what_the_pipeline_measures(folder, capsys):
    given = [folder / "run", "--dataset", folder / "data", "--project", ROOT, "--angles", 4]
    with pytest.raises(SystemExit) as ended:
        main(["invariance", *map(str, given), "--output", str(folder / "command.csv")])
    assert ended.value.code == 0
    printed = capsys.readouterr().out
    table, units = read_table(folder / "command.csv"), read_table(folder / "tables/units.csv")
    units = units[units["aggregation"] == "mean"].reset_index(drop=True)
    assert table["layer"].tolist() == units["layer"].tolist()
    np.testing.assert_allclose(table["invariance"], units["invariance"], rtol=1e-3, atol=1e-6)
    mean = table[(table["kind"] == "all") & (table["layer"] == "c1")]["invariance"].mean()
    (line,) = (line for line in printed.splitlines() if line.startswith("c1 "))
    assert line.split()[:2] == ["c1", "8"] and float(line.split()[2]) == pytest.approx(mean, abs=1e-4)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--project", "nowhere"], "has no config.schema.yaml; give it with --project"),
        (["--project", str(ROOT), "--epoch", "7"], "no snapshot of epoch 7"),
        (["--project", str(ROOT), "--layers", "c11"], "did you mean c1"),
    ],
)
def test_the_command_refuses(folder, options, words, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["invariance", str(folder / "run"), "--dataset", str(folder / "data"), *options])
    assert ended.value.code == 2 and words in capsys.readouterr().err


def test_tables_of_layers_and_networks_are_means_over_units(folder):
    tables = {path.stem: read_table(path) for path in (folder / "tables").glob("*.csv")}
    units = tables["units"]
    own = units[(units["kind"] == "stratified") & (units["aggregation"] == "max")]
    by_layer = own.groupby("layer", sort=False)["invariance"].mean()
    layers = tables["layer_invariance"]
    chosen = layers[(layers["kind"] == "stratified") & (layers["aggregation"] == "max")]
    np.testing.assert_allclose(chosen["invariance"], by_layer, rtol=1e-4)
    network = tables["network_invariance"].set_index(["kind", "aggregation"]).loc[("stratified", "max")]
    assert network["invariance"] == pytest.approx(own["invariance"].mean(), rel=1e-4)
    assert network["by_layer"] == pytest.approx(by_layer.mean(), rel=1e-4)
    assert network["units"] == len(own)
    assert tuple(tables["layers"].columns) == LAYERS
    assert set(tables["layers"]["quantity"]) == {"invariance", "invariance_stratified", "invariance_floor"}
    assert tables["outputs"].groupby("class").size().tolist() == [4] * 4


def test_seeds_are_summed_up_with_students_interval(folder, tmp_path):
    network = read_table(folder / "tables/network_invariance.csv")
    seeds = [network.assign(seed=seed, invariance=value) for seed, value in enumerate((0.1, 0.2, 0.3))]
    pd.concat(seeds).to_csv(tmp_path / "network_invariance.csv", index=False)
    given = ["--tables", tmp_path / "network_invariance.csv", "--output", tmp_path / "networks.csv"]
    run_program("tabulate_invariance_networks", *given)
    row = read_table(tmp_path / "networks.csv").iloc[0]
    assert (row["quantity"], row["n"]) == ("pooled", 3)
    # t(0.975, 2) = 4.30265, and the standard deviation is 0.1.
    assert row["mean"] == pytest.approx(0.2) and row["high"] == pytest.approx(
        0.2 + 0.430265 / 3**0.5, rel=1e-5
    )


def test_measuring_again_is_the_same_bits_and_published_is_another_measure(folder):
    first = measured(folder, "first.safetensors", angles=3)
    measured(folder, "again.safetensors", angles=3)
    assert (folder / "first.safetensors").read_bytes() == (folder / "again.safetensors").read_bytes()
    published = measured(folder, "published.safetensors", angles=3, variant="published", artefacts=False)
    assert not np.allclose(published.arrays["sample/mean"], first.arrays["sample/mean"])
    assert "floor/mean" not in published.arrays and "correct" not in published.arrays


def test_some_layers_and_images_alone(folder):
    own = measured(folder, "few.safetensors", angles=2, layers=["fc2", "c1act"], images=20, sums="float64")
    assert [layer["module"] for layer in own.facts["layers"]] == ["fc2", "c1act"]
    assert own.arrays["images"].sum() == 20


def test_any_run_is_measured_layer_by_layer(tmp_path):
    """A VGG whose training pools before its ReLUs, on colour images with noisy labels."""
    write_dataset(make_dataset(test=16), tmp_path / "data", "shades", {"source": "test"})
    train(tmp_path / "run", tmp_path / "data", 0, epochs=1, label_noise={"fraction": 0.5})
    own = measured(tmp_path, "vgg.safetensors", angles=2, artefacts=False)
    names = [layer["module"] for layer in own.facts["layers"]]
    assert names[:3] == ["features.0", "features.1", "features.2"] and names[-1] == "classifier.6"
    assert np.isfinite(own.arrays["sample/mean"]).all() and (own.arrays["sample/mean"] > 0).any()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"layers": ["c9"]}, "c9"),
        ({"images": 5}, "class 1 has 1 images"),
        ({"angles": 1}, "angles"),
    ],
)
def test_what_cannot_be_measured_is_one_line(folder, settings, words):
    options = ["--run", folder / "run", "--dataset", folder / "data", "--settings", json.dumps(settings)]
    options += ["--output", folder / "none.safetensors"]
    result = run_forked_program(SCRIPTS / "measure_invariance.py", *options)
    assert result.returncode == 1 and result.stderr.count("\n") == 1
    assert result.stderr.startswith("error: ") and words in result.stderr
    assert not (folder / "none.safetensors").exists()


def test_a_run_that_is_given_twice_is_no_second_seed(folder, tmp_path):
    assert_given_once("tabulate_invariance.py", folder / "exact.safetensors", tmp_path / "tables")


def test_a_table_that_lost_rows_is_not_read(folder, tmp_path):
    assert_lost_rows_are_missed(folder / "tables", "invariance", "layer_invariance", tmp_path)
