"""Tables against independent computations, through the library and through the tabulate programs."""

import csv

import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import ROOT, run_program
from hypothesis import given, settings
from hypothesis import strategies as st

from anatomy.networks.layouts import LayerGeometry
from anatomy.reporting.plotting import rate_drops
from anatomy.reporting.tables import mean_over_seeds, write_table
from anatomy.runtime.files import write_json
from anatomy.studies.arrangements.projections import layer_statistics, to_json
from anatomy.studies.arrangements.tables import (
    CRITICAL,
    cosine_table,
    critical_layers,
    criticality,
    criticality_tables,
    n_l_summary,
    n_l_table,
    onset_table,
)
from anatomy.training.schedules import learning_rate
from anatomy.training.tables import accuracy_table, training_summary, training_table

FILTERS = 4
LAYERS = [
    LayerGeometry(1, "features.0", 1, 1, (3, 8, 8)),
    LayerGeometry(2, "features.2", 1, 2, (FILTERS, 8, 8)),
    LayerGeometry(3, "features.5", 2, 1, (FILTERS, 4, 4)),
]
SUMMARY_COLUMNS = ["mean", "std", "n"]


def make_weights(seed, epoch, zero=()):
    """Random weights of every layer; `zero` lists (layer, filter) pairs, or layers, that are all zero."""
    generator = np.random.default_rng([seed, epoch])
    weights = {}
    for layer in LAYERS:
        weight = generator.standard_normal((FILTERS, layer.input_shape[0], 3, 3)).astype(np.float32)
        for index in range(FILTERS):
            if layer.layer in zero or (layer.layer, index) in zero:
                weight[index] = 0
        weights[layer.layer] = weight
    return weights


def write_projections(folder, seed, epoch, zero=()):
    """Write a projections file of random weights."""
    weights = make_weights(seed, epoch, zero)
    origin = {"architecture": "vgg11", "dataset": "digits", "experiment": "plain"}
    statistics = [layer_statistics(weights[layer.layer], layer) for layer in LAYERS]
    path = folder / f"seed={seed}-epoch={epoch}.json"
    write_json(path, to_json(statistics, {**origin, "seed": seed, "epoch": epoch}))
    return path


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


def write_reinitialisation(path, seed, trained=0.75):
    """Write a table of two layers reset to epoch 0 and to random weights."""
    rows = [
        {
            "experiment": "plain",
            "seed": seed,
            "layer": layer,
            "name": f"features.{layer}",
            "reset_to": reset_to,
            "images": 100,
            "trained_accuracy": trained,
            "accuracy": trained - drop,
            "drop": drop,
            "relative_drop": drop / trained,
            "kind": "convolution",
            "lost": round(100 * drop),
            "gained": 0,
            "drop_low": drop - 0.1,
            "drop_high": drop + 0.1,
        }
        for layer in (1, 2)
        for reset_to, drop in (
            *(("0", 0.25 * layer + 0.01 * seed), ("random", 0.4)),
            *(("random-2", 0.5), ("random-3", 0.6)),
        )
    ]
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


@pytest.fixture
def histories(tmp_path):
    return {seed: write_history(tmp_path / f"{seed}.csv", offset=0.1 * seed) for seed in (3, 5)}


# Summaries


@settings(deadline=None, max_examples=50)
@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.integers(0, 2), st.floats(-1e3, 1e3) | st.just(float("nan"))),
        min_size=1,
        max_size=30,
    )
)
def test_summary_equals_numpy(rows):
    summary = mean_over_seeds(
        pd.DataFrame(rows, columns=["name", "epoch", "value"]), ["name", "epoch"], "value"
    )
    groups = {}
    for name, epoch, value in rows:
        groups.setdefault((name, epoch), []).append(value)
    assert list(zip(summary["name"], summary["epoch"], strict=True)) == list(groups)
    for row, values in zip(summary.itertuples(), groups.values(), strict=True):
        counted = np.array([value for value in values if not np.isnan(value)])
        mean = counted.mean() if len(counted) else np.nan
        std = counted.std(ddof=1) if len(counted) > 1 else np.nan
        assert row.n == len(counted)
        np.testing.assert_allclose([row.mean, row.std], [mean, std], rtol=1e-9, atol=1e-9)


