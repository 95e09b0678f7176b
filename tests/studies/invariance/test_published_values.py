"""The authors' numbers, and ours beside them."""

import numpy as np
import pandas as pd
import pytest

from anatomy.studies.invariance.published_values import beside_published, published_values


def test_the_authors_numbers_keep_the_order_that_they_report():
    """64 values and 8 rows of accuracies; rotated below plain, all below stratified, mean below max."""
    table = published_values()
    m = table[table["quantity"] == "invariance"]
    assert len(m) == 64 and len(table) == 64 + 4 * 8

    def differences(column, one, other, of=m):
        by = ["network", "data", "training", "aggregation", "kind"]
        wide = of.pivot(index=[key for key in by if key != column], columns=column, values="published")
        return wide[one] - wide[other]

    assert (differences("training", "rotated", "plain") < 0).sum() == 32
    assert (differences("kind", "all", "stratified") < 0).sum() == 32
    assert (differences("aggregation", "mean", "max", m[m["kind"] == "all"]) < 0).sum() == 16
    within = differences("aggregation", "mean", "max", m[m["kind"] == "stratified"])
    assert [*within[within > 0].index] == [("resnet", "mnist", "plain", "stratified")]
    simple = table.set_index(["network", "data", "training", "quantity"]).loc[("simple_conv", "mnist")]
    accuracies = simple[simple.index.get_level_values("quantity") != "invariance"]["published"]
    assert accuracies.tolist() == [0.993, 0.437, 0.981, 0.980]


def test_ours_stand_beside_them():
    network = pd.DataFrame(
        {
            "experiment": "mine",
            "seed": [0, 1, 2],
            "aggregation": "mean",
            "kind": "all",
            "invariance": [0.6, 0.7, 0.8],
        }
    )
    scores = pd.DataFrame(
        {
            "experiment": "mine",
            "seed": [0, 0, 0],
            "part": ["train", "test", "test"],
            "rotated": [False, False, True],
            "accuracy": [1.0, 0.9, 0.4],
        }
    )
    other = network.assign(experiment="another")
    table = beside_published({"mine": ["simple_conv", "mnist", "plain"]}, [network, other], [scores])
    assert len(table) == 96 and table["experiment"].notna().sum() == 3
    rows = table[table["experiment"] == "mine"].set_index("quantity")
    assert rows.loc["invariance", ["published", "mean", "std", "n"]].tolist() == pytest.approx(
        [0.7315, 0.7, 0.1, 3]
    )
    assert rows.loc["invariance", "difference"] == pytest.approx(0.7 - 0.7315)
    # t(0.975, 2) = 4.30265.
    assert rows.loc["invariance", "low"] == pytest.approx(0.7 - 0.430265 / 3**0.5, rel=1e-5)
    assert rows.loc["accuracy_plain", "mean"] == 0.9 and rows.loc["accuracy_rotated", "mean"] == 0.4
    assert np.isnan(rows.loc["accuracy_plain", "low"])
