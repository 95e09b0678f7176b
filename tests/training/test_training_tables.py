"""Tables of the training against independent computations, and the programs that write them."""

import csv

import numpy as np
import pandas as pd
import pytest
from conftest import SCRIPTS, run, run_program

from anatomy.reporting.plotting import rate_drops
from anatomy.reporting.tables import write_table
from anatomy.runtime.errors import InputError
from anatomy.runtime.files import write_json
from anatomy.training.tables import accuracy_table, training_summary, training_table

SUMMARY_COLUMNS = ["mean", "std", "n"]


def write_history(path, rates=(0.1, 0.1, 0.01), offset=0.0):
    """Write a history as training does: epoch 0 has no rate and no training loss."""
    rows = [[0, "", "", "", 2.5 + offset, 0.1, 0.5]]
    for epoch, rate in enumerate(rates, 1):
        loss, accuracy = 2.0 / epoch + offset, 1 - 0.5**epoch
        rows.append([epoch, rate, loss, accuracy, loss + 0.25, accuracy - 0.1, 1.5])
    names = "epoch,learning_rate,train_loss,train_accuracy,validation_loss,validation_accuracy,seconds"
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([names.split(","), *rows])
    return path


def write_final(folder, experiment, seed, accuracy):
    """Write the final numbers of a run, as training does, as far as tables need them."""
    path = folder / experiment / f"seed={seed}" / "final.json"
    write_json(path, {"test": {"loss": 1.0, "accuracy": accuracy, "images": 10}})
    return path


@pytest.fixture
def histories(tmp_path):
    return {seed: write_history(tmp_path / f"{seed}.csv", offset=0.1 * seed) for seed in (3, 5)}


def test_training_table_keeps_histories_and_rescales_losses(histories):
    table = training_table("plain", histories)
    assert list(table[["experiment", "seed", "epoch"]].itertuples(index=False, name=None)) == [
        ("plain", seed, epoch) for seed in (3, 5) for epoch in range(4)
    ]
    for seed, path in histories.items():
        history, own = pd.read_csv(path), table[table["seed"] == seed].reset_index(drop=True)
        pd.testing.assert_frame_equal(own[history.columns], history)
        for loss in ("train_loss", "validation_loss"):
            np.testing.assert_allclose(own[f"{loss}_rescaled"], history[loss] / np.nanmax(history[loss]))
            assert own[f"{loss}_rescaled"].max() == 1.0


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("3,0.01", "validation_accuracy is empty in the row of experiment plain, seed 5, epoch 3"),
        ("3,-0.01,1,0.5,1,0.5,1.5", "learning_rate is -0.01 in the row of"),
        ("3,inf,1,0.5,1,0.5,1.5", "learning_rate is inf in the row of"),
        ("3,0.01,1,1.5,1,0.5,1.5", "train_accuracy is 1.5 in the row of"),
        ("2,0.01,1,0.5,1,0.5,1.5", "has 4 rows of experiment plain, seed 5, expected 3"),
    ],
)
def test_a_history_that_cannot_be_is_named(tmp_path, histories, line, said):
    lines = histories[5].read_text().splitlines()
    histories[5].write_text("\n".join([*lines[:-1], line, ""]))
    outputs = [tmp_path / "training.csv", tmp_path / "summary.csv"]
    arguments = ("--experiment", "plain", "--seeds", *histories, "--histories", *histories.values())
    result = run(
        SCRIPTS / "tabulate_training.py", *arguments, "--training", outputs[0], "--summary", outputs[1]
    )
    assert result.returncode == 1
    assert result.stderr.startswith(f"error: {histories[5]}") and said in result.stderr
    assert not any(path.exists() for path in outputs)


def test_training_summary_is_over_seeds_by_epoch(histories):
    table = training_table("plain", histories)
    summary = training_summary(table)
    assert list(summary) == ["experiment", "quantity", "epoch", "learning_rate", *SUMMARY_COLUMNS]
    assert summary["n"].eq(2).all()
    # Nothing is trained before epoch 1.
    epochs = summary.groupby("quantity")["epoch"].apply(list).to_dict()
    measured = {name: [0, 1, 2, 3] if name.startswith("validation") else [1, 2, 3] for name in epochs}
    losses = [f"{part}_loss{suffix}" for part in ("train", "validation") for suffix in ("", "_rescaled")]
    assert epochs == measured
    assert set(epochs) == {*losses, "train_accuracy", "validation_accuracy"}
    for row in summary.itertuples():
        values = table.loc[table["epoch"] == row.epoch, row.quantity].to_numpy()
        np.testing.assert_allclose([row.mean, row.std], [values.mean(), values.std(ddof=1)], atol=1e-12)
        rates = {1: 0.1, 2: 0.1, 3: 0.01}
        np.testing.assert_equal(row.learning_rate, rates.get(row.epoch, np.nan))


def test_accuracies_are_those_of_the_last_epoch_and_of_the_test_set(tmp_path, histories):
    training = training_table("plain", histories)
    training.loc[(training["epoch"] == 3) & (training["seed"] == 5), "train_accuracy"] = 0.975
    finals = [write_final(tmp_path, "plain", seed, accuracy) for seed, accuracy in ((3, 0.7), (5, 0.8))]
    table = accuracy_table([training], finals).set_index("quantity")
    assert list(table.index) == ["train_accuracy", "validation_accuracy", "test_accuracy"]
    assert table["n"].tolist() == [2, 2, 2]
    np.testing.assert_allclose(table["mean"], [(0.875 + 0.975) / 2, 0.775, 0.75])
    np.testing.assert_allclose(table["std"], [0.1 / np.sqrt(2), 0, 0.1 / np.sqrt(2)], atol=1e-12)