def test_single_seed_has_an_empty_std(tmp_path):
    frame = pd.DataFrame({"experiment": ["plain"], "value": [0.5]})
    write_table(mean_over_seeds(frame, ["experiment"], "value"), tmp_path / "summary.csv")
    assert (tmp_path / "summary.csv").read_text() == "experiment,mean,std,n\nplain,0.5,,1\n"


def test_seeds_without_a_value_are_not_counted():
    frame = pd.DataFrame({"layer": [1, 1, 1, 2], "value": [1.0, 3.0, None, None]})
    summary = mean_over_seeds(frame, ["layer"], "value")
    assert summary["n"].tolist() == [2, 0]
    assert summary["mean"][0] == 2.0
    assert summary["std"][0] == pytest.approx(np.sqrt(2))
    assert summary["mean"].isna().tolist() == summary["std"].isna().tolist() == [False, True]


def test_written_numbers_have_six_digits_and_integers_all(tmp_path):
    write_table(pd.DataFrame({"seed": [2147483647], "value": [1 / 3]}), tmp_path / "table.csv")
    assert (tmp_path / "table.csv").read_text() == "seed,value\n2147483647,0.333333\n"


# Projections


def test_n_l_table_counts_filters_of_the_weights(tmp_path):
    runs = [(1, 0), (0, 2), (0, 0)]
    table = n_l_table([write_projections(tmp_path, seed, epoch, zero=[(2, 1)]) for seed, epoch in runs])
    assert list(table[["seed", "epoch", "layer"]].itertuples(index=False, name=None)) == [
        (seed, epoch, layer.layer) for seed, epoch in sorted(runs) for layer in LAYERS
    ]
    assert table["experiment"].eq("plain").all()
    assert table["filters"].eq(FILTERS).all()
    for row in table.itertuples():
        weight = make_weights(row.seed, row.epoch)[row.layer]
        negative = weight.sum((1, 2, 3)) <= 0
        defined = np.arange(FILTERS) != 1 if row.layer == 2 else np.full(FILTERS, True)
        assert row.name == LAYERS[row.layer - 1].name
        assert row.undefined == FILTERS - defined.sum()
        assert row.n_l == pytest.approx(negative[defined].mean())


def test_cosine_table_lists_filters_in_order_of_the_weights(tmp_path):
    table = cosine_table([write_projections(tmp_path, 0, epoch, zero=[(2, 1)]) for epoch in (0, 4)])
    assert list(table[["epoch", "layer", "filter"]].itertuples(index=False, name=None)) == [
        (epoch, layer.layer, index) for epoch in (0, 4) for layer in LAYERS for index in range(FILTERS)
    ]
    undefined = (table["layer"] == 2) & (table["filter"] == 1)
    assert (table["cosine"].isna() == undefined).all()
    assert (table["projection"].isna() == undefined).all()
    for row in table[~undefined].itertuples():
        weight = make_weights(row.seed, row.epoch)[row.layer][row.filter].astype(float)
        direction = weight.sum() / np.sqrt((weight**2).sum())
        channels, height, width = LAYERS[row.layer - 1].input_shape
        assert row.cosine == pytest.approx(direction / np.sqrt(channels * height * width), rel=1e-6)
        assert row.projection == pytest.approx(direction / np.sqrt(weight.size), rel=1e-6)


def test_layer_without_any_direction_has_no_n_l_and_is_not_counted(tmp_path):
    table = n_l_table([write_projections(tmp_path, 0, 0, zero=[2]), write_projections(tmp_path, 1, 0)])
    assert table["n_l"].isna().tolist() == [False, True, False, False, False, False]
    assert mean_over_seeds(table, ["layer"], "n_l")["n"].tolist() == [2, 1, 2]


