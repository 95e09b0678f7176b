"""Tables against independent computations, through the library and through the tabulate programs."""

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import yaml
from conftest import ROOT, run_program

from anatomy.networks.layouts import LayerGeometry
from anatomy.reporting import statistics
from anatomy.reporting.tables import LAYERS as COMMON_COLUMNS
from anatomy.reporting.tables import mean_over_seeds, write_table
from anatomy.runtime.files import write_json
from anatomy.studies.arrangements.evidence import CRITICAL
from anatomy.studies.arrangements.projections import layer_statistics, to_json
from anatomy.studies.arrangements.projections_files import read_all
from anatomy.studies.arrangements.tables import (
    cosine_table,
    critical_layers,
    criticality,
    criticality_tables,
    layers_table,
    n_l_summary,
    n_l_table,
    onset_table,
)

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


# Projections


def test_n_l_table_counts_filters_of_the_weights(tmp_path):
    runs = [(1, 0), (0, 2), (0, 0)]
    table = n_l_table(
        read_all([write_projections(tmp_path, seed, epoch, zero=[(2, 1)]) for seed, epoch in runs])
    )
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
    table = cosine_table(read_all([write_projections(tmp_path, 0, epoch, zero=[(2, 1)]) for epoch in (0, 4)]))
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
    table = n_l_table(
        read_all([write_projections(tmp_path, 0, 0, zero=[2]), write_projections(tmp_path, 1, 0)])
    )
    assert table["n_l"].isna().tolist() == [False, True, False, False, False, False]
    assert mean_over_seeds(table, ["layer"], "n_l")["n"].tolist() == [2, 1, 2]


def test_cosines_stay_numbers_when_a_whole_layer_has_none(tmp_path):
    table = cosine_table(read_all([write_projections(tmp_path, 0, 0, zero=[2])]))
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
            "drop": drop if to == "0" else 0.5,
            "relative_drop": 2 * drop if to == "0" else 1.0,
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
    # One exchange of neighbours: 1 - 6 * 2 / (4 * 15).
    found = criticality(n_l, reinitialisation)
    assert (found["count"], found["seeds"]) == (4, 2)
    # Of 24 orders of four layers one is the best: 4 % by chance.
    assert [found["rho"], found["low"], found["high"]] == pytest.approx([0.8, -1, 1])
    assert criticality(n_l, reinitialisation, first=2)["rho"] == pytest.approx(0.5)
    other = made_n_l({(0, 0, 1): 1}).assign(experiment="other")
    table, layers = criticality_tables([n_l, other], [reinitialisation], 0.1)
    assert table["layers"].tolist() == ["all", "past the first"]
    assert table["rho"].tolist() == pytest.approx([0.8, 0.5])
    assert layers["layer"].tolist() == [1, 2, 3, 4]


def test_biased_and_critical_layers_are_counted_by_hand():
    """Exact tests of 20, 40, 38 and 20 of 40 filters; relative drops twice the drops."""
    n_l = made_n_l(
        {(s, 1, k): c for s in (0, 1) for k, c in {1: 10, 2: 20, 3: 19, 4: 10}.items()}, filters=20
    )
    reinitialisation = made_reinitialisation({0: [0.2, 0.3, 0.04, 0.01], 1: [0.2, 0.1, 0.05, 0.03]})
    layers = critical_layers(n_l, reinitialisation, 0.1)
    assert layers["biased"].tolist() == [False, True, True, False]
    assert layers["relative_drop"].tolist() == pytest.approx([0.4, 0.4, 0.09, 0.04])
    assert layers["critical"].tolist() == [True, True, False, False]
    # Student's quantile of one degree of freedom, 12.706, times half of the difference of the seeds.
    assert layers[["low", "high"]].to_numpy()[1] == pytest.approx([0.4 - 2.54124, 0.4 + 2.54124], abs=1e-4)
    counts = ["biased_critical", "biased_only", "critical_only", "neither"]
    table, _ = criticality_tables([n_l], [reinitialisation], 0.1)
    assert table[counts].to_numpy().tolist() == [[1, 1, 1, 1], [1, 1, 0, 1]]
    stricter, _ = criticality_tables([n_l], [reinitialisation], 0.05)
    assert stricter["threshold"].tolist() == [0.05, 0.05]
    assert stricter[counts].to_numpy().tolist() == [[2, 0, 1, 1], [2, 0, 0, 1]]


