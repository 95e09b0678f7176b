"""Small tables of a made-up experiment, as the kinds of figures draw them."""

import numpy as np
import pandas as pd

from anatomy.studies.arrangements.figures import dynamics


def n_l_tables(layers=16, epochs=4, seeds=3):
    """Tables `n_l` and `n_l_summary` of a made-up experiment."""
    generator = np.random.default_rng(layers)
    rows = [
        {"experiment": "x", "seed": s, "epoch": e, "layer": k, "filters": 8 * k, "n_l": generator.uniform()}
        for s in range(seeds)
        for e in range(epochs + 1)
        for k in range(1, layers + 1)
    ]
    n_l = pd.DataFrame(rows)
    groups = n_l.groupby(["experiment", "epoch", "layer", "filters"])["n_l"]
    return n_l, groups.agg(mean="mean", std="std", n="count").reset_index()


def training_summary(epochs=4, drop=2, seeds=3):
    quantities = dynamics.CURVES
    return pd.DataFrame(
        {
            "experiment": "x",
            "quantity": quantity,
            "epoch": epoch,
            "learning_rate": 0.01 if epoch <= drop else 0.001,
            "mean": 0.5,
            "std": 0.1,
            "n": seeds,
        }
        for quantity in quantities
        for epoch in range(1, epochs + 1)
    )


def reinitialisation_table(layers=5, seeds=3, highest=0.6):
    """A drop that grows with layer and seed, highest for the last of both."""
    return pd.DataFrame(
        {
            "experiment": "x",
            "seed": s,
            "layer": k,
            "name": f"features.{k}",
            "kind": "convolution",
            "reset_to": to,
            "trained_accuracy": 0.9,
            "drop": highest * k / layers * (s + 1) / seeds,
        }
        for s in range(seeds)
        for k in range(1, layers + 1)
        for to in ("10", "0", "random", "2")
    )


def cosine_tables(layers=5, epochs=(0, 3), seeds=(0, 1)):
    generator = np.random.default_rng(0)
    cosines = pd.DataFrame(
        {
            "experiment": "x",
            "seed": s,
            "epoch": e,
            "layer": k,
            "filter": f,
            "cosine": generator.normal(0, 0.01),
        }
        for s in seeds
        for e in epochs
        for k in range(1, layers + 1)
        for f in range(8)
    )
    fraction = cosines.groupby(["experiment", "seed", "epoch", "layer"])["cosine"].agg(
        lambda c: (c <= 0).mean()
    )
    return cosines, fraction.rename("n_l").reset_index()
