"""Figures: what each program draws from small tables, and what it refuses."""

import runpy
import subprocess
import sys

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import ROOT, SCRIPTS, environment
from matplotlib.colors import to_hex
from PIL import Image

import plot_arrangement
import plot_comparison
import plot_dynamics
import plot_first_layer
import plot_heatmaps
import plot_histograms
from hyperplanes import figures
from hyperplanes.errors import InputError
from hyperplanes.plotting import experiment_style, in_lines, layer_style

OFF = "switched off (null, or not in `only`)"
SCHEMA = yaml.safe_load((ROOT / "workflow" / "schemas" / "config.schema.yaml").read_text())


@pytest.fixture(autouse=True)
def closed():
    """Figures that a test leaves open are closed."""
    yield
    plt.close("all")


def n_l_tables(layers=16, epochs=4, seeds=3):
    """Tables `n_l` and `n_l_summary` of a made-up experiment."""
    generator = np.random.default_rng(layers)
    rows = [
        {"experiment": "x", "seed": s, "epoch": e, "layer": k, "filters": 8 * k, "n_l": generator.uniform()}
        for s in range(seeds)
        for e in range(epochs + 1)
        for k in range(1, layers + 1)
    ]
    n_l = pd.DataFrame(rows)
    groups = n_l.groupby(["experiment", "epoch", "layer", "filters"])["n_l"]
    return n_l, groups.agg(mean="mean", std="std", n="count").reset_index()


def training_summary(epochs=4, drop=2, seeds=3):
    quantities = plot_dynamics.CURVES
    return pd.DataFrame(
        {
            "experiment": "x",
            "quantity": quantity,
            "epoch": epoch,
            "learning_rate": 0.01 if epoch <= drop else 0.001,
            "mean": 0.5,
            "std": 0.1,
            "n": seeds,
        }
        for quantity in quantities
        for epoch in range(1, epochs + 1)
    )


def reinit_table(layers=5, seeds=3, highest=0.6):
    """A drop that grows with layer and seed, highest for the last of both."""
    return pd.DataFrame(
        {
            "experiment": "x",
            "seed": s,
            "layer": k,
            "name": f"features.{k}",
            "kind": "convolution",
            "reset_to": to,
            "trained_accuracy": 0.9,
            "drop": highest * k / layers * (s + 1) / seeds,
        }
        for s in range(seeds)
        for k in range(1, layers + 1)
        for to in ("10", "0", "random", "2")
    )


def cosine_tables(layers=5, epochs=(0, 3), seeds=(0, 1)):
    generator = np.random.default_rng(0)
    cosines = pd.DataFrame(
        {"seed": s, "epoch": e, "layer": k, "filter": f, "cosine": generator.normal(0, 0.01)}
        for s in seeds
        for e in epochs
        for k in range(1, layers + 1)
        for f in range(8)
    )
    share = cosines.groupby(["seed", "epoch", "layer"])["cosine"].agg(lambda c: (c <= 0).mean())
    return cosines, share.rename("n_l").reset_index()


def texts(legend):
    return [text.get_text() for text in legend.get_texts()]


def red_ticks(ax):
    """Epochs of the red ticks on an axis."""
    return [line.get_xdata()[0] for line in ax.lines if line.get_color() == "red"]


# The list of figures


def test_every_figure_of_the_paper_is_listed_with_the_kind_that_the_schema_gives_it():
    expected = {*(f"figure_{number:02}" for number in range(1, 25)), "figure_polarity"}
    kinds = SCHEMA["properties"]["figures"]["properties"]
    assert figures.FIGURES.keys() == kinds.keys() == expected
    for name, figure in figures.FIGURES.items():
        assert kinds[name]["$ref"] == f"#/$defs/{figure.kind}"
        assert (SCRIPTS / f"plot_{figure.kind}.py").is_file()
        assert (ROOT / f"workflow/report/{figure.kind}.rst").is_file()
    pretrained = [name for name, figure in figures.FIGURES.items() if figure.pretrained]
    assert pretrained == ["figure_01", *(f"figure_{number:02}" for number in range(9, 15))]