def test_the_schema_has_the_threshold_of_the_claims():
    schema = yaml.safe_load((ROOT / "workflow/schemas/arrangements.schema.yaml").read_text())
    assert schema["$defs"]["study"]["properties"]["critical_drop"]["default"] == CRITICAL


def test_criticality_is_freed_of_depth_and_of_the_bias_of_few_filters():
    """Bias and drop that fall together have nothing in common but depth; its partial correlation is not 1."""
    generator = np.random.default_rng(0)
    depth, own, other = np.arange(1, 13), generator.permutation(12), generator.permutation(12)
    counts = {(0, 1, k): 95 - 3 * k - own[k - 1] for k in depth}
    drops = [1 - 0.06 * k + 0.01 * other[k - 1] for k in depth]
    found = criticality(made_n_l(counts, 100), made_reinitialisation({0: drops}))
    assert found["rho"] > 0.8 and found["low"] > 0
    ranks = [scipy.stats.rankdata(values) for values in ([c for c in counts.values()], drops, depth)]
    r = np.corrcoef(ranks)
    expected = (r[0, 1] - r[0, 2] * r[1, 2]) / np.sqrt((1 - r[0, 2] ** 2) * (1 - r[1, 2] ** 2))
    assert found["partial"] == pytest.approx(expected)
    assert found["partial_low"] < 0 < found["partial_high"]


def test_pooled_columns_count_seeds_that_differ_more_than_binomially():
    """Seeds 5 and 15 of 20: chi-square 10 in each of two layers; Student's t of two degrees of freedom."""
    n_l = made_n_l({(seed, 1, layer): 5 + 10 * seed for seed in (0, 1) for layer in (1, 2)})
    summary = n_l_summary(n_l)
    np.testing.assert_allclose(summary["dispersion"], 10)
    expected = statistics.binomial_interval(20 / 10, 40 / 10, scipy.stats.norm.cdf(4.302653) * 2 - 1)
    np.testing.assert_allclose(summary.loc[0, ["low", "high"]].astype(float), expected, rtol=1e-5)


def test_criticality_of_few_layers_has_no_interval(tmp_path):
    n_l = made_n_l({(0, 1, k): 10 + 2 * k for k in (1, 2, 3)})
    write_table(n_l, tmp_path / "n_l.csv")
    write_table(made_reinitialisation({0: [0.1, 0.2, 0.3]}), tmp_path / "reinitialisation.csv")
    output = tmp_path / "criticality.csv"
    tables = ("--n-l", tmp_path / "n_l.csv", "--reinitialisation", tmp_path / "reinitialisation.csv")
    written = ("--output", output, "--layers", tmp_path / "layers.csv")
    run_program("tabulate_criticality", *tables, *written, "--critical-drop", 0.5)
    assert output.read_text().splitlines() == [
        "experiment,layers,count,seeds,rho,low,high,partial,partial_low,partial_high,threshold,"
        "biased_critical,biased_only,critical_only,neither",
        "plain,all,3,1,1,-1,1,,,,0.5,1,0,0,2",
        "plain,past the first,2,1,,,,,,,0.5,1,0,0,1",
    ]
    layers = pd.read_csv(tmp_path / "layers.csv")
    assert layers["critical"].tolist() == [False, False, True]
    assert layers[["low", "high"]].isna().all(axis=None)
    run_program("tabulate_criticality", "--n-l", "--reinitialisation", *written, "--critical-drop", 0.5)
    assert pd.read_csv(output).empty
    assert pd.read_csv(tmp_path / "layers.csv").empty


# Programs


