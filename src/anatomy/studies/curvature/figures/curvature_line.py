"""One input: logits, gradients, alignments, eigenvectors, spectrum and loss surface (figure 1)."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.cluster.hierarchy import leaves_list, linkage

from anatomy.reporting.plotting import CURVE_COLOURS, PAGE_WIDTH, in_lines
from anatomy.runtime.errors import InputError
from anatomy.studies.curvature.figures.style import (
    ALIGNMENT_COLOURS,
    CLASS_COLOURS,
    eigenvalues_of,
    of_seed,
    shade,
)

TABLES = ("maps", "alignments", "eigenvalues", "vectors", "plane")
TAKES = ("labels", "seed")
SHOWS = "one input: logits, gradients, alignments"
CAPTION = (
    "A network of one input, for {{ labels[0] }}. Left, over the input: the logits, shaded by the class "
    "that is predicted, with dotted lines at its boundaries; the normalised reinforcing gradients, one "
    "row for each parameter, like ones beside each other; the alignments with the top two eigenvectors; "
    "the training points. Right: both eigenvectors, in the order of those rows; the eigenvalues, from "
    "the largest on; the loss on the plane of both eigenvectors around the minimum. Seed {{ seed }}."
)


def boundaries(maps: pd.DataFrame) -> np.ndarray:
    """Return the inputs half-way between neighbouring points of different classes."""
    x, classes = maps["x"].to_numpy(), maps["predicted"].to_numpy()
    changes = np.flatnonzero(np.diff(classes))
    return (x[changes] + x[changes + 1]) / 2


def draw_logits(axes: Axes, maps: pd.DataFrame) -> None:
    """Draw one curve for each logit over the classes' colours."""
    x = maps["x"].to_numpy()
    edges = [x[0], *boundaries(maps), x[-1]]
    for low, high in pairwise(edges):
        inside = maps[(maps["x"] >= low) & (maps["x"] <= high)]
        axes.axvspan(low, high, color=shade(CLASS_COLOURS[inside["predicted"].mode()[0]]), linewidth=0)
    for label, column in enumerate(name for name in maps if name.startswith("logit_")):
        axes.plot(x, maps[column], color=CLASS_COLOURS[label], label=str(label))
    axes.legend(title="class", ncols=2, handlelength=1)
    axes.set_ylabel("logits")


def draw(tables: Mapping[str, Sequence[pd.DataFrame]], labels: Sequence[str], seed: int) -> Figure:
    """Draw the network of one experiment."""
    maps, points, eigenvalues, vectors, plane = (
        of_seed(tables[name][0], seed, name.removesuffix("s")) for name in TABLES
    )
    maps = maps.sort_values("x")
    gradients = maps[[name for name in maps if name.startswith("g_")]].to_numpy().T
    if "y" in maps or vectors["parameter"].isna().any():
        raise InputError("curvature_line draws a network of one input with few parameters; name another")
    order = leaves_list(linkage(gradients, "average", optimal_ordering=True))
    figure = plt.figure(figsize=(PAGE_WIDTH, 5), layout="constrained")
    outer = figure.add_gridspec(1, 2, width_ratios=[1.5, 1])
    left = outer[0].subgridspec(4, 1, height_ratios=[2, 2.4, 1.6, 0.6])
    rows = [figure.add_subplot(part) for part in left]
    for ax in rows[1:]:
        ax.sharex(rows[0])
    extent = (maps["x"].min(), maps["x"].max(), len(order) + 0.5, 0.5)
    largest = np.abs(gradients).max()
    draw_logits(rows[0], maps)
    options = {"cmap": ALIGNMENT_COLOURS, "vmin": -largest, "vmax": largest, "aspect": "auto"}
    image = rows[1].imshow(gradients[order], extent=extent, interpolation="nearest", **options)
    figure.colorbar(image, ax=rows[1], label="gradient", pad=0.01)
    rows[1].set_ylabel("parameters")
    for index in (1, 2):
        colour = CURVE_COLOURS[index]
        rows[2].plot(maps["x"], maps[f"A_{index}"], color=colour, label=f"$A_{index}$")
    rows[2].legend(ncols=2, handlelength=1)
    rows[2].axhline(0, color="black", linewidth=0.4)
    rows[2].set(ylim=(-1.05, 1.05), ylabel="alignment")
    colours = [CLASS_COLOURS[label] for label in points["label"]]
    rows[3].scatter(points["x"], np.zeros(len(points)), c=colours, s=18, edgecolors="black", linewidths=0.4)
    rows[3].set(yticks=[], xlabel="input", xlim=extent[:2])
    rows[3].set_ylabel("data", rotation=0, ha="right", va="center")
    for ax in rows:
        for x in boundaries(maps):
            ax.axvline(x, color="black", linestyle=":", linewidth=0.8)
    for ax in rows[:-1]:
        ax.tick_params(labelbottom=False)
    rows[0].set_title(in_lines(labels[0], 4))
    right = outer[1].subgridspec(3, 1, height_ratios=[1.1, 1.2, 2.4])
    strips, spectrum = figure.add_subplot(right[0]), figure.add_subplot(right[1])
    entries = vectors[["v_1", "v_2"]].to_numpy()[order].T
    reach = np.abs(entries).max()
    strips.imshow(entries, cmap=ALIGNMENT_COLOURS, vmin=-reach, vmax=reach, aspect="auto")
    strips.set(yticks=[0, 1], yticklabels=["$v_1$", "$v_2$"], xticks=[], xlabel="parameters")
    values = eigenvalues_of(eigenvalues, seed)
    spectrum.plot(range(1, len(values) + 1), values, "o", markersize=2.5, color=CURVE_COLOURS[0])
    spectrum.set(xlabel="index of eigenvalue", ylabel="eigenvalue", yscale="symlog")
    spectrum.set_yscale("symlog", linthresh=1e-2)
    surface = figure.add_subplot(right[2], projection="3d")
    grid = plane.pivot(index="a", columns="b", values="loss")
    a, b = np.meshgrid(grid.index, grid.columns, indexing="ij")
    surface.plot_surface(a, b, grid.to_numpy(), cmap="viridis", linewidth=0, rcount=50, ccount=50)
    surface.set(xlabel="along $v_1$", ylabel="along $v_2$")
    surface.set_title("loss", y=0.95)
    surface.tick_params(labelsize=5, pad=-2)
    return figure
