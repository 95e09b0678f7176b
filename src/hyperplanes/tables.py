"""Tidy tables of what runs produced, and their mean and standard deviation over seeds."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from hyperplanes.files import atomic, read_json

LOSSES = ("train_loss", "validation_loss")
ACCURACIES = ("train_accuracy", "validation_accuracy")


def summarise(frame: pd.DataFrame, by: Sequence[str], value: str) -> pd.DataFrame:
    """Return `mean`, `std` and `n` of `value` over seeds, for each combination of `by`.

    `std` is the sample standard deviation (n - 1 in the denominator), empty for a single seed; seeds
    without a value are not counted in `n`.
    """
    groups = frame.groupby(list(by), sort=False, observed=True)[value]
    return groups.agg(mean="mean", std="std", n="count").reset_index()


def n_l_table(projections: Iterable[Path]) -> pd.DataFrame:
    """Return one row per experiment, seed, epoch and layer of projections files."""
    rows = []
    for path in projections:
        content = read_json(path)
        origin = {
            "experiment": content["experiment"],
            "seed": int(content["seed"]),
            "epoch": int(content["epoch"]),
        }
        for layer in content["layers"]:
            kept = ("layer", "name", "filters", "undefined", "n_l", "mean_cosine")
            rows.append({**origin, **{key: layer[key] for key in kept}})
    return pd.DataFrame(rows).sort_values(["seed", "epoch", "layer"], ignore_index=True)


def cosine_table(projections: Iterable[Path]) -> pd.DataFrame:
    """Return one row per filter of projections files; filters count from 0, as in the weight tensor.

    `cosine` is equation 1 as printed, `projection` the normalisation of the authors' code.
    """
    frames = []
    for path in projections:
        content = read_json(path)
        blocks = [
            block
            for stage in sorted((key for key in content if key.isdecimal()), key=int)
            for _, block in sorted(content[stage].items(), key=lambda item: int(item[0]))
        ]
        for layer, block in zip(content["layers"], blocks, strict=True):
            frames.append(
                pd.DataFrame(
                    {
                        "experiment": content["experiment"],
                        "seed": int(content["seed"]),
                        "epoch": int(content["epoch"]),
                        "layer": layer["layer"],
                        "filter": range(layer["filters"]),
                        "cosine": layer["cosines"],
                        "projection": block["projections"],
                    }
                ).astype({"cosine": float, "projection": float})
            )
    return pd.concat(frames, ignore_index=True)


def read_table(path: Path) -> pd.DataFrame:
    """Read a table; names stay text, whatever they look like."""
    text = {"experiment": str, "reset_to": str}
    return pd.read_csv(path, dtype=text, keep_default_na=False, na_values=[""])


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
    summary = summarise(long, ["experiment", "quantity", "epoch"], "value")
    summary.insert(3, "learning_rate", summary["epoch"].map(rates))
    return summary


def accuracy_table(training: Iterable[pd.DataFrame], reinit: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Return the final accuracies of every experiment: mean, std and n over seeds.

    Training and validation accuracies are those of the last epoch, test accuracies those of the
    trained network in the re-initialisation tables.
    """
    parts = []
    for frame in training:
        last = frame[frame["epoch"] == frame["epoch"].max()]
        parts += [
            last[["experiment", "seed", q]].rename(columns={q: "value"}).assign(quantity=q)
            for q in ACCURACIES
        ]
    for frame in reinit:
        trained = frame.drop_duplicates(["experiment", "seed"])
        trained = trained[["experiment", "seed", "trained_accuracy"]]
        parts.append(trained.rename(columns={"trained_accuracy": "value"}).assign(quantity="test_accuracy"))
    return summarise(pd.concat(parts), ["experiment", "quantity"], "value")


def write_table(frame: pd.DataFrame, path: Path) -> None:
    """Write a table as CSV, atomically; numbers keep six significant digits."""
    with atomic(path) as temporary:
        frame.to_csv(temporary, index=False, float_format="%.6g")
