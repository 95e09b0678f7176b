"""Tables of what was measured: marked rows, empty rows, agreement of seeds, and how figures show them."""

import numpy as np
import pytest
from matplotlib import pyplot as plt
from studies.curvature.made_up import tables
from studies.curvature.made_up_runs import facts, plane_arrays, runs

from anatomy.runtime.errors import InputError
from anatomy.studies.curvature.figures import curvature_maps, curvature_margins
from anatomy.studies.curvature.tables import TABLES, Run


def one_run(**changes):
    return [Run({**facts(), **changes}, plane_arrays())]


def test_a_pair_that_has_not_converged_is_a_marked_row_and_no_number():
    made = facts()
    last = made["epochs"][-1]
    last["eigenvalues"][3], last["residuals"][3], last["converged"][3] = None, None, False
    table = TABLES["eigenvalues"]([Run(made, plane_arrays())])
    row = table[(table["epoch"] == 5) & (table["index"] == 4)].iloc[0]
    assert np.isnan(row["value"]) and not row["converged"]
    maps, points = TABLES["maps"](runs(seeds=1)), TABLES["alignments"](runs(seeds=1))
    drawn = {"maps": [maps], "alignments": [points], "eigenvalues": [table]}
    figure = curvature_maps.draw(drawn, ["a network"], 0, 5)
    labels = [ax.get_xlabel() for ax in figure.axes]
    assert [label.endswith("not converged") for label in labels if label] == [False] * 3 + [True, False]
    plt.close(figure)


@pytest.mark.parametrize("name", ["margins", "sections", "reparametrisation", "agreement", "vectors"])
def test_a_run_without_what_a_table_lists_has_an_empty_row(name):
    run = one_run(margin=None, sections=[], reparametrisation=[])
    run[0].arrays.pop("vectors")
    (row,) = TABLES[name](run).to_dict("records")
    assert (row.pop("experiment"), row.pop("seed")) == ("gauss", 0)
    assert all(np.isnan(value) for value in row.values())


def test_a_figure_of_margins_says_what_is_missing():
    made = tables("curvature_margins")
    made["margins"] = [TABLES["margins"](one_run(margin=None, seed=1))] * 2
    with pytest.raises(InputError, match="set `margin_steps` in the experiment"):
        curvature_margins.draw(made, ["a", "b"], 1)
    plt.close("all")


def test_seeds_agree_where_their_alignments_are_the_same_but_for_the_sign():
    table = TABLES["agreement"](runs(seeds=3)).dropna()
    assert len(table) == 3 * 8
    assert table[table["direction"] == "1"]["correlation"].tolist() == pytest.approx([1, 1, 1])
    assert (table[table["direction"] == "random"]["correlation"] < 0.9).all()


def test_maps_of_networks_without_a_grid_have_no_rows():
    arrays = {name: own for name, own in plane_arrays().items() if not name.startswith("map")}
    assert TABLES["maps"]([Run(facts(), arrays)]).empty