def test_cosines_stay_numbers_when_a_whole_layer_has_none(tmp_path):
    table = cosine_table([write_projections(tmp_path, 0, 0, zero=[2])])
    assert table["cosine"].dtype == table["projection"].dtype == float


# Intervals, tests, onset


def made_n_l(fractions, filters=20, undefined=0):
    """An n_l table: `fractions` maps (seed, epoch, layer) to negative filters."""
    rows = [
        {"experiment": "plain", "seed": seed, "epoch": epoch, "layer": layer, "name": f"features.{layer}"}
        | {"filters": filters, "undefined": undefined, "not_finite": 0, "n_l": count / (filters - undefined)}
        for (seed, epoch, layer), count in fractions.items()
    ]
    return pd.DataFrame(rows)


def test_pooled_columns_by_hand():
    n_l = made_n_l({(0, 0, 1): 10, (1, 0, 1): 8, (0, 0, 2): 18, (1, 0, 2): 18}, 20, undefined=2)
    summary = n_l_summary(n_l).set_index("layer")
    assert summary["pooled_negative"].to_dict() == {1: 18, 2: 36}
    assert summary["pooled_filters"].to_dict() == {1: 36, 2: 36}
    assert summary["p_value"].tolist() == pytest.approx([1, 2**-35])
    # Two layers: the smaller p-value counts twice.
    assert summary["p_corrected"].tolist() == pytest.approx([1, 2**-34])
    # All of 36: the lower limit is the 36th root of 0.025.
    assert summary.loc[2, ["low", "high"]].tolist() == pytest.approx([0.025 ** (1 / 36), 1])


def test_correction_is_for_the_layers_of_one_epoch():
    counts = {(0, epoch, layer): 17 for epoch in range(5) for layer in (1, 2, 3)}
    summary = n_l_summary(made_n_l(counts))
    np.testing.assert_allclose(summary["p_corrected"], 3 * summary["p_value"])


@pytest.mark.parametrize(
    ("counts", "direction", "epoch"),
    [
        ([10, 10, 20, 20], "negative", 2),
        ([20, 20, 20, 20], "negative", 0),
        # Biased for a while only, then for good.
        ([10, 20, 10, 20], "negative", 3),
        ([20, 20, 20, 10], None, None),
        ([10, 0, 0, 0], "positive", 1),
        # On the other side first: its onset is that of the side at the end.
        ([10, 20, 0, 0], "positive", 2),
    ],
)
def test_onset_is_the_first_epoch_of_the_bias_that_lasts(counts, direction, epoch):
    table = onset_table(n_l_summary(made_n_l({(0, e, 1): c for e, c in enumerate(counts)})))
    row = table.iloc[0]
    assert row["n_l"] == counts[-1] / 20
    if direction is None:
        assert row[["direction", "epoch"]].isna().all()
    else:
        assert (row["direction"], row["epoch"]) == (direction, epoch)


def test_pretrained_weights_follow_their_initialisation():
    table = onset_table(n_l_summary(made_n_l({(0, -1, 1): 20, (0, 0, 1): 10})))
    assert (table["epoch"][0], table["n_l"][0]) == (-1, 1)


def made_reinitialisation(drops):
    """A reinitialisation table: `drops` maps seeds to one drop per layer."""
    return pd.DataFrame(
        {
            "experiment": "plain",
            "seed": seed,
            "layer": layer,
            "name": f"features.{layer}",
            "reset_to": to,
            "drop": drop + (to != "0"),
            "relative_drop": 2 * drop + (to != "0"),
            "kind": "convolution",
        }
        for seed, values in drops.items()
        for layer, drop in enumerate(values, 1)
        for to in ("0", "random")
    )


