"""Tables: written, and averaged over seeds."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anatomy.reporting.tables import mean_over_seeds, write_table


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
