"""The program that imports released weights, and the rules that measure them."""

import json
import runpy

import numpy as np
import pandas as pd
import yaml
from conftest import SCRIPTS, run
from released_files import ORIGIN, save_alexnet, save_named, state_dict
from safetensors.numpy import load_file

from anatomy.checkpoints.snapshots import load_snapshot


def test_program_refuses_a_missing_file_in_one_line(tmp_path):
    settings = {"architecture": "alexnet", "source": "matconvnet", "path": "alex.mat", "seed": 0}
    settings["homepage"] = "https://example.org/zoo"
    options = ["--name", "alex", "--settings", json.dumps(settings), "--output", tmp_path / "out"]
    result = run(SCRIPTS / "import_pretrained.py", *options, ANATOMY_DATA=str(tmp_path))
    assert result.returncode == 1
    [line] = result.stderr.strip().splitlines()
    assert f"pretrained network alex: alex.mat not found; looked for {tmp_path / 'alex.mat'}" in line
    assert "Get it from https://example.org/zoo" in line
    assert not (tmp_path / "out").exists()


def test_program_downloads_official_weights_and_writes_both_snapshots(server, tmp_path, monkeypatch):
    folder, address = server
    state = state_dict("alexnet")
    path, _ = save_named(state, folder, "alexnet")
    monkeypatch.setattr(
        "anatomy.studies.arrangements.pretrained.read.official_url",
        lambda architecture: f"{address}{path.name}",
    )
    monkeypatch.setenv("ANATOMY_DATA", str(tmp_path / "data"))
    settings = {"architecture": "alexnet", "source": "torchvision", "seed": 4}
    options = ["--name", "theirs", "--settings", json.dumps(settings), "--output", str(tmp_path / "out")]
    monkeypatch.setattr("sys.argv", ["import_pretrained.py", *options])
    runpy.run_path(str(SCRIPTS / "import_pretrained.py"), run_name="__main__")
    pretrained, random = (load_snapshot(tmp_path / f"out/{n}.safetensors") for n in ("pretrained", "random"))
    assert pretrained.origin == {**ORIGIN, "architecture": "alexnet", "experiment": "theirs", "seed": 4}
    assert random.origin == {**pretrained.origin, "epoch": 0}
    assert random.layers == pretrained.layers
    assert {n: a.shape for n, a in random.arrays.items()} == {
        n: a.shape for n, a in pretrained.arrays.items()
    }
    np.testing.assert_array_equal(
        pretrained.arrays["features.10.weight"], state["features.10.weight"].numpy()
    )
    assert (tmp_path / "data" / path.name).is_file()


CONFIG = """
device: cpu
datasets: {digits: {source: embedded, variant: digits-grey, train: 100, test: 50}}
defaults: {architecture: lenet, epochs: 1, seeds: [0]}
experiments: {plain: {dataset: digits, arrangements: {}}}
studies:
  arrangements:
    pretrained:
      alex: {architecture: alexnet, source: matconvnet, path: alex.mat, seed: 5}
      vgg: {architecture: vgg16, source: torchvision}
"""
JOBS = {"import_pretrained": 1, "measure_pretrained": 1, "tabulate_projections": 1}


def test_workflow_measures_a_file_of_the_zoo(checkout, tmp_path):
    config = yaml.safe_load(CONFIG)
    checkout.configure(config)
    # Nothing draws them.
    assert not JOBS.keys() - {"tabulate_projections"} & checkout.planned().keys()
    (tmp_path / "zoo").mkdir()
    weights = save_alexnet(tmp_path / "zoo/alex.mat", "dagnn")
    checkout.environment["ANATOMY_DATA"] = str(tmp_path / "zoo")
    table = "results/arrangements/tables/alex/n_l.csv"
    checkout.snakemake(table)

    n_l = pd.read_csv(checkout.folder / table)
    assert n_l["experiment"].unique().tolist() == ["alex"]
    assert n_l["seed"].unique().tolist() == [5]
    assert n_l["epoch"].tolist() == [-1] * 5 + [0] * 5
    random = load_file(checkout.folder / "results/arrangements/pretrained/alex/random.safetensors")
    drawn = [random[f"conv{n}.weight"] for n in range(1, 6)]
    expected = [(w.astype(np.float64).sum((1, 2, 3)) <= 0).mean() for w in weights + drawn]
    np.testing.assert_allclose(n_l["n_l"], expected, atol=1e-6)
    cosines = pd.read_csv(checkout.folder / "results/arrangements/tables/alex/cosines.csv")
    assert len(cosines) == 2 * sum(len(w) for w in weights)
    snapshot = load_snapshot(checkout.folder / "results/arrangements/pretrained/alex/pretrained.safetensors")
    assert snapshot.origin == {**ORIGIN, "architecture": "alexnet", "experiment": "alex", "seed": 5}

    alex = config["studies"]["arrangements"]["pretrained"]["alex"]
    alex["label"] = "AlexNet of the zoo"
    checkout.configure(config)
    assert checkout.planned(table) == {}
    alex["seed"] = 6
    checkout.configure(config)
    assert checkout.planned(table) == JOBS


def test_target_plans_all_networks(checkout):
    checkout.configure(yaml.safe_load(CONFIG))
    folder = checkout.folder / "data"
    folder.mkdir()
    for name in ("alex.mat", "vgg16-397923af.pth"):
        (folder / name).write_bytes(b"")
    planned = checkout.planned("pretrained")
    assert {job: planned[job] for job in JOBS} == dict.fromkeys(JOBS, 2)
