"""Figures of networks of any depth, trained for any number of epochs."""

from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pytest
from figure_tables import n_l_tables, reinitialisation_table, training_summary
from matplotlib.collections import QuadMesh

from anatomy.studies.arrangements.figures import comparison, dynamics, heatmaps


@pytest.fixture(autouse=True)
def closed():
    """Figures that a test leaves open are closed."""
    yield
    plt.close("all")


def meshes(ax):
    return [part for part in ax.collections if isinstance(part, QuadMesh)]


def overlap(boxes):
    """Whether two boxes that follow each other overlap."""
    return any(a.overlaps(b) for a, b in pairwise(boxes))


def assert_legible(figure):
    """No two names of layers overprint, and no axis of epochs is empty."""
    figure.canvas.draw()
    for ax in figure.axes:
        legend = ax.get_legend()
        if legend is not None:
            assert not overlap([text.get_window_extent() for text in legend.get_texts()])
            # A legend taller than its panel runs into those of the other panels.
            if legend.get_title().get_text() == "layer":
                assert legend.get_window_extent().height < 1.4 * ax.get_window_extent().height
        for axis in (ax.xaxis, ax.yaxis):
            names = [label for label in axis.get_ticklabels() if label.get_text() and label.get_visible()]
            assert not overlap([name.get_window_extent() for name in names])


@pytest.mark.parametrize("epochs", [1, 2, 100])
@pytest.mark.parametrize("layers", [5, 16, 20, 52, 150])
def test_n_l_over_epochs_is_legible(layers, epochs):
    _, summary = n_l_tables(layers, epochs)
    tables = {"n_l_summary": [summary], "training_summary": [training_summary(epochs, drop=1)]}
    figure = dynamics.draw(tables, labels=["x"], schedules=["step"])
    assert_legible(figure)
    upper, lower = figure.axes[0], figure.axes[-1]
    if layers > 16:
        (mesh,) = meshes(upper)
        expected = summary.pivot(index="layer", columns="epoch", values="mean").to_numpy()
        assert np.array_equal(np.asarray(mesh.get_array()).reshape(expected.shape), expected)
        # The first layer is at the top, and both panels have one axis of epochs.
        assert upper.get_ylim() == (layers + 0.5, 0.5)
        lower = figure.axes[1]
        assert upper.get_xlim() == lower.get_xlim()
    curves = [line for line in lower.lines if not line.get_label().startswith("_")]
    marked = [line.get_marker() == "o" for line in curves]
    assert marked and all(marked) == any(marked) == (epochs <= 3)


def test_schedules_of_deep_networks_stand_side_by_side_as_maps():
    summaries = [n_l_tables(layers, 3)[1] for layers in (20, 52)]
    tables = {"n_l_summary": summaries, "training_summary": [training_summary(3)] * 2}
    figure = comparison.draw(tables, labels=["a", "b"], schedules=["step", "smooth"])
    assert_legible(figure)
    assert [ax.get_ylim() for ax in figure.axes[:2]] == [(20.5, 0.5), (52.5, 0.5)]
    assert all(len(meshes(ax)) == 1 for ax in figure.axes[:2])


def test_resets_of_a_deep_network_name_some_of_its_layers():
    tables = {"reinitialisation": [reinitialisation_table(52)]}
    assert_legible(heatmaps.draw(tables, labels=["x"], runs=3))
