"""What the walk over all studies draws, judges and tabulates of this one, all of it made up."""

import numpy as np
import pandas as pd

from anatomy.reporting.claims import INCONCLUSIVE, NOT_SUPPORTED, SUPPORTED
from anatomy.reporting.kinds import kind_of
from anatomy.studies.invariance.evidence import InvarianceEvidence
from anatomy.studies.invariance.measurement import Measurement
from anatomy.studies.invariance.tables import (
    angles_table,
    epochs_table,
    layer_table,
    layers_table,
    network_table,
    outputs_table,
    scores_table,
    transformations_table,
    units_table,
)

LAYERS = [("c1", 4), ("c1act", 4), ("c2", 6), ("fc", 3)]
CLASSES = ["0", "1", "2"]
NETWORKS = ("plain", "rotated")


def measurement(seed=0, factor=1.0, name="x", odd=False):
    """V grows with the layer, B is 1; with `odd` one unit is dead, one infinite, one not finite."""
    random = np.random.default_rng(seed)
    sizes = [size for _, size in LAYERS]
    units = sum(sizes)
    depth = np.repeat(np.linspace(0.2, 1, len(LAYERS)), sizes)
    arrays = {"images": np.array([10, 10, 12]), "correct": random.integers(0, 10, (3, 4))}
    for aggregation, more in (("mean", 1.0), ("max", 1.4)):
        v = factor * more * depth * random.uniform(0.9, 1.1, (4, units))
        b = np.ones((4, units))
        b[:-1] = 0.7
        if odd:
            v[:, 0] = b[:, 0] = b[:, 1] = 0
            v[:, 2] = np.nan
        arrays |= {f"transformation/{aggregation}": v, f"sample/{aggregation}": b}
        arrays |= {
            f"epoch=0/{name}/{aggregation}": random.uniform(0.9, 1.1) * own
            for name, own in (("transformation", v), ("sample", b))
        }
        arrays |= {f"scale/transformation/{aggregation}": 0.5 * v[-2:], f"scale/sample/{aggregation}": b[-2:]}
        arrays[f"floor/{aggregation}"] = 0.1 * v[-1]
    scores = [
        {"part": part, "rotated": rotated, "images": 32, "loss": 0.5, "accuracy": 0.9 - 0.4 * rotated}
        for part in ("train", "test")
        for rotated in (False, True)
    ]
    facts = {
        "experiment": name,
        "seed": seed,
        "epoch": 5,
        "classes": CLASSES,
        "angles": [-180.0, -90.0, 0.0, 90.0],
        "aggregations": ["mean", "max"],
        "layers": [{"label": label, "module": f"m.{label}", "units": size} for label, size in LAYERS],
        "scores": scores,
        "epochs": [0, 5],
        "transformations": {"scale": [49, 10]},
    }
    return Measurement(facts, arrays)


def _training_summary(seeds=3):
    rows = [
        {
            "experiment": "x",
            "quantity": f"{part}_{quantity}",
            "epoch": epoch,
            "mean": 0.5,
            "std": 0.1,
            "n": seeds,
        }
        for part in ("train", "validation")
        for quantity in ("loss", "accuracy")
        for epoch in (1, 2, 3, 4)
    ]
    return pd.DataFrame(rows)


def made(factor=1.0, seeds=3, odd=False):
    """Every table of an experiment, by name."""
    measurements = [measurement(seed, factor, odd=odd) for seed in range(seeds)]
    units = units_table(measurements)
    return {
        "units": units,
        "layer_invariance": layer_table(units),
        "network_invariance": network_table(units),
        "outputs": outputs_table(units),
        "scores": scores_table(measurements),
        "angles": angles_table(measurements),
        "epochs": epochs_table(measurements),
        "transformations": transformations_table(measurements),
        "training_summary": _training_summary(seeds),
    }


def options(kind):
    """Options of a figure of this kind."""
    return {"labels": ["a", "a"]}


def tables(kind):
    """Tables of a pair, by name."""
    pair = made(odd=True), made(2.0)
    return {name: [own[name] for own in pair] for name in kind_of(kind).tables}


def layers():
    """The table `layers.csv` of an experiment."""
    return layers_table(made()["layer_invariance"], 5, made()["epochs"])