def test_tabulate_projections_writes_three_tables(tmp_path):
    paths = [write_projections(tmp_path, seed, epoch, [(2, 1)]) for seed in (0, 1) for epoch in (0, 1, 2)]
    ends = [path for path in paths if "epoch=1" not in path.name]
    outputs = [tmp_path / "out" / f"{name}.csv" for name in ("n_l", "summary", "cosines", "onset")]
    run_program(
        "tabulate_projections",
        *("--projections", *paths, "--cosines-of", *ends),
        *("--n-l", outputs[0], "--summary", outputs[1], "--cosines", outputs[2], "--onset", outputs[3]),
        *("--histograms", tmp_path / "out" / "histograms.csv"),
    )
    n_l, summary, cosines, onset = map(pd.read_csv, outputs)
    origin = ["experiment", "seed", "epoch", "layer"]
    assert list(n_l) == [*origin, "name", "filters", "undefined", "not_finite", "n_l", "mean_cosine"]
    pooled = ["pooled_negative", "pooled_filters", "dispersion", "low", "high", "p_value", "p_corrected"]
    assert list(summary) == ["experiment", "epoch", "layer", "name", "filters", *SUMMARY_COLUMNS, *pooled]
    assert list(onset) == ["experiment", "layer", "name", "direction", "epoch", "n_l"]
    assert onset["layer"].tolist() == [layer.layer for layer in LAYERS]
    assert list(cosines) == [*origin, "filter", "cosine", "projection"]
    assert (len(n_l), len(summary)) == (2 * 3 * len(LAYERS), 3 * len(LAYERS))
    assert len(cosines) == 2 * 2 * len(LAYERS) * FILTERS
    assert cosines["cosine"].isna().sum() == 4
    pd.testing.assert_frame_equal(n_l, n_l_table(read_all(paths)), rtol=1e-5, check_dtype=False)
    assert summary["n"].eq(2).all()


def test_tabulate_reinitialisation_writes_every_seed_and_the_summary(tmp_path):
    seeds = [write_reinitialisation(tmp_path / f"seed={seed}.csv", seed) for seed in (0, 1)]
    table_path, summary_path = tmp_path / "reinitialisation.csv", tmp_path / "summary.csv"
    written = ("--table", table_path, "--summary", summary_path)
    run_program("tabulate_reinitialisation", "--reinitialisation", *seeds, *written)
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


# Layers of all studies


def test_layers_have_n_l_of_every_epoch_and_drops_of_every_reset(tmp_path):
    write_table(
        n_l_table(read_all([write_projections(tmp_path, 1, epoch) for epoch in (0, 2)])), tmp_path / "n_l.csv"
    )
    write_reinitialisation(tmp_path / "reinitialisation.csv", 1)
    output = tmp_path / "layers.csv"
    tables = [tmp_path / "n_l.csv", tmp_path / "reinitialisation.csv"]
    run_program("tabulate_layers", "--tables", *tables, "--output", output)
    layers = pd.read_csv(output)
    assert list(layers) == [*COMMON_COLUMNS]
    n_l = layers[layers["quantity"] == "n_l"]
    assert n_l[["epoch", "position"]].to_numpy().tolist() == [[e, k] for e in (0, 2) for k in (1, 2, 3)]
    assert n_l["layer"].tolist() == 2 * [layer.name for layer in LAYERS]
    drops = layers[layers["quantity"] == "drop"][["position", "epoch", "value"]].to_numpy()
    # The three draws of random weights are one value, without an epoch.
    np.testing.assert_allclose(drops, [[1, 0, 0.26], [1, np.nan, 0.5], [2, 0, 0.51], [2, np.nan, 0.5]])
    run_program("tabulate_layers", "--tables", tables[0], "--output", output)
    pd.testing.assert_frame_equal(pd.read_csv(output), n_l, check_dtype=False)


def test_pretrained_weights_and_random_resets_have_no_epoch():
    table = layers_table(made_n_l({(0, 0, 1): 10, (0, -1, 1): 20}), made_reinitialisation({0: [0.1]}))
    assert table["epoch"].isna().tolist() == [False, True, False, True]
    assert table["quantity"].tolist() == ["n_l", "n_l", "drop", "drop"]


def test_linear_layers_stand_behind_the_convolutions(tmp_path):
    resets = pd.read_csv(write_reinitialisation(tmp_path / "r.csv", 0), dtype={"reset_to": str})
    linear = resets[resets["layer"] == 2].assign(layer=3, name="classifier.0", kind="linear")
    table = layers_table(made_n_l({(0, 0, 1): 10}), pd.concat([resets, linear]))
    assert table[table["layer"] == "classifier.0"]["position"].tolist() == [3, 3]
