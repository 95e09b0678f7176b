"""What the page to explore is made from: values by seed, epoch and layer, and histograms."""

import json

import numpy as np
import pandas as pd
import pytest

from anatomy.reporting.explorer import explorer_data, explorer_page
from anatomy.reporting.tables import HISTOGRAM_BINS, HISTOGRAMS, LAYERS
from anatomy.runtime.errors import InputError
from anatomy.runtime.files import write_json
from anatomy.studies.arrangements.histograms import histogram_table
from anatomy.studies.arrangements.projections_files import read_all


def test_values_stand_at_their_seed_epoch_and_layer():
    rows = [
        ("one", 4, 1, 2, "b", "n_l", 0.25),
        ("one", 4, 0, 1, "a", "n_l", 0.5),
        ("one", 2, 0, 2, "b", "n_l", 1),
    ]
    data = explorer_data({"mine": [pd.DataFrame(rows, columns=LAYERS)]}, {})
    own = data["one"]["measures"]["n_l"]
    assert (own["seeds"], own["epochs"], own["layers"], own["positions"]) == (
        [2, 4],
        [0, 1],
        ["a", "b"],
        [1, 2],
    )
    assert own["values"] == [[[None, 1.0], [None, None]], [[0.5, None], [None, 0.25]]]


def test_a_value_without_epoch_comes_last():
    rows = [("one", 0, np.nan, 1, "a", "drop", 0.25), ("one", 0, 3, 1, "a", "drop", 0.5)]
    own = explorer_data({"mine": [pd.DataFrame(rows, columns=LAYERS)]}, {})["one"]["measures"]["drop"]
    assert own["epochs"] == [3, None] and own["values"] == [[[0.5], [0.25]]]


def test_another_study_appears_by_its_table():
    tables = {
        study: [pd.DataFrame([("one", 0, 0, 1, "a", quantity, 1.0)], columns=LAYERS)]
        for study, quantity in (("arrangements", "n_l"), ("invariance", "variation"))
    }
    measures = explorer_data(tables, {})["one"]["measures"]
    assert {name: own["study"] for name, own in measures.items()} == {
        "n_l": "arrangements",
        "variation": "invariance",
    }


def test_a_table_without_its_columns_is_refused():
    with pytest.raises(InputError, match=r"layers.csv of mine lacks the column seed"):
        explorer_data({"mine": [pd.DataFrame({"experiment": ["a"]})]}, {})


def test_the_page_holds_the_data_whatever_names_say():
    rows = [("one", 0, 0, 1, "</script>", "n_l", np.inf)]
    page = explorer_page(explorer_data({"mine": [pd.DataFrame(rows, columns=LAYERS)]}, {}), {})
    text = page.split('type="application/json">')[1].split("</script>")[0]
    own = json.loads(text)["experiments"]["one"]["measures"]["n_l"]
    assert own["layers"] == ["</script>"] and own["values"] == [[[None]]]
    assert "@DATA@" not in page and "http-equiv" not in page


def test_histograms_count_every_filter_once(tmp_path):
    random = np.random.default_rng(1)
    paths, cosines = [], {}
    for seed in range(2):
        for epoch in range(3):
            values = random.normal(size=40) / 10
            values[0] = np.nan if epoch else 0.9
            cosines[seed, epoch] = values
            lists = {"a": [None if np.isnan(v) else v for v in values], "zero": [0.0] * 5}
            numbers = {"undefined": 0, "not_finite": 0, "mean_cosine": 0.0}
            n_l = [np.nanmean(np.where(np.isnan(values), np.nan, values <= 0)), 1.0]
            layers = [
                {"layer": index, "name": name, "filters": len(own), "cosines": own, "n_l": part, **numbers}
                for index, ((name, own), part) in enumerate(zip(lists.items(), n_l, strict=True), 1)
            ]
            blocks = {str(index): {"projections": own} for index, own in enumerate(lists.values())}
            origin = {"experiment": "one", "seed": str(seed), "epoch": str(epoch)}
            paths.append(tmp_path / f"{seed}-{epoch}.json")
            write_json(paths[-1], {"0": blocks, **origin, "layers": layers})
    table = histogram_table(read_all(paths))
    assert list(table.columns) == [*HISTOGRAMS, *HISTOGRAM_BINS]
    largest = max(np.nanmax(np.abs(values)) for values in cosines.values())
    for row in table[table["layer"] == "a"].itertuples():
        values = cosines[row.seed, row.epoch]
        expected = np.histogram(values[~np.isnan(values)], np.linspace(-largest, largest, 21))[0]
        assert list(row[-20:]) == expected.tolist() and row.high == largest
    zero = table[table["layer"] == "zero"]
    assert (zero[list(HISTOGRAM_BINS)].sum(axis=1) == 5).all() and (zero["high"] == 1).all()
