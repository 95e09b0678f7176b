"""What figures of this study share: colours, class maps, alignment maps and spectra."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, ListedColormap, Normalize, to_rgb
from matplotlib.figure import Figure

from anatomy.reporting.plotting import PALETTE
from anatomy.runtime.errors import InputError

# As in the paper: yellow, white, purple for -1, 0, 1.
ALIGNMENT_COLOURS = LinearSegmentedColormap.from_list("alignment", ["#e0a800", "#ffffff", "#6a1b9a"])
CLASS_COLOURS = [PALETTE[index] for index in (0, 1, 2, 4, 5, 6, 7, 8, 9, 3)]
BINS = 200
# Weights of a spectrum that is whole sum to 1, but for six digits of each.
WHOLE = 0.99
# How much of a class's colour is in the plane behind its points.
SHADE = 0.35


def of_seed(table: pd.DataFrame, seed: int, what: str) -> pd.DataFrame:
    """Return the rows of a seed; `InputError` if there are none."""
    rows = table[table["seed"] == seed]
    if rows.empty:
        raise InputError(f"there is no {what} of seed {seed}; set `maps` or what it needs in the experiment")
    return rows


def shade(colour: Sequence[float]) -> tuple[float, ...]:
    """Return the colour of a class's region."""
    return tuple(1 - SHADE * (1 - part) for part in to_rgb(colour))


def extent_of(maps: pd.DataFrame) -> tuple[float, float, float, float]:
    """Return lowest and highest x, lowest and highest y of a map."""
    return maps["x"].min(), maps["x"].max(), maps["y"].min(), maps["y"].max()


def image_of(maps: pd.DataFrame, column: str) -> np.ndarray:
    """Return a column of a map as an image (H, W), lowest y first."""
    return maps.pivot(index="y", columns="x", values=column).to_numpy()


def draw_points(axes: Axes, points: pd.DataFrame, size: float = 3, **style) -> None:
    """Draw training points in the colours of their classes."""
    colours = [CLASS_COLOURS[label % len(CLASS_COLOURS)] for label in points["label"]]
    axes.scatter(points["x"], points["y"], s=size, c=colours, linewidths=0.2, edgecolors="black", **style)


def draw_classes(axes: Axes, maps: pd.DataFrame, points: pd.DataFrame, size: float = 3) -> None:
    """Draw the regions of the classes, the boundary between them, and the training points."""
    classes = image_of(maps, "predicted")
    colours = ListedColormap([shade(colour) for colour in CLASS_COLOURS])
    options = {"extent": extent_of(maps), "origin": "lower", "aspect": "auto", "interpolation": "nearest"}
    axes.imshow(classes, cmap=colours, vmin=-0.5, vmax=len(CLASS_COLOURS) - 0.5, **options)
    boundary = np.ma.masked_equal(image_of(maps, "boundary"), 0)
    axes.imshow(boundary, cmap=ListedColormap(["black"]), **options)
    draw_points(axes, points, size)
    bare(axes, maps)


def draw_alignment(
    axes: Axes, maps: pd.DataFrame, points: pd.DataFrame, column: str, size: float = 3
) -> None:
    """Draw an alignment over the plane, and the training points in the colours of their classes."""
    axes.imshow(
        image_of(maps, column),
        cmap=ALIGNMENT_COLOURS,
        vmin=-1,
        vmax=1,
        extent=extent_of(maps),
        origin="lower",
        aspect="auto",
    )
    draw_points(axes, points, size)
    bare(axes, maps)


def bare(axes: Axes, maps: pd.DataFrame) -> None:
    """Remove ticks, and show exactly the map."""
    low, high, bottom, top = extent_of(maps)
    axes.set(xlim=(low, high), ylim=(bottom, top), xticks=[], yticks=[])


def alignment_bar(figure: Figure, axes: Sequence[Axes], **more) -> None:
    """Add the scale that all alignments share."""
    scale = ScalarMappable(Normalize(-1, 1), ALIGNMENT_COLOURS)
    figure.colorbar(scale, ax=axes, label="alignment $A_i$", ticks=[-1, 0, 1], **more)


def eigenvalues_of(table: pd.DataFrame, seed: int) -> np.ndarray:
    """Return the top eigenvalues of a seed at the last epoch; NaN where a pair has not converged."""
    rows = of_seed(table, seed, "eigenvalue")
    last = rows[rows["epoch"] == rows["epoch"].max()].sort_values("index")
    return np.where(last["converged"].astype(bool), last["value"], np.nan)


def number_of(table: pd.DataFrame, seed: int, quantity: str) -> float:
    """Return a number of the table of measures, of a seed at the last epoch."""
    rows = table[(table["seed"] == seed) & (table["quantity"] == quantity)]
    return float(rows.sort_values("epoch")["value"].iloc[-1])


def measure_of(table: pd.DataFrame, seed: int, threshold: str = "eps_avg") -> float:
    """Return G over curved eigenvectors, of a seed at the last epoch; NaN without a whole spectrum."""
    rows = table[(table["seed"] == seed) & (table["threshold"] == threshold)]
    return float(rows.sort_values("epoch")["curved"].iloc[-1])


def draw_spectrum(axes: Axes, spectrum: pd.DataFrame, values: np.ndarray, count: int, seed: int) -> None:
    """Draw the density of the spectrum in 200 bins, on a logarithmic axis, and crosses at the outliers.

    Where the top eigenvalues alone are known, they are drawn in their order.
    """
    rows = of_seed(spectrum, seed, "spectrum")
    marks = {"marker": "x", "color": PALETTE[3], "markersize": 4, "linestyle": "none"}
    axes.set_yscale("log")
    if rows["weight"].sum() < WHOLE:
        axes.plot(range(1, len(values) + 1), values, "o", color=PALETTE[7], markersize=3)
        axes.plot(range(1, count + 1), values[:count], **marks)
        axes.set(xlabel="index of eigenvalue", ylabel="eigenvalue")
        return
    heights, edges = np.histogram(rows["value"], BINS, weights=rows["weight"])
    width = edges[1] - edges[0]
    axes.bar(edges[:-1], heights / width, width, align="edge", color=PALETTE[7], linewidth=0)
    least = (heights[heights > 0] / width).min()
    axes.plot(values[:count], np.full(min(count, len(values)), 2 * least), **marks)
    axes.set(xlabel="eigenvalue", ylabel="density")


def printed(value: float) -> str:
    """Return an eigenvalue with three significant digits."""
    return "not converged" if np.isnan(value) else f"{value:.3g}"
