"""Tables that lost rows, have some twice, or have values that cannot be, are refused."""

import pandas as pd
import pytest

from anatomy.reporting.grids import Grid, Range, read_grid, require_grid
from anatomy.reporting.tables import write_table
from anatomy.runtime.errors import InputError

ROWS = [
    *(("conv", layer, reset) for layer in (1, 2, 3) for reset in ("0", "5", "random")),
    *(("linear", layer, reset) for layer in (4, 5) for reset in ("0", "random")),
]


@pytest.mark.parametrize("lost", [slice(1, None), slice(0, -1), slice(0, 8), slice(0, 0), slice(4, 12)])
def test_a_table_without_some_of_its_rows_is_refused(tmp_path, lost):
    path = tmp_path / "table.csv"
    frame = pd.DataFrame(ROWS, columns=["kind", "layer", "reset_to"])
    write_table(frame, path)
    assert len(read_grid(path, Grid(("layer", "reset_to"), within=("kind",)))) == len(ROWS)
    write_table(frame[lost], path)
    with pytest.raises(InputError, match=r"table\.csv has .*; delete it, and call snakemake again"):
        read_grid(path, Grid(("layer", "reset_to"), within=("kind",)))


def test_a_row_that_is_there_twice_and_a_column_that_is_not_are_refused(tmp_path):
    path = tmp_path / "table.csv"
    twice = pd.DataFrame([*ROWS[:9], ROWS[0]], columns=["kind", "layer", "reset_to"])
    write_table(twice, path)
    with pytest.raises(InputError, match="has 10 rows of kind conv, expected 9, one for each layer"):
        read_grid(path, Grid(("layer", "reset_to"), within=("kind",)))
    with pytest.raises(InputError, match="has no column seed"):
        read_grid(path, Grid(("layer", "seed"), within=("kind",)))


def test_each_seed_has_rows_of_its_own(tmp_path):
    """Those that stopped early have fewer epochs than the rest."""
    path = tmp_path / "n_l.csv"
    rows = [
        ("a", seed, epoch, layer)
        for seed, last in ((0, 5), (1, 3))
        for epoch in (0, last)
        for layer in (1, 2)
    ]
    frame = pd.DataFrame(rows, columns=["experiment", "seed", "epoch", "layer"])
    write_table(frame, path)
    assert len(read_grid(path, Grid(("epoch", "layer")))) == 8
    write_table(frame.drop(6), path)
    with pytest.raises(InputError, match="has 3 rows of experiment a, seed 1, expected 4, one for"):
        read_grid(path, Grid(("epoch", "layer")))


def test_a_seed_without_what_others_have_is_refused():
    rows = [("a", seed, epoch, layer) for seed in (0, 1) for epoch in (0, 5) for layer in (1, 2)]
    frame = pd.DataFrame(rows, columns=["experiment", "seed", "epoch", "layer"])
    grid = Grid(("epoch", "layer"), alike=("layer",))
    require_grid(frame, grid, "all")
    with pytest.raises(InputError, match="cut has 1 of 2 combinations of layer of seed 1, expected those of"):
        # What is left of seed 1 is whole in itself.
        require_grid(frame[:5], grid, "cut")


def test_axes_of_several_columns_keep_the_number_of_parts_of_each_layer():
    rows = [("a", 0, epoch, layer, unit) for epoch in (0, 1) for layer in (1, 2) for unit in range(2 * layer)]
    frame = pd.DataFrame(rows, columns=["experiment", "seed", "epoch", "layer", "unit"])
    grid = Grid(("epoch", ("layer", "unit")))
    require_grid(frame, grid, "all")
    # The last layer of the last epoch is gone as a whole.
    with pytest.raises(
        InputError, match="has 8 rows of experiment a, seed 0, expected 12, one for each epoch"
    ):
        require_grid(frame[:8], grid, "cut")


def test_a_table_of_several_experiments_is_refused():
    frame = pd.DataFrame({"experiment": ["a", "b"], "seed": 0, "epoch": 0})
    with pytest.raises(InputError, match=r"has rows of several experiments \(a, b\), expected one"):
        require_grid(frame, Grid(("epoch",)), "table.csv")


@pytest.mark.parametrize("value", [-1, 8.5, float("inf"), float("nan"), "many"])
def test_a_value_that_cannot_be_is_named_with_its_row(value):
    frame = pd.DataFrame({"experiment": "a", "seed": 3, "epoch": [0, 1], "count": [2, value]})
    grid = Grid(("epoch",), limits={"count": Range(0, whole=True)})
    with pytest.raises(InputError) as refused:
        require_grid(frame, grid, "table.csv")
    given = "empty" if value != value else value
    assert str(refused.value).startswith(
        f"table.csv: count is {given} in the row of experiment a, seed 3, epoch 1, expected a whole number "
        "from 0; "
    )
