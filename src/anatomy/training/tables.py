"""Losses and accuracies of runs as tidy tables."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from anatomy.reporting.tables import mean_over_seeds, read_table
from anatomy.runtime.errors import InputError
from anatomy.runtime.files import read_json, understood
from anatomy.runtime.run_files import require_whole

LOSSES = ("train_loss", "validation_loss")
ACCURACIES = ("train_accuracy", "validation_accuracy")


def training_table(experiment: str, histories: dict[int, Path]) -> pd.DataFrame:
    """Return the histories of all seeds; losses also divided by their highest value in the run.

    The rescaled losses are those of the paper's figures (section 3.1).
    """
    frames = []
    for seed, path in histories.items():
        # A loss may be no number.
        history = read_table(path, empty=("", "nan"))
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


def accuracy_table(training: Iterable[pd.DataFrame], finals: Iterable[Path]) -> pd.DataFrame:
    """Return the final accuracies of every experiment: mean, std and n over seeds.

    Training and validation accuracies are those of the last epoch in the tables of `training_table`, test
    accuracies those of `final.json` of each run, `{experiment}/seed={seed}/final.json`.
    """
    parts = []
    for frame in training:
        # Of each seed: a run with `stop` may have ended earlier than another.
        last = frame[frame["epoch"] == frame.groupby("seed")["epoch"].transform("max")]
        parts += [
            last[["experiment", "seed", q]].rename(columns={q: "value"}).assign(quantity=q)
            for q in ACCURACIES
        ]
    parts += [pd.DataFrame([_test_accuracy(final)]) for final in finals]
    return mean_over_seeds(pd.concat(parts), ["experiment", "quantity"], "value")


def _test_accuracy(final: Path) -> dict[str, Any]:
    """Return the row of a run; its folders name experiment and seed."""
    experiment, seed = final.parent.parent.name, final.parent.name
    if not (experiment and re.fullmatch(r"seed=\d+", seed)):
        raise InputError(f"{final}: expected EXPERIMENT/seed=SEED/final.json, which names the run")
    require_whole(final)
    with understood(final, "the final.json of a run"):
        accuracy = float(read_json(final)["test"]["accuracy"])
    seed = int(seed.removeprefix("seed="))
    return {"experiment": experiment, "seed": seed, "value": accuracy, "quantity": "test_accuracy"}