@pytest.mark.parametrize(
    ("drawn", "off", "line"),
    [
        (["figure_02"], {}, ""),
        (
            ["figure_02"],
            {"figure_07": ["a"]},
            f"{OFF}: a; figures: figure_07 left out",
        ),
        (
            ["figure_21"],
            {"figure_21": ["a"]},
            f"{OFF}: a; figures: figure_21 drawn without",
        ),
        (
            ["figure_21"],
            {"figure_04": ["b"], "figure_05": ["b"], "figure_21": ["a", "b"]},
            f"{OFF}: b, a; figures: figure_04, figure_05 left out; figure_21 drawn without",
        ),
    ],
)
def test_one_line_says_what_is_left_out(drawn, off, line):
    assert figures.left_out(drawn, off) == line


@pytest.mark.parametrize(
    ("name", "off", "line"),
    [
        (
            "figure_16",
            {},
            "figure_16 needs an experiment: VGG19 on CIFAR-100, smooth schedule; "
            "name it under figures.figure_16 in the configuration",
        ),
        (
            "figure_22",
            {},
            "figure_22 needs experiments: VGG19 on CIFAR-10 and ImageNet, step and smooth schedule; "
            "name them under figures.figure_22 in the configuration",
        ),
        (
            "figure_09",
            {},
            "figure_09 needs a pretrained network, or an experiment in its place: VGG16 on ImageNet by "
            "PyTorch; name it under figures.figure_09 in the configuration",
        ),
        ("figure_03", {}, "figure_03 is switched off; set figures.figure_03 to {} in the configuration"),
        (
            "figure_17",
            {"figure_17": ["rgb100-smooth"]},
            f"figure_17 needs rgb100-smooth, which is {OFF}; it shows VGG19 on "
            "CIFAR-100, smooth schedule; name another experiment under figures.figure_17",
        ),
        (
            "figure_polarity",
            {"figure_polarity": ["one", "both"]},
            f"figure_polarity needs one, both, which are {OFF}; it shows digits "
            "of one polarity and of both, all else equal; "
            "name other experiments under figures.figure_polarity",
        ),
        (
            "figure_09",
            {"figure_09": ["vgg16"]},
            f"figure_09 needs vgg16, which is {OFF}; it shows VGG16 on ImageNet "
            "by PyTorch; name another pretrained network or experiment under figures.figure_09",
        ),
    ],
)
def test_a_refusal_says_what_is_needed_and_where_to_name_it(name, off, line):
    assert figures.refusal(name, off) == line


# The same colour for the same thing


def test_sixteen_layers_have_sixteen_styles_that_depend_on_the_number_alone():
    styles = [layer_style(layer) for layer in range(1, 17)]
    assert len({tuple(style.values()) for style in styles}) == 16
    assert [style["linestyle"] for style in styles] == 8 * ["-"] + 8 * ["--"]
    _, few = n_l_tables(5)
    _, many = n_l_tables(16)
    training = training_summary()
    single = plot_dynamics.draw(few, training, "step", "few").axes[0]
    upper, lower = plot_dynamics.draw(many, training, "step", "many").axes[:2]
    both = plot_comparison.draw([few, many], [training] * 2, ["a", "b"], ["step", "smooth"]).axes
    for ax in (single, upper, lower, *both):
        for line in ax.lines:
            if line.get_label().isdecimal():
                style = layer_style(line.get_label())
                assert (line.get_color(), line.get_linestyle()) == tuple(style.values())


def test_ten_experiments_have_ten_styles():
    assert len({tuple(experiment_style(place).values()) for place in range(10)}) == 10


@pytest.mark.parametrize("width", [3.4, 7.0])
def test_long_labels_are_broken_and_lose_no_word(width):
    label = "VGG19 (width 1/8), 3,000 images of CIFAR-10, 100% label noise\ntrained here"
    lines = in_lines(label, width)
    assert lines.split() == label.split()
    assert max(map(len, lines.splitlines())) <= 16 * width


# Dynamics


