"""Figures: what each kind draws from small tables, and what it refuses."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from figure_tables import cosine_tables, n_l_tables, reinitialisation_table, training_summary
from matplotlib.colors import to_hex

from anatomy.reporting.plotting import experiment_style, layer_style
from anatomy.runtime.errors import InputError
from anatomy.studies.arrangements.figures import (
    arrangement,
    comparison,
    dynamics,
    first_layer,
    heatmaps,
    histograms,
)


@pytest.fixture(autouse=True)
def closed():
    """Figures that a test leaves open are closed."""
    yield
    plt.close("all")


def draw_dynamics(summary, training, schedule, label):
    tables = {"n_l_summary": [summary], "training_summary": [training]}
    return dynamics.draw(tables, labels=[label], schedules=[schedule])


def draw_comparison(summaries, training, labels, schedules):
    tables = {"n_l_summary": summaries, "training_summary": training}
    return comparison.draw(tables, labels=labels, schedules=schedules)


def draw_first_layer(summaries, labels, positions):
    return first_layer.draw({"n_l_summary": summaries}, labels=labels, positions=positions)


def draw_heatmaps(table, runs, label):
    return heatmaps.draw({"reinitialisation": [table]}, labels=[label], runs=runs)


def draw_histograms(cosines, n_l, seed, label, **options):
    return histograms.draw({"cosines": [cosines], "n_l": [n_l]}, labels=[label], seed=seed, **options)


def texts(legend):
    return [text.get_text() for text in legend.get_texts()]


def red_ticks(ax):
    """Epochs of the red ticks on an axis."""
    return [line.get_xdata()[0] for line in ax.lines if line.get_color() == "red"]


# The same colour for the same thing


def test_sixteen_layers_have_sixteen_styles_that_depend_on_the_number_alone():
    styles = [layer_style(layer) for layer in range(1, 17)]
    assert len({tuple(style.values()) for style in styles}) == 16
    assert [style["linestyle"] for style in styles] == 8 * ["-"] + 8 * ["--"]
    _, few = n_l_tables(5)
    _, many = n_l_tables(16)
    training = training_summary()
    single = draw_dynamics(few, training, "step", "few").axes[0]
    upper, lower = draw_dynamics(many, training, "step", "many").axes[:2]
    both = draw_comparison([few, many], [training] * 2, ["a", "b"], ["step", "smooth"]).axes
    for ax in (single, upper, lower, *both):
        for line in ax.lines:
            if line.get_label().isdecimal():
                style = layer_style(line.get_label())
                assert (line.get_color(), line.get_linestyle()) == tuple(style.values())


# Dynamics


def test_dynamics_of_many_layers_have_two_panels_above_the_losses():
    _, summary = n_l_tables(16)
    upper, lower, training = draw_dynamics(summary, training_summary(), "step", "VGG19, data").axes
    assert texts(upper.get_legend()) == [str(layer) for layer in range(1, 8)]
    assert texts(lower.get_legend()) == [str(layer) for layer in range(8, 17)]
    assert "VGG19, data" in upper.get_title()
    assert "mean ± std, n = 3 seeds" in upper.get_title()
    assert training.get_legend().get_title().get_text() == "mean ± std, n = 3 seeds"
    assert len(texts(training.get_legend())) == 4
    for ax in (upper, lower, training):
        low, high = ax.get_ylim()
        assert low < 0 and high > 1
        assert red_ticks(ax) == [2]
        # One band for each curve.
        assert len(ax.collections) == len(texts(ax.get_legend()))


def test_dynamics_of_few_layers_have_one_panel():
    _, summary = n_l_tables(8)
    panel, _ = draw_dynamics(summary, training_summary(), "step", "VGG11, data").axes
    assert texts(panel.get_legend()) == [str(layer) for layer in range(1, 9)]


def test_a_smooth_schedule_has_no_red_ticks():
    _, summary = n_l_tables(5)
    figure = draw_dynamics(summary, training_summary(), "smooth", "AlexNet, data")
    assert [red_ticks(ax) for ax in figure.axes] == [[], []]


def test_a_single_seed_has_no_band_and_says_so():
    _, summary = n_l_tables(5, seeds=1)
    panel = draw_dynamics(summary, training_summary(seeds=1), "step", "AlexNet, data").axes[0]
    assert len(panel.collections) == 0
    assert "n = 1 seed" in panel.get_title()


# Heat maps


@pytest.mark.parametrize(("seeds", "runs", "panels"), [(3, 2, 2), (3, None, 3), (1, None, 1), (10, 10, 10)])
def test_heat_maps_share_their_limits(seeds, runs, panels):
    figure = draw_heatmaps(reinitialisation_table(seeds=seeds), runs, "VGG19, data")
    maps = [ax for ax in figure.axes if ax.get_title().startswith("seed")]
    assert [ax.get_title() for ax in maps] == [f"seed {s} (test accuracy 90%)" for s in range(panels)]
    highest = 60 * panels / seeds
    for ax in maps:
        assert ax.collections[0].get_clim() == pytest.approx((0, highest))
    assert [label.get_text() for label in maps[0].get_yticklabels()] == ["random", "0", "2", "10"]
    assert [label.get_text() for label in maps[-1].get_xticklabels()] == list("12345")
    last = maps[-1].collections[0].get_array().reshape(4, 5)
    np.testing.assert_allclose(last, np.tile(highest * np.arange(1, 6) / 5, (4, 1)))
    assert f"n = {panels} seed" in figure.get_suptitle()


def test_ten_heat_maps_take_both_columns_and_fit_a_page():
    width, height = draw_heatmaps(reinitialisation_table(layers=16, seeds=10), None, "x").get_size_inches()
    assert width == 7 and height < 9


# Histograms


@pytest.mark.parametrize("layers", [5, 16])
def test_histograms_have_one_panel_for_each_layer(layers):
    cosines, n_l = cosine_tables(layers)
    figure = draw_histograms(cosines, n_l, 1, "VGG, data")
    titles = [ax.get_title() for ax in figure.axes if ax.axison]
    fraction = n_l[n_l["seed"] == 1].set_index(["epoch", "layer"])["n_l"]
    assert titles == [
        f"layer {k}\n$n_l$ {fraction[0, k]:.2f} → {fraction[3, k]:.2f}" for k in range(1, layers + 1)
    ]
    assert texts(figure.legends[0]) == ["random initialisation", "trained, epoch 3"]
    assert "seed 1, n = 1" in figure.get_suptitle()
    assert max(figure.get_size_inches()) <= 7


def test_histograms_count_every_filter_and_part_at_zero():
    cosines, n_l = cosine_tables(1)
    ax = draw_histograms(cosines, n_l, None, "VGG, data").axes[0]
    drawn = [patch.get_path().vertices for patch in ax.patches]
    assert len(drawn) == 2
    for epoch, outline in zip((0, 3), drawn, strict=True):
        # The outline steps over the bins; its area is the number of filters times the width of a bin.
        edges = np.unique(outline[:, 0])
        assert np.abs(edges).min() == pytest.approx(0, abs=1e-12)
        x, y = outline.T
        area = abs(np.sum(x * np.roll(y, 1) - y * np.roll(x, 1)) / 2)
        kept = cosines[(cosines["seed"] == 0) & (cosines["epoch"] == epoch)]
        assert area / np.diff(edges).min() == pytest.approx(len(kept))


def test_histograms_of_a_pretrained_network_say_so():
    cosines, n_l = cosine_tables(5, epochs=(0, -1), seeds=(0,))
    figure = draw_histograms(cosines, n_l, None, "AlexNet, ImageNet")
    assert texts(figure.legends[0]) == ["random initialisation", "pretrained"]
    colours = [to_hex(patch.get_edgecolor()) for patch in figure.legends[0].get_patches()]
    own = draw_histograms(*cosine_tables(), 0, "AlexNet, data").legends[0].get_patches()
    assert colours == [to_hex(patch.get_edgecolor()) for patch in own]


def test_histograms_in_the_place_of_a_pretrained_network_say_so():
    cosines, n_l = cosine_tables(5)
    title = draw_histograms(cosines, n_l, 1, "VGG19, data", stand_in=True).get_suptitle()
    assert "trained by this pipeline in place of the pretrained one" in title.replace("\n", " ")
    assert "in place of" not in draw_histograms(cosines, n_l, 1, "VGG19, data").get_suptitle()


def test_histograms_of_an_absent_seed_are_refused():
    with pytest.raises(InputError, match=r"seed 7 is not in the table; it has \[0, 1\]"):
        draw_histograms(*cosine_tables(), 7, "x")


# Comparison


@pytest.mark.parametrize("pairs", [1, 2])
def test_comparison_has_step_on_the_left_and_smooth_on_the_right(pairs):
    _, summary = n_l_tables(16)
    names = [name for row in range(pairs) for name in 2 * [f"data {row}"]]
    schedules = pairs * ["step", "smooth"]
    figure = draw_comparison([summary] * 2 * pairs, [training_summary()] * 2 * pairs, names, schedules)
    assert len(figure.axes) == 2 * pairs
    for ax, name, schedule in zip(figure.axes, names, schedules, strict=True):
        assert ax.get_title() == f"{name}\n{schedule} schedule; mean ± std, n = 3 seeds"
        assert red_ticks(ax) == ([2] if schedule == "step" else [])
    assert texts(figure.legends[0]) == [str(layer) for layer in range(1, 17)]


def test_comparison_of_an_odd_number_is_refused():
    _, summary = n_l_tables(5)
    with pytest.raises(InputError, match="1 tables of n_l"):
        draw_comparison([summary], [training_summary()], ["a"], ["step"])


# First layer


def test_first_layer_has_one_curve_for_each_experiment_with_filters_and_seeds():
    summaries = [n_l_tables(5)[1], n_l_tables(16, seeds=2)[1]]
    (ax,) = draw_first_layer(summaries, ["VGG19, a", "LeNet, b"], [0, 3]).axes
    assert texts(ax.get_legend()) == ["VGG19, a; 8 filters, n = 3", "LeNet, b; 8 filters, n = 2"]
    for line, summary, position in zip(ax.lines, summaries, (0, 3), strict=False):
        np.testing.assert_array_equal(line.get_ydata(), summary.loc[summary["layer"] == 1, "mean"])
        assert line.get_color() == experiment_style(position)["color"]


# Arrangement


def test_labels_of_the_arrangement_stay_on_the_page():
    """Drawn in 3D, where the layout of a page knows nothing of them: its right margin is white."""
    figure = arrangement.draw({})
    figure.canvas.draw()
    page = np.asarray(figure.canvas.buffer_rgba())
    margin = page[:, -int(0.03 * page.shape[1]) :]
    assert (margin == 255).all()


def test_arrangement_shows_the_matrix_with_its_blocks_and_the_angle_of_equation_1():
    left, _, right = arrangement.draw({}).axes
    assert left.images[0].get_array().shape == (50, 50)
    assert [label.get_text() for label in left.get_yticklabels()] == ["filter 1", "filter 2"]
    kernel = arrangement.KERNEL
    cosine = kernel.sum() / (np.linalg.norm(kernel) * np.sqrt(3))
    assert rf"$\cos\,\theta$ = {cosine:.2f} (equation 1)" in right.get_title()
    assert f"line to each face {np.degrees(np.arcsin(cosine)):.0f}°" in right.get_title()
    # Faces and an arrow.
    assert len(right.collections) == 2
