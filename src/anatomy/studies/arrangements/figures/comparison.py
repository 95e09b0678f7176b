"""n_l of every layer over epochs, one panel per experiment, step beside smooth (figure 22)."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from anatomy.reporting.plotting import (
    PAGE_WIDTH,
    in_lines,
    label_epochs,
    mark_rate_drops,
    rate_drops,
    seeds_in_words,
)
from anatomy.runtime.errors import InputError
from anatomy.studies.arrangements.figures.style import MOST_CURVES, layer_map, mean_in_words, plot_layers

TABLES = ("n_l_summary", "training_summary")
TAKES = ("labels", "schedules")
SHOWS = "n_l by schedule"
CAPTION = (
    "Fraction of negative projections n_l of every convolutional layer over epochs, with the step schedule "
    'on the left and the smooth one on the right, for {{ labels | unique | join("; ") }}. Lines are means '
    "over seeds, bands one standard deviation; of networks with more than 16 layers the means are colours. "
    "Red ticks, if any, mark epochs after which the learning rate "
    "drops."
)


def draw(
    tables: Mapping[str, Sequence[pd.DataFrame]], labels: Sequence[str], schedules: Sequence[str]
) -> Figure:
    """Draw the summaries of n_l, two panels to a row, with the drops of step schedules marked."""
    summaries, training = tables["n_l_summary"], tables["training_summary"]
    if len({len(summaries), len(training), len(labels), len(schedules)}) > 1 or len(summaries) % 2:
        raise InputError(
            f"{len(summaries)} tables of n_l, {len(training)} of the training, {len(labels)} labels and "
            f"{len(schedules)} schedules are given; expected as many of each, in pairs"
        )
    rows = len(summaries) // 2
    as_maps = max(summary["layer"].nunique() for summary in summaries) > MOST_CURVES
    size = (PAGE_WIDTH, 2.2 * rows + 0.4)
    figure, axes = plt.subplots(
        rows, 2, squeeze=False, sharey=not as_maps, figsize=size, layout="constrained"
    )
    panels = zip(axes.flat, summaries, training, labels, schedules, strict=True)
    for ax, summary, rates, label, schedule in panels:
        if as_maps:
            mesh = layer_map(ax, summary)
        else:
            plot_layers(ax, summary, sorted(summary["layer"].unique()), shade=0.07)
        if schedule == "step":
            mark_rate_drops(ax, rate_drops(rates))
        label_epochs(ax)
        seeds = mean_in_words(summary) if as_maps else seeds_in_words(summary["n"].max())
        ax.set_title(f"{in_lines(label, PAGE_WIDTH / 2)}\n{schedule} schedule; {seeds}")
    for ax in axes[:, 1]:
        ax.set_ylabel("")
    if as_maps:
        figure.colorbar(mesh, ax=axes, label=r"measure $n_l$", ticks=[0, 0.5, 1], aspect=30)
        return figure
    curves = {}
    for ax in axes.flat:
        curves |= dict(zip(*reversed(ax.get_legend_handles_labels()), strict=True))
    layers = sorted(curves, key=int)
    handles = [curves[layer] for layer in layers]
    figure.legend(handles, layers, title="layer", loc="outside right center", handlelength=2)
    return figure