def evidence(name, kinds=None, layers=None, maps=None, seeds=3, accuracy=0.9):
    """An experiment of these numbers by seed: M by (kind, aggregation), M by layer, M of outputs by class."""
    kinds = {("all", "mean"): [0.5], ("stratified", "mean"): [0.7], ("all", "max"): [0.8]} | (kinds or {})
    layers = [[0.1, 0.2, 0.3, 0.4]] if layers is None else layers
    maps = [[[0.1, 0.2, 0.3, 0.5, 0.4, 0.7]] * 3] if maps is None else maps
    tables = {"network_invariance": [], "layer_invariance": [], "outputs": [], "training": []}
    for seed in range(seeds):
        origin = {"experiment": name, "seed": seed}
        for (kind, aggregation), values in kinds.items():
            row = {"kind": kind, "aggregation": aggregation, "invariance": values[seed % len(values)]}
            tables["network_invariance"].append(origin | row)
        for position, value in enumerate(layers[seed % len(layers)], 1):
            row = {"kind": "all", "aggregation": "mean", "position": position, "invariance": value}
            tables["layer_invariance"].append(origin | row)
        for unit, row in enumerate(maps[seed % len(maps)]):
            for index, value in enumerate(row):
                tables["outputs"].append(origin | {"unit": unit, "class": index, "invariance": value})
        tables["training"].append(origin | {"epoch": 1, "train_accuracy": accuracy})
    frames = {key: pd.DataFrame(rows) for key, rows in tables.items()}
    return InvarianceEvidence(name, f"label of {name}", "images", 0.1, 1, frames)


def over_seeds(correlations, name="x"):
    """The figure of seeds: pairs of networks of four layers whose M have these correlations."""
    one, other = np.array([1.0, -1, 1, -1]), np.array([1.0, 1, -1, -1])
    rows = []
    for index, correlation in enumerate(correlations):
        second = correlation * one + np.sqrt(1 - correlation**2) * other
        for seed, values in enumerate((one, second), 2 * index):
            for epoch in (0, 1):
                row = {"experiment": name, "seed": seed, "epoch": epoch, "aggregation": "mean", "kind": "all"}
                rows += [
                    row | {"position": position, "invariance": 2 + value}
                    for position, value in enumerate(values, 1)
                ]
    own = evidence(name, seeds=2 * len(correlations))
    own.tables["epochs"] = pd.DataFrame(rows)
    return {"invariance_stability": [own]}


def pair(plain=None, rotated=None, **options):
    """The figure of a pair."""
    both = evidence("plain", **(plain or {}), **options), evidence("rotated", **(rotated or {}), **options)
    return {"invariance_layers": list(both)}


def claim_cases():
    """Claims, each with evidence by figure and the verdict on it."""
    mean, strat, most = ("all", "mean"), ("stratified", "mean"), ("all", "max")
    by_verdict = {
        SUPPORTED: [0.8, 0.81, 0.79],
        NOT_SUPPORTED: [0.2, 0.21, 0.19],
        INCONCLUSIVE: [0.2, 0.8, 0.5],
    }
    for verdict, values in by_verdict.items():
        yield "rotated-training-lowers-m", pair({"kinds": {mean: values}}), verdict
        yield "all-images-below-stratified", pair({"kinds": {strat: values}}), verdict
        yield "mean-of-maps-below-maximum", pair({"kinds": {most: values}}), verdict
    rising, falling = [0.1, 0.2, 0.3, 0.4], [0.4, 0.3, 0.2, 0.1]
    for verdict, layers in (
        (SUPPORTED, [rising]),
        (NOT_SUPPORTED, [falling]),
        (INCONCLUSIVE, [rising, falling, [0.1, 0.4, 0.1, 0.4]]),
    ):
        yield "lower-layers-most-invariant", pair({"layers": layers}), verdict
    # One of two networks on the wrong side suffices.
    yield "lower-layers-most-invariant", pair({"layers": [rising]}, {"layers": [falling]}), NOT_SUPPORTED
    for verdict, correlations in (
        (SUPPORTED, (0.99, 0.985, 0.992)),
        (NOT_SUPPORTED, (0.2, 0.25, 0.3)),
        (INCONCLUSIVE, (0.8, 0.99, 0.9)),
        (INCONCLUSIVE, (0.99,)),
    ):
        yield "stable-to-initialisation", over_seeds(correlations), verdict
    random = np.random.default_rng(0)
    one, other = random.uniform(size=(2, 3, 6)).tolist()
    against = [[1 - value for value in row] for row in one]
    for verdict, maps in (
        (SUPPORTED, [one]),
        (NOT_SUPPORTED, [one, against]),
        (INCONCLUSIVE, [one, other]),
        # Of three classes there is no interval.
        (INCONCLUSIVE, [[row[:3] for row in one]]),
    ):
        yield "output-depends-on-the-class", pair({"maps": maps}), verdict
