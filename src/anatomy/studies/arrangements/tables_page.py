"""All tables of the study on one page for reading."""

from collections.abc import Sequence

import pandas as pd

from anatomy.reporting.pages import page, section
from anatomy.studies.arrangements.tables import epochs_in_order


def _joined(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Put tables under each other; no table gives an empty one."""
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def _ends(summary: pd.DataFrame) -> pd.DataFrame:
    """Return n_l of one experiment before and after training, one row per layer."""
    epochs = epochs_in_order(summary)
    sides = {"first epoch": epochs[0], "last epoch": epochs[-1]}
    columns = ["mean", "std", "low", "high", "p_corrected"]
    tables = [
        summary[summary["epoch"] == epoch].set_index(["experiment", "layer"])[columns].add_suffix(f", {side}")
        for side, epoch in sides.items()
    ]
    return pd.concat(tables, axis=1).reset_index()


def tables_page(
    accuracies: pd.DataFrame,
    summaries: Sequence[pd.DataFrame],
    onsets: Sequence[pd.DataFrame],
    drops: Sequence[pd.DataFrame],
    criticality: pd.DataFrame,
    layers: pd.DataFrame,
) -> str:
    """Return the page of all tables.

    Those of experiments are `n_l_summary`, `bias_onset` and `reinitialisation_summary`; `criticality` and
    `layers` are the two tables of `tables.criticality_tables`.
    """
    resets = _joined(drops)
    initial = resets[resets["reset_to"] == "0"].drop(columns="reset_to") if len(resets) else resets
    return page(
        "Tables",
        "Mean, std (sample standard deviation) and n are over seeds; low and high are 95 % intervals. "
        "The CSV files beside this page hold the same numbers, and every epoch.",
        [
            section("Accuracies", "Of the last epoch; test accuracies of the trained network.", accuracies),
            section(
                "Fraction of negative projections",
                "n_l by layer at the first and the last epoch. low and high: exact binomial interval over "
                "the filters of all seeds, their number divided by how many times the binomial variance n_l "
                "varies over seeds (dispersion in the CSV file). p_corrected: exact test of the same "
                "against one half, with Holm's correction over the layers.",
                _joined([_ends(summary) for summary in summaries]),
            ),
            section(
                "Onset of the bias",
                "Epoch from which a layer stays biased to the last epoch (p_corrected below 0.05, on the "
                "same side); empty for a layer that is not biased at the end. n_l is that of the end.",
                _joined(onsets),
            ),
            section(
                "Layers reset to their initialisation",
                "Drop in test accuracy, as a fraction of one.",
                initial,
            ),
            section(
                "Biased layers and critical layers",
                "Spearman's correlation over layers between the noise-corrected bias, (n_l - 1/2)^2 less "
                "what random signs add to it, at the last epoch and the drop when the layer is reset to its "
                "initialisation; partial: the same with the depth of the layer held. Intervals by "
                "permutation of layers. Beside them the number of layers that are biased (p_corrected below "
                "0.05 at the last epoch) and critical (mean relative drop above the threshold), one of the "
                "two, or neither.",
                criticality,
            ),
            section(
                "Layer by layer",
                "Whether each layer is called biased and critical, and what by; low and high: 95 % "
                "interval of the mean relative drop over seeds (Student's t).",
                layers,
            ),
        ],
    )
