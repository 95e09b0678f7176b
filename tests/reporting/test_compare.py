"""Two results folders: what differs, with intervals, and the exit status."""

import os

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from anatomy.__main__ import main
from anatomy.reporting.compare import compare, difference_of
from anatomy.reporting.tables import LAYERS
from anatomy.runtime.errors import InputError
from anatomy.runtime.files import write_json


def results(folder, rate=0.1, accuracies=(0.5, 0.6, 0.7), verdict="supported", n_l=0.75):
    for seed, accuracy in enumerate(accuracies):
        run = folder / "runs" / "mine" / f"seed={seed}"
        run.mkdir(parents=True)
        settings = {"epochs": 4, "optimiser": {"learning_rate": rate}}
        facts = {"settings": settings, "code_sha256": "a", "sha256": {"final.safetensors": str(accuracy)}}
        write_json(run / "run.json", facts)
        write_json(run / "final.json", {"test": {"loss": 1 - accuracy, "accuracy": accuracy, "images": 10}})
    rows = [(seed, epoch, 0.1 * epoch) for seed in range(len(accuracies)) for epoch in range(3)]
    training = pd.DataFrame(rows, columns=["seed", "epoch", "train_accuracy"])
    training["validation_accuracy"] = training["train_accuracy"] + accuracies[0] / 10
    training.to_csv(folder / "runs" / "mine" / "training.csv", index=False)
    tables = folder / "arrangements" / "tables" / "mine"
    tables.mkdir(parents=True)
    layers = [("mine", 0, epoch, 1, "features.0", "n_l", n_l if epoch else 0.5) for epoch in (0, 2)]
    pd.DataFrame(layers, columns=LAYERS).to_csv(tables / "layers.csv", index=False)
    claims = pd.DataFrame([("biased", verdict, 0.9)], columns=["id", "verdict", "value"])
    claims.to_csv(folder / "arrangements" / "claims.csv", index=False)
    return folder


def test_results_do_not_differ_from_themselves(tmp_path, monkeypatch, capsys):
    folder = results(tmp_path / "a")
    assert compare(folder, folder).same
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as exit_:
        main(["compare", "a", "a"])
    assert exit_.value.code == 0
    assert "nothing differs" in capsys.readouterr().out


def test_what_differs_is_listed_with_its_interval(tmp_path):
    found = compare(
        results(tmp_path / "a"),
        results(tmp_path / "b", 0.2, (0.6, 0.6, 0.9), "inconclusive", 0.8),
    )
    assert found.settings.to_dict("records") == [
        {"experiment": "mine", "key": "optimiser.learning_rate", "old": 0.1, "new": 0.2}
    ]
    row = found.values.set_index("quantity").loc["test accuracy"]
    test = stats.ttest_rel([0.6, 0.6, 0.9], [0.5, 0.6, 0.7])
    interval = test.confidence_interval()
    assert row["difference"] == pytest.approx(0.1)
    assert (row["low"], row["high"]) == pytest.approx((interval.low, interval.high))
    (verdict,) = found.verdicts.to_dict("records")
    assert (verdict["verdict_old"], verdict["verdict_new"]) == ("supported", "inconclusive")
    # Of the layers the last epoch only: the first is the same.
    assert found.layers[["epoch", "difference"]].to_numpy().tolist() == [["2", pytest.approx(0.05)]]
    assert not found.same


def test_other_seeds_are_compared_as_two_groups():
    old, new = pd.Series([0.5, 0.6, 0.7]), pd.Series([0.6, 0.9], index=[7, 8])
    difference, low, high, seeds = difference_of(old, new)
    interval = stats.ttest_ind(new, old, equal_var=False).confidence_interval()
    assert (low, high) == pytest.approx((interval.low, interval.high))
    assert difference == pytest.approx(0.15) and seeds == "3 and 2"


def test_one_seed_has_no_interval():
    _, low, high, seeds = difference_of(pd.Series([0.5]), pd.Series([0.6]))
    assert np.isnan([low, high]).all() and seeds == "1 paired"


def test_an_experiment_of_one_side_is_named(tmp_path):
    old, new = results(tmp_path / "a"), results(tmp_path / "b")
    (new / "runs" / "mine").rename(new / "runs" / "other")
    found = compare(old, new)
    assert {*found.settings["experiment"]} == {"mine", "other"}


def test_the_page_and_the_exit_status(tmp_path, monkeypatch, capsys):
    results(tmp_path / "a")
    results(tmp_path / "b", accuracies=(0.6, 0.6, 0.9), n_l=0.8)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as exit_:
        main(["compare", "a", "b", "--output", "page.html"])
    assert exit_.value.code == 1
    page = (tmp_path / "page.html").read_text()
    assert page.count("data:image/png") == 2 and "test accuracy" in page
    assert "losses and accuracies" in capsys.readouterr().out


def test_a_folder_without_results_is_refused(tmp_path):
    with pytest.raises(InputError, match="has no folder runs"):
        compare(tmp_path, tmp_path)


@pytest.mark.parametrize("name", ["runs/mine/seed=0/run.json", "arrangements/claims.csv"])
def test_a_pipe_is_refused_and_not_waited_for(tmp_path, name):
    old, new = results(tmp_path / "a"), results(tmp_path / "b")
    (new / name).unlink()
    os.mkfifo(new / name)
    with pytest.raises(InputError) as refused:
        compare(old, new)
    assert str(refused.value) == f"{new / name} is a pipe, expected a file; put one in its place"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("arrangements/claims.csv", "a;b\n1;2\n", "has no column id; it has a;b: remove it"),
        ("arrangements/claims.csv", "id,verdict,value\nx,supported,much\n", "or not a table with numbers in"),
        ("arrangements/tables/mine/layers.csv", "a,b\n1,2\n", "has no column experiment; it has a, b: rem"),
        ("runs/mine/training.csv", "seed,epoch\n0,1\n", "has no column train_accuracy; it has seed, epoch"),
        ("runs/mine/seed=0/final.json", '{"test": {"loss": 1, "accuracy": "x"}}', "or not the final.json of"),
    ],
)
def test_a_file_of_others_is_named(tmp_path, monkeypatch, capsys, name, content, said):
    old, new = results(tmp_path / "a"), results(tmp_path / "b", accuracies=(0.6, 0.6, 0.9))
    (new / name).write_text(content)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as exit_:
        main(["compare", str(old), str(new)])
    assert exit_.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {new / name} ") and said in line