def test_criticality_by_hand():
    """Bias 0.1, 0.2, 0.3, 0.4 in either direction; drops of the means in the order 1, 3, 2, 4."""
    counts = {1: (12, 12), 2: (6, 6), 3: (16, 16), 4: (2, 2)}
    n_l = made_n_l({(s, e, k): c[s] if e else 20 for k, c in counts.items() for s in (0, 1) for e in (0, 5)})
    reinitialisation = made_reinitialisation({0: [0.1, 0.4, 0.2, 0.5], 1: [0.1, 0.3, 0.2, 0.6]})
    # One exchange of neighbours: 1 - 6 * 2 / (4 * 15); the same for each seed alone.
    found = criticality(n_l, reinitialisation)
    assert (found["count"], found["seeds"]) == (4, 2)
    assert [found["rho"], found["low"], found["high"]] == pytest.approx([0.8, 0.8, 0.8])
    assert criticality(n_l, reinitialisation, first=2)["rho"] == pytest.approx(0.5)
    other = made_n_l({(0, 0, 1): 1}).assign(experiment="other")
    table, layers = criticality_tables([n_l, other], [reinitialisation])
    assert table["layers"].tolist() == ["all", "past the first"]
    assert table["rho"].tolist() == pytest.approx([0.8, 0.5])
    assert layers["layer"].tolist() == [1, 2, 3, 4]


def test_biased_and_critical_layers_are_counted_by_hand():
    """Exact tests of 20, 40, 38 and 20 of 40 filters; relative drops twice the drops."""
    n_l = made_n_l(
        {(s, 1, k): c for s in (0, 1) for k, c in {1: 10, 2: 20, 3: 19, 4: 10}.items()}, filters=20
    )
    reinitialisation = made_reinitialisation({0: [0.2, 0.3, 0.04, 0.01], 1: [0.2, 0.1, 0.05, 0.03]})
    layers = critical_layers(n_l, reinitialisation)
    assert layers["biased"].tolist() == [False, True, True, False]
    assert layers["relative_drop"].tolist() == pytest.approx([0.4, 0.4, 0.09, 0.04])
    assert layers["critical"].tolist() == [True, True, False, False]
    assert layers[["low", "high"]].to_numpy()[1] == pytest.approx([0.2, 0.6])
    counts = ["biased_critical", "biased_only", "critical_only", "neither"]
    table, _ = criticality_tables([n_l], [reinitialisation])
    assert table[counts].to_numpy().tolist() == [[1, 1, 1, 1], [1, 1, 0, 1]]
    stricter, _ = criticality_tables([n_l], [reinitialisation], critical=0.05)
    assert stricter["threshold"].tolist() == [0.05, 0.05]
    assert stricter[counts].to_numpy().tolist() == [[2, 0, 1, 1], [2, 0, 0, 1]]


def test_the_schema_has_the_threshold_of_the_claims():
    schema = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
    assert schema["properties"]["critical_drop"]["default"] == CRITICAL


def test_criticality_interval_spans_seeds_that_disagree():
    n_l = made_n_l({(s, 1, k): 10 + 2 * k for s in (0, 1) for k in (1, 2, 3)})
    found = criticality(n_l, made_reinitialisation({0: [0.1, 0.2, 0.3], 1: [0.35, 0.2, 0.1]}))
    assert (found["low"], found["high"]) == pytest.approx((-1, 1))


