"""What figures of curvature draw, and what they refuse."""

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from configuration.configuration_examples import SCHEMA
from studies.curvature import made_up
from studies.test_all_studies import shipped

import plot_figure
from anatomy.configuration.resolve import resolve
from anatomy.reporting.kinds import kind_of
from anatomy.reporting.tables import write_table
from anatomy.runtime.errors import InputError
from anatomy.runtime.schema import merge
from anatomy.studies.curvature.figures import curvature_layers, curvature_learning


def test_learning_curves_are_means_over_seeds_of_both_parts():
    tables = made_up.tables("curvature_learning")
    table = tables["training"][0] = tables["training"][0].copy()
    table.loc[table["seed"] == 1, "validation_accuracy"] = 0.0
    figure = curvature_learning.draw(tables, ["one", "two"])
    loss, held_out_loss, _, accuracy = figure.axes
    assert loss.lines[0].get_ydata().tolist() == pytest.approx([1, 1 / 2, 1 / 5, 1 / 9])
    assert held_out_loss.lines[1].get_ydata().tolist() == pytest.approx([1.5, 1.5 / 2, 1.5 / 5, 1.5 / 9])
    assert accuracy.lines[0].get_ydata().tolist() == pytest.approx([0.32, 0.48, 0.72, 0.68])
    assert loss.get_ylim() == held_out_loss.get_ylim() and loss.get_yscale() == "log"
    plt.close(figure)


def test_layers_of_two_studies_are_joined_by_name():
    tables = made_up.tables("curvature_layers")
    (other,) = tables["arrangements/layers"]
    # One that curvature lacks, and another order than that of the Hessian.
    extra = other[other["layer"] == "fc1"].assign(layer="head")
    tables["arrangements/layers"] = [pd.concat([extra, other.iloc[::-1]])]
    figure = curvature_layers.draw(tables, ["network"])
    # Over the line at one half.
    n_l, drop = (ax.lines[5].get_ydata() for ax in figure.axes[3:])
    assert drop.tolist() == pytest.approx([0.2, 0.6])
    assert n_l.tolist() == pytest.approx([0.25, 0.65])
    plt.close(figure)


def test_without_a_reset_to_the_initialisation_there_are_no_drops():
    tables = made_up.tables("curvature_layers")
    table = tables["arrangements/layers"][0]
    tables["arrangements/layers"] = [table[table["quantity"] == "n_l"]]
    with pytest.raises(InputError, match=r"no layer is reset to epoch 0; add it to arrangements\.reinit"):
        curvature_layers.draw(tables, ["network"])


def test_the_program_tells_tables_of_one_name_apart(tmp_path, monkeypatch):
    """Both studies have a `layers.csv`; they lie in folders of their studies."""
    given = []
    for name, (table,) in made_up.tables("curvature_layers").items():
        given.append(tmp_path / (name.rpartition("/")[0] or "curvature") / "tables" / "run" / "layers.csv")
        write_table(table, given[-1])
    kind = kind_of("curvature_layers")
    assert [kind.paths_of(name, given) for name in kind.tables] == [[path] for path in given]
    command = ["plot_figure.py", "--kind", "curvature_layers", "--options", '{"labels": ["network"]}']
    command += ["--tables", *map(str, given), "--output", str(tmp_path / "figure.png")]
    monkeypatch.setattr("sys.argv", command)
    plot_figure.main()
    assert (tmp_path / "figure.png").stat().st_size > 10_000


def test_layers_of_an_experiment_that_the_other_study_does_not_measure():
    config = shipped("studies/arrangements.yaml", "studies/curvature.yaml")
    figure = {"figures": {"curvature_layers": {"experiment": "digits-normal"}}}
    with pytest.raises(InputError, match=r"'digits-normal' is not measured by arrangements, whose tables"):
        resolve(merge(config, figure), SCHEMA)


def test_the_first_study_s_network_beside_its_own_measurements():
    files = ("studies/arrangements.yaml", "studies/curvature.yaml", "curvature-vgg19.yaml")
    resolved = resolve(shipped(*files), SCHEMA)
    assert resolved.figures["curvature_layers"].draws == ["rgb-step"]
    assert {"rgb-step"} <= {*resolved.measured["curvature"]} & {*resolved.measured["arrangements"]}
