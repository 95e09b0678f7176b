"""Made-up experiments on which the claims of the paper are judged."""

import numpy as np
import pandas as pd
from scipy.special import ndtri

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
    number), with the standard deviation `spread` over seeds; resetting a layer costs `drops` of the accuracy.
    """

    def by_layer(values):
        return dict(enumerate(np.broadcast_to(values, layers).tolist(), 1))

    end = by_layer(0.9 if end is None else end)
    middle = end if middle is None else by_layer(middle)
    n_l, training, reinitialisation = [], [], []
    shifts = deviations(name, seeds, layers) * spread
    for seed in range(seeds):
        origin = {"experiment": name, "seed": seed}
        for epoch in range(EPOCHS + 1):
            values = by_layer(start) if epoch < onset else end if epoch == EPOCHS else middle
            for layer, value in values.items():
                shift = shifts[seed, layer - 1] * (epoch > 0)
                fraction = round((value + shift) * filters) / filters
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
    frames["cosines"] = normal_cosines(name, by_layer(start), seeds, filters)
    return LayerEvidence(name, f"label of {name}", dataset, 0.1, channels, frames)


def deviations(name, seeds, layers):
    """Deviations of seeds, of standard deviation 1 in each layer, those of another name others."""
    if seeds == 1:
        return np.zeros((1, layers))
    values = np.random.default_rng(list(name.encode())).normal(size=(seeds, layers))
    values -= values.mean(0)
    return values / values.std(0, ddof=1)


def normal_cosines(name, start, seeds, filters):
    """Cosines at epoch 0 of a normal distribution of which the fraction `start` of a layer is negative."""
    quantiles = ndtri((np.arange(filters) + 0.5) / filters)
    columns = [np.repeat(list(start), filters), np.tile(np.arange(filters), len(start))]
    values = np.concatenate([(quantiles - ndtri(fraction)) / 10 for fraction in start.values()])
    frame = {"layer": columns[0], "filter": columns[1], "cosine": values, "projection": values}
    return pd.concat(
        [pd.DataFrame({"experiment": name, "seed": seed, "epoch": 0, **frame}) for seed in range(seeds)]
    )


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
# What bias and drop may have in common beside their fall with depth.
SLOPE = np.linspace(0.85, 0.65, 16)
WAVE = 0.09 * np.random.default_rng(0).permutation(np.linspace(-1, 1, 16))
STEP, SMOOTH = experiment("step", spread=0.01), experiment("smooth", spread=0.05)
FLIPPED = [0.5, 0.1, 0.9, 0.9, 0.9, 0.1, 0.1, *[0.9] * 9]
FIGURES_02_07 = ("figure_02", "figure_07")