def test_dynamics_of_many_layers_have_two_panels_above_the_losses():
    _, summary = n_l_tables(16)
    upper, lower, training = plot_dynamics.draw(summary, training_summary(), "step", "VGG19, data").axes
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
    panel, _ = plot_dynamics.draw(summary, training_summary(), "step", "VGG11, data").axes
    assert texts(panel.get_legend()) == [str(layer) for layer in range(1, 9)]


def test_a_smooth_schedule_has_no_red_ticks():
    _, summary = n_l_tables(5)
    figure = plot_dynamics.draw(summary, training_summary(), "smooth", "AlexNet, data")
    assert [red_ticks(ax) for ax in figure.axes] == [[], []]


def test_a_single_seed_has_no_band_and_says_so():
    _, summary = n_l_tables(5, seeds=1)
    panel = plot_dynamics.draw(summary, training_summary(seeds=1), "step", "AlexNet, data").axes[0]
    assert len(panel.collections) == 0
    assert "n = 1 seed" in panel.get_title()


# Heat maps


@pytest.mark.parametrize(("seeds", "runs", "panels"), [(3, 2, 2), (3, None, 3), (1, None, 1), (10, 10, 10)])
def test_heat_maps_share_their_limits(seeds, runs, panels):
    figure = plot_heatmaps.draw(reinit_table(seeds=seeds), runs, "VGG19, data")
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
    width, height = plot_heatmaps.draw(reinit_table(layers=16, seeds=10), None, "x").get_size_inches()
    assert width == 7 and height < 9


# Histograms


@pytest.mark.parametrize("layers", [5, 16])
def test_histograms_have_one_panel_for_each_layer(layers):
    cosines, n_l = cosine_tables(layers)
    figure = plot_histograms.draw(cosines, n_l, 1, "VGG, data")
    titles = [ax.get_title() for ax in figure.axes if ax.axison]
    share = n_l[n_l["seed"] == 1].set_index(["epoch", "layer"])["n_l"]
    assert titles == [f"layer {k}\n$n_l$ {share[0, k]:.2f} → {share[3, k]:.2f}" for k in range(1, layers + 1)]
    assert texts(figure.legends[0]) == ["random initialisation", "trained, epoch 3"]
    assert "seed 1, n = 1" in figure.get_suptitle()
    assert max(figure.get_size_inches()) <= 7


def test_histograms_count_every_filter_and_part_at_zero():
    cosines, n_l = cosine_tables(1)
    ax = plot_histograms.draw(cosines, n_l, None, "VGG, data").axes[0]
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
    figure = plot_histograms.draw(cosines, n_l, None, "AlexNet, ImageNet")
    assert texts(figure.legends[0]) == ["random initialisation", "pretrained"]
    colours = [to_hex(patch.get_edgecolor()) for patch in figure.legends[0].get_patches()]
    own = plot_histograms.draw(*cosine_tables(), 0, "AlexNet, data").legends[0].get_patches()
    assert colours == [to_hex(patch.get_edgecolor()) for patch in own]


def test_histograms_of_an_absent_seed_are_refused():
    with pytest.raises(InputError, match=r"seed 7 is not in the table; it has \[0, 1\]"):
        plot_histograms.draw(*cosine_tables(), 7, "x")


# Comparison


@pytest.mark.parametrize("pairs", [1, 2])
def test_comparison_has_step_on_the_left_and_smooth_on_the_right(pairs):
    _, summary = n_l_tables(16)
    names = [name for row in range(pairs) for name in 2 * [f"data {row}"]]
    schedules = pairs * ["step", "smooth"]
    figure = plot_comparison.draw([summary] * 2 * pairs, [training_summary()] * 2 * pairs, names, schedules)
    assert len(figure.axes) == 2 * pairs
    for ax, name, schedule in zip(figure.axes, names, schedules, strict=True):
        assert ax.get_title() == f"{name}\n{schedule} schedule; mean ± std, n = 3 seeds"
        assert red_ticks(ax) == ([2] if schedule == "step" else [])
    assert texts(figure.legends[0]) == [str(layer) for layer in range(1, 17)]


def test_comparison_of_an_odd_number_is_refused():
    _, summary = n_l_tables(5)
    with pytest.raises(InputError, match="1 tables of n_l"):
        plot_comparison.draw([summary], [training_summary()], ["a"], ["step"])


