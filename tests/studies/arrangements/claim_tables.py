"""Made-up experiments on which the claims of the paper are judged."""

import numpy as np
import pandas as pd

from anatomy.reporting.claims import claim_table
from anatomy.studies.arrangements.claims import CLAIMS
from anatomy.studies.arrangements.evidence import LayerEvidence

FILTERS = 400
EPOCHS = 20
IDS = {entry.id for entry in CLAIMS}
EDGE = 0.67


def experiment(
    name="run",
    end=None,
    layers=16,
    seeds=3,
    middle=None,
    start=0.5,
    drops=None,
    accuracy=0.9,
    channels=3,
    spread=0.0,
    onset=1,
    loss_falls=1,
    filters=FILTERS,
    dataset="images",
):
    """Tables of a made-up experiment.

    n_l is `start` before epoch `onset`, then `middle`, and `end` at the last epoch (all by layer or one
    number), with `spread` between seeds; resetting a layer costs `drops` of the accuracy.
    """

    def by_layer(values):
        return dict(enumerate(np.broadcast_to(values, layers).tolist(), 1))

    end = by_layer(0.9 if end is None else end)
    middle = end if middle is None else by_layer(middle)
    n_l, training, reinitialisation = [], [], []
    for seed in range(seeds):
        origin = {"experiment": name, "seed": seed}
        shift = spread * (seed - (seeds - 1) / 2)
        for epoch in range(EPOCHS + 1):
            values = by_layer(start) if epoch < onset else end if epoch == EPOCHS else middle
            for layer, value in values.items():
                fraction = round((value + shift * (epoch > 0)) * filters) / filters
                n_l.append({**origin, "epoch": epoch, "layer": layer, "name": f"features.{layer}"})
                n_l[-1] |= {"filters": filters, "undefined": 0, "not_finite": 0}
                n_l[-1] |= {"n_l": fraction, "mean_cosine": 0.0}
            loss = None if epoch == 0 else 2.3 if epoch < loss_falls else 1.0
            training.append({**origin, "epoch": epoch, "train_loss": loss, "validation_loss": 1.0})
            training[-1] |= {"train_accuracy": accuracy, "validation_accuracy": accuracy}
        for layer, drop in by_layer(0.0 if drops is None else drops).items():
            relative = drop + 0.001 * seed
            row = {**origin, "layer": layer, "name": f"features.{layer}", "reset_to": "0"}
            row["kind"] = "convolution"
            row |= {"trained_accuracy": accuracy, "drop": relative * accuracy, "relative_drop": relative}
            reinitialisation.append(row)
    tables = {
        "n_l": n_l,
        "training": training,
        "reinitialisation": reinitialisation if drops is not None else None,
    }
    frames = {key: pd.DataFrame(rows) for key, rows in tables.items() if rows is not None}
    return LayerEvidence(name, f"label of {name}", dataset, 0.1, channels, frames)


def seeds_of(*evidences, name="run"):
    """One experiment whose seeds 0, 1, ... are the seed 0 of each of these."""
    tables = {}
    for table in evidences[0].tables:
        frames = [evidence.tables[table].query("seed == 0") for evidence in evidences]
        frames = [frame.assign(seed=seed, experiment=name) for seed, frame in enumerate(frames)]
        tables[table] = pd.concat(frames, ignore_index=True)
    first = evidences[0]
    return LayerEvidence(name, f"label of {name}", first.dataset, first.chance, first.channels, tables)


def uncertain(layer, layers=16, low=-0.1, high=0.4, others=0.5):
    """Three seeds whose drops of one layer are far apart."""
    drops = [
        [value if index == layer else others for index in range(1, layers + 1)] for value in (low, 0.1, high)
    ]
    return seeds_of(*(experiment(drops=row, layers=layers) for row in drops))


def verdicts(**figures):
    """Return the claims' rows by id; figures are experiments or lists of them."""
    lists = {name: value if isinstance(value, list) else [value] for name, value in figures.items()}
    return claim_table(CLAIMS, lists).set_index("id")


FIRST_EIGHT = [0.5] * 8 + [0.01] * 8
FALLING = np.linspace(0.95, 0.55, 16)
STEP, SMOOTH = experiment("step", spread=0.01), experiment("smooth", spread=0.05)
FLIPPED = [0.5, 0.1, 0.9, 0.9, 0.9, 0.1, 0.1, *[0.9] * 9]
FIGURES_02_07 = ("figure_02", "figure_07")
