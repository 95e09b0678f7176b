"""The matrix of a convolution and the cone of a single-channel filter, both computed (figure 3)."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from anatomy.reporting.plotting import PAGE_WIDTH, PALETTE
from anatomy.studies.arrangements.cone import (
    circulant,
    cone_edges,
    convolution_matrix,
    face_angle,
    identity_cosines,
)

TABLES = ()
TAKES = ()
SHOWS = "matrix and cone of a convolution"
CAPTION = (
    "Computed, not drawn. Left: the matrix of a convolution with two filters and two channels, random "
    "weights and zero padding; each block is one filter on one channel, each row the normal of one "
    "hyperplane. Rows at the border of the image lack the weights that fall on the padding; equation 1 is "
    "that of the others. Right: the cone on whose inside a cyclic filter of three pixels is positive "
    "everywhere; its hyperplanes share one angle with the identity line, that of equation 1."
)

FILTERS, CHANNELS, SIZE, PADDING = 2, 2, 3, 1
# Pixels of a side of the input; seed of the convolution's random weights.
SIDE, SEED = 5, 0
# A kernel whose cone is neither flat nor thin.
KERNEL = np.array([1.0, 0.2, -0.45])
# Orthonormal rows, the identity line upright.
UPRIGHT = np.array([[1, -1, 0], [1, 1, -2], [1, 1, 1]]) / np.sqrt([[2], [6], [3]])


def plot_matrix(ax: Axes, matrix: np.ndarray, side: int) -> None:
    """Draw the matrix; thick lines part filters and channels, thin ones the rows of the image."""
    limit = np.abs(matrix).max()
    shown = np.ma.masked_equal(matrix, 0)
    image = ax.imshow(shown, cmap="RdBu_r", vmin=-limit, vmax=limit, interpolation="nearest")
    pixels = side**2
    for draw_line, length in ((ax.axhline, matrix.shape[0]), (ax.axvline, matrix.shape[1])):
        for position in range(side, length, side):
            thick = position % pixels == 0
            draw_line(position - 0.5, color="0.2" if thick else "0.85", linewidth=1 if thick else 0.4)
    filters, channels = (count // pixels for count in matrix.shape)
    centre = (pixels - 1) / 2
    ax.set_xticks(
        [centre + c * pixels for c in range(channels)], [f"channel {c + 1}" for c in range(channels)]
    )
    ax.set_yticks(
        [centre + f * pixels for f in range(filters)],
        [f"filter {f + 1}" for f in range(filters)],
        rotation=90,
        va="center",
    )
    ax.tick_params(length=0)
    ax.spines[:].set_visible(True)
    ax.set_title(f"{matrix.shape[0]} by {matrix.shape[1]} matrix of a {SIZE} by {SIZE} convolution")
    ax.set_xlabel(f"input: channels of {side} by {side} pixels")
    ax.set_ylabel("hyperplanes (rows)")
    ax.figure.colorbar(image, ax=ax, shrink=0.7, label="weight", pad=0.02)


def plot_cone(ax: Axes, kernel: np.ndarray) -> None:
    """Draw the faces of {x: W x >= 0}, the identity line, the axes, and the normal of a face."""
    matrix = circulant(kernel)
    angle = np.arccos(identity_cosines(matrix)[0])
    # Every edge ends at height 1.
    edges = UPRIGHT @ cone_edges(matrix)
    edges /= np.abs(edges[2])
    apex = np.zeros(3)
    corners = np.column_stack([apex, edges])
    faces = [[0, 1, 2], [0, 2, 3], [0, 3, 1]]
    style = {"color": (*PALETTE[0], 0.2), "edgecolor": PALETTE[0], "shade": False}
    ax.plot_trisurf(*corners[:2], faces, corners[2], **style)
    ax.plot([0, 0], [0, 0], [-0.2, 1.15], color="0.1", linewidth=1.5)
    ax.text(0, 0, 1.18, "identity line", ha="center", fontsize=7)
    for name, axis in zip(("$x_1$", "$x_2$", "$x_3$"), 0.9 * UPRIGHT.T, strict=True):
        ax.plot(*zip(apex, axis, strict=True), color="0.6", linewidth=0.8)
        ax.text(*1.1 * axis, name, color="0.4", ha="center", va="center", fontsize=7)
    normal = UPRIGHT @ matrix[0] / np.linalg.norm(matrix[0])
    ax.quiver(*apex, *0.8 * normal, color=PALETTE[1], linewidth=1.5, arrow_length_ratio=0.12)
    # Below the arrow: at its tip the label would leave the page.
    ax.text(*0.8 * normal - [0, 0, 0.25], "normal $W_m$", color=PALETTE[1], ha="center", va="top", fontsize=7)
    up, turn = np.array([0, 0, 1]), np.linspace(0, angle, 30)[:, None]
    aside = (normal - normal[2] * up) / np.linalg.norm(normal - normal[2] * up)
    arc = 0.35 * (np.cos(turn) * up + np.sin(turn) * aside)
    ax.plot(*arc.T, color=PALETTE[1], linewidth=1)
    ax.text(*1.3 * arc[15], r"$\theta$", color=PALETTE[1], ha="center", va="center", fontsize=8)
    weights = ", ".join(f"{w:g}" for w in kernel).replace("-", "\N{MINUS SIGN}")
    ax.set_title(
        f"cone of the cyclic filter ({weights})\n"
        rf"$\cos\,\theta$ = {np.cos(angle):.2f} (equation 1); line to each face "
        f"{np.degrees(face_angle(matrix[0])):.0f}°"
    )
    ax.set(xlim=(-0.7, 0.7), ylim=(-0.7, 0.7), zlim=(-0.1, 1.1))
    ax.set_box_aspect((1.4, 1.4, 1.2), zoom=1.15)
    ax.view_init(elev=12, azim=-60)
    ax.set_axis_off()


def draw(tables: Mapping[str, Sequence[pd.DataFrame]]) -> Figure:
    """Draw the matrix of a convolution with Kaiming normal weights, and the cone of `KERNEL`; no tables."""
    shape = (FILTERS, CHANNELS, SIZE, SIZE)
    scale = np.sqrt(2 / (FILTERS * SIZE**2))
    weight = np.random.default_rng(SEED).normal(0, scale, shape)
    figure = plt.figure(figsize=(PAGE_WIDTH, 3.2), layout="constrained")
    left = figure.add_subplot(1, 2, 1)
    plot_matrix(left, convolution_matrix(weight, (SIDE, SIDE), PADDING), SIDE)
    plot_cone(figure.add_subplot(1, 2, 2, projection="3d"), KERNEL)
    return figure
