"""Losses and accuracies of runs as tidy tables."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from anatomy.reporting.tables import mean_over_seeds

LOSSES = ("train_loss", "validation_loss")
ACCURACIES = ("train_accuracy", "validation_accuracy")


def training_table(experiment: str, histories: dict[int, Path]) -> pd.DataFrame:
    """Return the histories of all seeds; losses also divided by their highest value in the run.

    The rescaled losses are those of the paper's figures (section 3.1).
    """
    frames = []
    for seed, path in histories.items():
        history = pd.read_csv(path)
        history.insert(0, "experiment", experiment)
        history.insert(1, "seed", seed)
        for loss in LOSSES:
            history[f"{loss}_rescaled"] = history[loss] / history[loss].max()
        frames.append(history)
    return pd.concat(frames, ignore_index=True)


def training_summary(training: pd.DataFrame) -> pd.DataFrame:
    """Return mean, std and n over seeds of every loss and accuracy, by epoch, in long form."""
    quantities = [*LOSSES, *(f"{loss}_rescaled" for loss in LOSSES), *ACCURACIES]
    identifiers = ["experiment", "seed", "epoch", "learning_rate"]
    long = training.melt(identifiers, quantities, "quantity").dropna(subset="value")
    rates = training.groupby("epoch")["learning_rate"].first()
    summary = mean_over_seeds(long, ["experiment", "quantity", "epoch"], "value")
    summary.insert(3, "learning_rate", summary["epoch"].map(rates))
    return summary


def accuracy_table(
    training: Iterable[pd.DataFrame], reinitialisation: Iterable[pd.DataFrame]
) -> pd.DataFrame:
    """Return the final accuracies of every experiment: mean, std and n over seeds.

    Training and validation accuracies are those of the last epoch, test accuracies those of the
    trained network in the reinitialisation tables.
    """
    parts = []
    for frame in training:
        last = frame[frame["epoch"] == frame["epoch"].max()]
        parts += [
            last[["experiment", "seed", q]].rename(columns={q: "value"}).assign(quantity=q)
            for q in ACCURACIES
        ]
    for frame in reinitialisation:
        trained = frame.drop_duplicates(["experiment", "seed"])
        trained = trained[["experiment", "seed", "trained_accuracy"]]
        parts.append(trained.rename(columns={"trained_accuracy": "value"}).assign(quantity="test_accuracy"))
    return mean_over_seeds(pd.concat(parts), ["experiment", "quantity"], "value")