def test_criticality_of_one_seed_has_no_interval(tmp_path):
    n_l = made_n_l({(0, 1, k): 10 + 2 * k for k in (1, 2, 3)})
    write_table(n_l, tmp_path / "n_l.csv")
    write_table(made_reinitialisation({0: [0.1, 0.2, 0.3]}), tmp_path / "reinitialisation.csv")
    output = tmp_path / "criticality.csv"
    tables = ("--n-l", tmp_path / "n_l.csv", "--reinitialisation", tmp_path / "reinitialisation.csv")
    written = ("--output", output, "--layers", tmp_path / "layers.csv")
    run_program("tabulate_criticality", *tables, *written, "--critical-drop", 0.5)
    assert output.read_text().splitlines() == [
        "experiment,layers,count,seeds,rho,low,high,threshold,"
        "biased_critical,biased_only,critical_only,neither",
        "plain,all,3,1,1,,,0.5,1,0,0,2",
        "plain,past the first,2,1,1,,,0.5,1,0,0,1",
    ]
    layers = pd.read_csv(tmp_path / "layers.csv")
    assert layers["critical"].tolist() == [False, False, True]
    assert layers[["low", "high"]].isna().all(axis=None)
    run_program("tabulate_criticality", "--n-l", "--reinitialisation", *written)
    assert pd.read_csv(output).empty
    assert pd.read_csv(tmp_path / "layers.csv").empty


# Training


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
    reinitialisation = [
        pd.read_csv(write_reinitialisation(tmp_path / f"r{s}.csv", s, t)) for s, t in ((3, 0.7), (5, 0.8))
    ]
    table = accuracy_table([training], [pd.concat(reinitialisation)]).set_index("quantity")
    assert list(table.index) == ["train_accuracy", "validation_accuracy", "test_accuracy"]
    assert table["n"].tolist() == [2, 2, 2]
    np.testing.assert_allclose(table["mean"], [(0.875 + 0.975) / 2, 0.775, 0.75])
    np.testing.assert_allclose(table["std"], [0.1 / np.sqrt(2), 0, 0.1 / np.sqrt(2)], atol=1e-12)


def test_experiments_of_different_length_each_give_their_last_epoch(tmp_path):
    long = training_table("long", {0: write_history(tmp_path / "long.csv", rates=[0.1] * 5)})
    short = training_table("short", {0: write_history(tmp_path / "short.csv", rates=[0.1])})
    table = accuracy_table([long, short], []).set_index(["experiment", "quantity"])
    assert table.loc[("long", "train_accuracy"), "mean"] == pytest.approx(1 - 0.5**5)
    assert table.loc[("short", "train_accuracy"), "mean"] == pytest.approx(0.5)
    assert len(table) == 4


# Programs


def test_tabulate_projections_writes_three_tables(tmp_path):
    paths = [write_projections(tmp_path, seed, epoch, [(2, 1)]) for seed in (0, 1) for epoch in (0, 1, 2)]
    ends = [path for path in paths if "epoch=1" not in path.name]
    outputs = [tmp_path / "out" / f"{name}.csv" for name in ("n_l", "summary", "cosines", "onset")]
    run_program(
        "tabulate_projections",
        *("--projections", *paths, "--cosines-of", *ends),
        *("--n-l", outputs[0], "--summary", outputs[1], "--cosines", outputs[2], "--onset", outputs[3]),
    )
    n_l, summary, cosines, onset = map(pd.read_csv, outputs)
    origin = ["experiment", "seed", "epoch", "layer"]
    assert list(n_l) == [*origin, "name", "filters", "undefined", "not_finite", "n_l", "mean_cosine"]
    pooled = ["pooled_negative", "pooled_filters", "low", "high", "p_value", "p_corrected"]
    assert list(summary) == ["experiment", "epoch", "layer", "name", "filters", *SUMMARY_COLUMNS, *pooled]
    assert list(onset) == ["experiment", "layer", "name", "direction", "epoch", "n_l"]
    assert onset["layer"].tolist() == [layer.layer for layer in LAYERS]
    assert list(cosines) == [*origin, "filter", "cosine", "projection"]
    assert (len(n_l), len(summary)) == (2 * 3 * len(LAYERS), 3 * len(LAYERS))
    assert len(cosines) == 2 * 2 * len(LAYERS) * FILTERS
    assert cosines["cosine"].isna().sum() == 4
    pd.testing.assert_frame_equal(n_l, n_l_table(paths), rtol=1e-5, check_dtype=False)
    assert summary["n"].eq(2).all()


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