def test_experiments_of_different_length_each_give_their_last_epoch(tmp_path):
    long = training_table("long", {0: write_history(tmp_path / "long.csv", rates=[0.1] * 5)})
    short = training_table("short", {0: write_history(tmp_path / "short.csv", rates=[0.1])})
    finals = [write_final(tmp_path, "long", 0, 0.5), write_final(tmp_path, "short", 0, 0.25)]
    table = accuracy_table([long, short], finals).set_index(["experiment", "quantity"])
    assert table.loc[("long", "train_accuracy"), "mean"] == pytest.approx(1 - 0.5**5)
    assert table.loc[("short", "train_accuracy"), "mean"] == pytest.approx(0.5)
    assert table.loc[("short", "test_accuracy"), "mean"] == 0.25
    assert len(table) == 6


def test_a_run_that_is_given_twice_is_no_second_seed(tmp_path, histories):
    path = next(iter(histories.values()))
    written = ("--training", tmp_path / "training.csv", "--summary", tmp_path / "summary.csv")
    for seeds in ((0, 0), (0, 1)):
        given = ("--experiment", "plain", "--seeds", *seeds, "--histories", path, path)
        result = run(SCRIPTS / "tabulate_training.py", *given, *written)
        assert result.returncode == 1
        assert result.stderr == "error: --seeds or --histories have one twice; give each run once\n"


@pytest.mark.parametrize("name", ["final.json", "plain/final.json", "plain/seed=x/final.json"])
def test_a_final_json_without_its_folders_is_refused(tmp_path, name):
    with pytest.raises(InputError, match=r"expected EXPERIMENT/seed=SEED/final.json"):
        accuracy_table([], [tmp_path / name])


def test_tabulate_training_writes_every_seed_and_the_summary(tmp_path, histories):
    outputs = [tmp_path / "training.csv", tmp_path / "summary.csv"]
    run_program(
        "tabulate_training",
        *("--experiment", "plain", "--seeds", *histories, "--histories", *histories.values()),
        *("--training", outputs[0], "--summary", outputs[1]),
    )
    training, summary = map(pd.read_csv, outputs)
    expected = training_table("plain", histories)
    pd.testing.assert_frame_equal(training, expected, rtol=1e-5, check_dtype=False)
    pd.testing.assert_frame_equal(
        summary, training_summary(expected), rtol=1e-5, atol=1e-12, check_dtype=False
    )
    assert len(training) == 8
    # Loss, rescaled loss and accuracy: of validation from epoch 0 on, of training from epoch 1 on.
    assert len(summary) == 3 * 4 + 3 * 3


@pytest.mark.parametrize("name", ["plain", "007", "1e5", "nan"])
def test_tabulate_accuracies_keeps_names_that_look_like_numbers(tmp_path, histories, name):
    write_table(training_table(name, histories), tmp_path / "training.csv")
    finals = [write_final(tmp_path, name, seed, 0.5) for seed in histories]
    output = tmp_path / "accuracies.csv"
    training = ("--training", tmp_path / "training.csv")
    run_program("tabulate_accuracies", *training, "--final", *finals, "--output", output)
    with open(output, newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["experiment", "quantity", *SUMMARY_COLUMNS]
    assert [row["experiment"] for row in rows] == [name] * 3
    assert [row["quantity"] for row in rows] == ["train_accuracy", "validation_accuracy", "test_accuracy"]
    assert [row["n"] for row in rows] == ["2"] * 3
    assert float(rows[2]["mean"]) == 0.5


# Drops of the learning rate


def summary_of(folder, every, factor, epochs, base=0.01):
    """Training summary of a step schedule, written to CSV and read back as the figures read it."""
    rates = [base * factor ** (epoch // every) for epoch in range(epochs)]
    table = training_table("plain", {0: write_history(folder / "history.csv", rates)})
    write_table(table, folder / "training.csv")
    write_table(training_summary(pd.read_csv(folder / "training.csv")), folder / "summary.csv")
    return pd.read_csv(folder / "summary.csv")


@pytest.mark.parametrize(
    ("every", "factor", "epochs", "drops"),
    [
        (13, 0.1, 16, [13]),
        (5, 0.1, 20, [5, 10, 15]),
        (1, 0.1, 4, [1, 2, 3]),
        (25, 0.1, 20, []),
        # A drop after the last epoch is none.
        (16, 0.1, 16, []),
        (4, 0.9, 16, [4, 8, 12]),
        (4, 0.5, 10, [4, 8]),
    ],
)
def test_drops_of_a_step_schedule_are_marked(tmp_path, every, factor, epochs, drops):
    assert rate_drops(summary_of(tmp_path, every, factor, epochs)).tolist() == drops


def test_halved_rates_are_marked_however_they_were_rounded(tmp_path):
    # 0.03 / 2^8 has seven digits, a table keeps six.
    summary = summary_of(tmp_path, 1, 0.5, 12, base=0.03)
    assert rate_drops(summary).tolist() == list(range(1, 12))