# First layer


def test_first_layer_has_one_curve_for_each_experiment_with_filters_and_seeds():
    summaries = [n_l_tables(5)[1], n_l_tables(16, seeds=2)[1]]
    (ax,) = plot_first_layer.draw(summaries, ["VGG19, a", "LeNet, b"], [0, 3]).axes
    assert texts(ax.get_legend()) == ["VGG19, a; 8 filters, n = 3", "LeNet, b; 8 filters, n = 2"]
    for line, summary, place in zip(ax.lines, summaries, (0, 3), strict=False):
        np.testing.assert_array_equal(line.get_ydata(), summary.loc[summary["layer"] == 1, "mean"])
        assert line.get_color() == experiment_style(place)["color"]


# Arrangement


def test_arrangement_shows_the_matrix_with_its_blocks_and_the_angle_of_equation_1():
    left, _, right = plot_arrangement.draw(5, 0).axes
    assert left.images[0].get_array().shape == (50, 50)
    assert [label.get_text() for label in left.get_yticklabels()] == ["filter 1", "filter 2"]
    kernel = plot_arrangement.KERNEL
    cosine = kernel.sum() / (np.linalg.norm(kernel) * np.sqrt(3))
    assert rf"$\cos\,\theta$ = {cosine:.2f} (equation 1)" in right.get_title()
    assert f"line to each face {np.degrees(np.arcsin(cosine)):.0f}°" in right.get_title()
    # Faces and an arrow.
    assert len(right.collections) == 2


# Programs


def run_program(name, *arguments):
    return subprocess.run(
        [sys.executable, SCRIPTS / f"{name}.py", *map(str, arguments)],
        capture_output=True,
        text=True,
        env=environment(),
    )


@pytest.fixture
def tables(tmp_path):
    """Options of every program with the tables that it reads."""
    n_l, summary = n_l_tables(5)
    cosines, share = cosine_tables()
    written = {
        "summary": summary,
        "training": training_summary(),
        "reinit": reinit_table(),
        "cosines": cosines,
        "share": share,
    }
    paths = {name: tmp_path / f"{name}.csv" for name in written}
    for name, table in written.items():
        table.to_csv(paths[name], index=False)
    n_l, training = ("--n-l", paths["summary"]), ("--training", paths["training"])
    return {
        "plot_arrangement": (),
        "plot_comparison": (
            *(*n_l, paths["summary"], *training, paths["training"]),
            *("--labels", "a", "b", "--schedules", "step", "smooth"),
        ),
        "plot_dynamics": (*n_l, *training, "--label", "a", "--schedule", "step"),
        "plot_first_layer": (*n_l, "--labels", "a", "--places", 2),
        "plot_heatmaps": ("--reinit", paths["reinit"], "--runs", 2, "--label", "a"),
        "plot_histograms": (
            *("--cosines", paths["cosines"], "--n-l", paths["share"], "--seed", 1),
            *("--label", "a", "--stand-in"),
        ),
    }


@pytest.mark.parametrize("name", sorted(path.stem for path in SCRIPTS.glob("plot_*.py")))
def test_program_writes_pdf_and_png(tables, tmp_path, monkeypatch, name):
    outputs = [tmp_path / "out" / f"figure.{suffix}" for suffix in ("pdf", "png")]
    monkeypatch.setattr("sys.argv", list(map(str, [name, *tables[name], "--output", *outputs])))
    runpy.run_path(str(SCRIPTS / f"{name}.py"), run_name="__main__")
    assert outputs[0].read_bytes().startswith(b"%PDF")
    with Image.open(outputs[1]) as image:
        pixels = np.asarray(image.convert("L"))
    assert min(pixels.shape) > 300
    assert 0.001 < (pixels < 128).mean() < 0.5


def test_program_refuses_in_one_line(tables, tmp_path):
    arguments = [*tables["plot_histograms"], "--seed", 9, "--output", tmp_path / "figure.png"]
    result = run_program("plot_histograms", *arguments)
    assert result.returncode == 1
    assert result.stderr == "error: seed 9 is not in the table; it has [0, 1]\n"
    assert not (tmp_path / "figure.png").exists()