def test_tabulate_reinitialisation_and_accuracies_write_every_seed_and_the_summary(tmp_path, histories):
    seeds = [write_reinitialisation(tmp_path / f"seed={seed}.csv", seed) for seed in (0, 1)]
    table_path, summary_path, training_path, accuracy_path = (
        tmp_path / f"{name}.csv"
        for name in ("reinitialisation", "reinitialisation_summary", "training", "accuracies")
    )
    run_program(
        "tabulate_reinitialisation",
        "--reinitialisation",
        *seeds,
        "--table",
        table_path,
        "--summary",
        summary_path,
    )
    table, summary = pd.read_csv(table_path), pd.read_csv(summary_path)
    assert list(table) == list(pd.read_csv(seeds[0]))
    assert len(table) == 16
    assert list(summary) == ["experiment", "layer", "name", "reset_to", *SUMMARY_COLUMNS]
    keys = list(zip(summary["layer"], summary["reset_to"], strict=True))
    assert keys == [(1, "0"), (1, "random"), (2, "0"), (2, "random")]
    np.testing.assert_allclose(summary["mean"], [0.255, 0.5, 0.505, 0.5])
    np.testing.assert_allclose(
        summary["std"], [0.01 / np.sqrt(2), 0, 0.01 / np.sqrt(2), 0], rtol=1e-5, atol=1e-9
    )

    write_table(training_table("plain", histories), training_path)
    run_program(
        "tabulate_accuracies",
        "--training",
        training_path,
        "--reinitialisation",
        table_path,
        "--output",
        accuracy_path,
    )
    accuracies = pd.read_csv(accuracy_path)
    assert list(accuracies) == ["experiment", "quantity", *SUMMARY_COLUMNS]
    assert accuracies["quantity"].tolist() == ["train_accuracy", "validation_accuracy", "test_accuracy"]
    assert accuracies["n"].tolist() == [2, 2, 2]


def test_tabulate_accuracies_without_any_reinitialisation(tmp_path, histories):
    write_table(training_table("plain", histories), tmp_path / "training.csv")
    output = tmp_path / "accuracies.csv"
    run_program(
        "tabulate_accuracies",
        "--training",
        tmp_path / "training.csv",
        "--reinitialisation",
        "--output",
        output,
    )
    assert pd.read_csv(output)["quantity"].tolist() == ["train_accuracy", "validation_accuracy"]


@pytest.mark.parametrize("name", ["007", "1e5", "nan"])
def test_tabulate_accuracies_keeps_names_that_look_like_numbers(tmp_path, histories, name):
    write_table(training_table(name, histories), tmp_path / "training.csv")
    output = tmp_path / "accuracies.csv"
    run_program(
        "tabulate_accuracies",
        "--training",
        tmp_path / "training.csv",
        "--reinitialisation",
        "--output",
        output,
    )
    with open(output, newline="") as file:
        assert [row["experiment"] for row in csv.DictReader(file)] == [name, name]


# Drops of the learning rate


def summary_of(folder, schedule_kind, every, factor, epochs, base=0.01):
    """Training summary of a schedule, written to CSV and read back as the figures read it."""
    schedule = {"kind": schedule_kind, "every": every, "factor": factor}
    rates = [learning_rate(base, schedule, epoch) for epoch in range(1, epochs + 1)]
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
    assert rate_drops(summary_of(tmp_path, "step", every, factor, epochs)).tolist() == drops


def test_halved_rates_are_marked_however_they_were_rounded(tmp_path):
    # 0.03 / 2^8 has seven digits, a table keeps six.
    summary = summary_of(tmp_path, "step", 1, 0.5, 12, base=0.03)
    assert rate_drops(summary).tolist() == list(range(1, 12))
