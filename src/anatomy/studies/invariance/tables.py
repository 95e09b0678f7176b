"""Tables of the study: units, layers, whole networks, outputs by class, scores, accuracy by angle."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from anatomy.reporting.statistics import mean_interval
from anatomy.reporting.tables import LAYERS
from anatomy.studies.invariance.measurement import Measurement
from anatomy.studies.invariance.quotient import (
    DEAD,
    DEFINED,
    INFINITE,
    NOT_FINITE,
    invariance,
    status,
    stratified,
)

ALL, STRATIFIED, CLASS = "all", "stratified", "class"
ORIGIN = ["experiment", "seed"]
COUNTS = {"dead": DEAD, "infinite": INFINITE, "not_finite": NOT_FINITE}


def units_table(measurements: Iterable[Measurement]) -> pd.DataFrame:
    """Return one row per seed, aggregation, kind and unit, for `class` one for each class.

    `transformation` is V, `sample` B and `invariance` M; of `stratified`, the mean of M over classes, there
    is M alone. `floor` is that of images turned and turned back, over B, of all images.
    """
    return pd.concat([_units(own) for own in measurements], ignore_index=True)


def _units(own: Measurement, of: str = "") -> pd.DataFrame:
    """Return the units of one measurement; `of` is the prefix of further arrays, `epoch=3/` or `scale/`."""
    parts = []
    for aggregation in own.facts["aggregations"]:
        v, b = (own.arrays[f"{of}{name}/{aggregation}"] for name in ("transformation", "sample"))
        # All classes together are the only one.
        classes = own.facts["classes"] if len(v) == len(own.facts["classes"]) + 1 else ()
        rows = unit_rows(own.facts["layers"], v, b, classes).assign(aggregation=aggregation, floor=np.nan)
        if (floor := own.arrays.get(f"{of}floor/{aggregation}")) is not None:
            rows.loc[rows["kind"] == ALL, "floor"] = invariance(floor, b[-1])
        parts.append(rows)
    origin = {key: own.facts[key] for key in ORIGIN}
    columns = ["aggregation", "kind", "class", "position", "layer", "label", "unit"]
    numbers = ["transformation", "sample", "invariance", "floor", "status"]
    return pd.concat(parts, ignore_index=True).assign(**origin)[[*ORIGIN, *columns, *numbers]]


def unit_rows(
    layers: Sequence[Mapping[str, Any]],
    transformation: np.ndarray,
    sample: np.ndarray,
    classes: Sequence[Any] = (),
) -> pd.DataFrame:
    """Return one row per kind and unit of V and B, (classes + 1, units) each, the last row of all images.

    `layers` have `module`, `label` and number of `units`. Without `classes` there are rows of all images
    alone.
    """
    sizes = [layer["units"] for layer in layers]
    each = pd.DataFrame(
        {
            "position": np.repeat(np.arange(1, len(layers) + 1), sizes),
            "layer": np.repeat([layer["module"] for layer in layers], sizes),
            "label": np.repeat([layer["label"] for layer in layers], sizes),
            "unit": np.concatenate([np.arange(size) for size in sizes]),
        }
    )
    m, words = invariance(transformation, sample), status(transformation, sample)

    def rows(kind: str, index: int, name: Any = None) -> pd.DataFrame:
        numbers = {"transformation": transformation[index], "sample": sample[index], "invariance": m[index]}
        return each.assign(kind=kind, **{"class": name}, **numbers, status=words[index])

    parts = [rows(ALL, -1)]
    if len(classes):
        mean, dead = stratified(m[:-1]), (words[:-1] == DEAD).all(0)
        of_mean = np.select([dead, np.isposinf(mean), np.isnan(mean)], [DEAD, INFINITE, NOT_FINITE], DEFINED)
        empty = dict.fromkeys(("transformation", "sample"), np.nan)
        parts.append(
            each.assign(kind=STRATIFIED, **{"class": None}, **empty, invariance=mean, status=of_mean)
        )
        parts += [rows(CLASS, index, name) for index, name in enumerate(classes)]
    return pd.concat(parts, ignore_index=True)


def layer_table(units: pd.DataFrame) -> pd.DataFrame:
    """Return one row per seed, aggregation, kind (`all`, `stratified`) and layer of a table of units.

    `invariance` is the mean over units whose M is finite, dead ones with 1, as published; `invariance_alive`
    that over units that are neither. Counts of `units`, and of those that are `dead`, `infinite`,
    `not_finite`.
    """
    by = [*ORIGIN, "aggregation", "kind", "position", "layer", "label"]
    return _means(units[units["kind"] != CLASS], by)


def network_table(units: pd.DataFrame) -> pd.DataFrame:
    """Return one row per seed, aggregation and kind: all units in one pool, and layers weighted equally.

    The columns of `layer_table` are over the units of all layers, `by_layer` is the mean of its `invariance`.
    """
    by = [*ORIGIN, "aggregation", "kind"]
    layers = layer_table(units).groupby(by, sort=False)["invariance"].mean().rename("by_layer")
    return _means(units[units["kind"] != CLASS], by).merge(layers.reset_index(), on=by)


def _means(units: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    finite = np.isfinite(units["invariance"])
    columns = units.assign(
        alive=units["invariance"].where(finite & (units["status"] != DEAD)),
        invariance=units["invariance"].where(finite),
        floor=units["floor"].where(np.isfinite(units["floor"]) & (units["status"] != DEAD)),
        **{name: units["status"] == word for name, word in COUNTS.items()},
    )
    groups = columns.groupby(by, sort=False)
    counted = {name: (name, "sum") for name in COUNTS}
    return groups.agg(
        units=("unit", "size"),
        **counted,
        invariance=("invariance", "mean"),
        invariance_alive=("alive", "mean"),
        floor=("floor", "mean"),
    ).reset_index()


def outputs_table(units: pd.DataFrame) -> pd.DataFrame:
    """Return M of every unit of the last layer for the images of every class, by the first aggregation."""
    last = units[(units["kind"] == CLASS) & (units["position"] == units["position"].max())]
    first = units["aggregation"].iloc[0]
    columns = [*ORIGIN, "layer", "unit", "class", "invariance", "status"]
    return last.loc[last["aggregation"] == first, columns].reset_index(drop=True)


def scores_table(measurements: Iterable[Measurement]) -> pd.DataFrame:
    """Return loss and accuracy on plain and rotated images of both parts of the data, by seed."""
    rows = [
        {key: own.facts[key] for key in ORIGIN} | score
        for own in measurements
        for score in own.facts["scores"]
    ]
    return pd.DataFrame(rows)


def angles_table(measurements: Iterable[Measurement]) -> pd.DataFrame:
    """Return the test accuracy for every class and angle; empty of networks that do not classify."""
    rows = []
    for own in measurements:
        if "correct" not in own.arrays:
            continue
        origin = {key: own.facts[key] for key in ORIGIN}
        for index, name in enumerate(own.facts["classes"]):
            images = int(own.arrays["images"][index])
            for angle, correct in zip(own.facts["angles"], own.arrays["correct"][index], strict=True):
                accuracy = correct / images
                rows.append({**origin, "class": name, "angle": angle, "images": images, "accuracy": accuracy})
    return pd.DataFrame(rows, columns=[*ORIGIN, "class", "angle", "images", "accuracy"])


def epochs_table(measurements: Iterable[Measurement]) -> pd.DataFrame:
    """Return the rows of `layer_table` for every `epoch` that was asked for, and the last one beside them."""
    parts = [
        _layers_of(own, "" if epoch == own.facts["epoch"] else f"epoch={epoch}/", {"epoch": epoch})
        for own in measurements
        for epoch in own.facts.get("epochs", ())
    ]
    return _further(parts, ["epoch"])


def transformations_table(measurements: Iterable[Measurement]) -> pd.DataFrame:
    """Return the rows of `layer_table`, kind `all`, under every transformation, `rotation` first.

    `count` is how many transformations there were of a kind, `images` how many images each. Empty where
    rotation is the only one.
    """
    parts = []
    for own in measurements:
        if further := own.facts.get("transformations"):
            counts = {"": [len(own.facts["angles"]), int(own.arrays["images"].sum())]}
            for kind, (count, images) in (counts | further).items():
                columns = {"transformation": kind or "rotation", "count": count, "images": images}
                parts.append(_layers_of(own, kind and f"{kind}/", columns))
    table = _further(parts, ["transformation", "count", "images"])
    return table[table["kind"] == ALL].reset_index(drop=True)


def _layers_of(own: Measurement, of: str, columns: Mapping[str, Any]) -> pd.DataFrame:
    return layer_table(_units(own, of)).assign(**columns)


def _further(parts: Sequence[pd.DataFrame], columns: Sequence[str]) -> pd.DataFrame:
    """Return tables of layers in one, without the floor, `columns` after the seed."""
    by = ["aggregation", "kind", "position", "layer", "label", "units", *COUNTS]
    every = [*ORIGIN, *columns, *by, "invariance", "invariance_alive"]
    return pd.concat(parts, ignore_index=True)[every] if parts else pd.DataFrame(columns=every)


def local_table(measurements: Iterable[Measurement]) -> pd.DataFrame:
    """Return one row per seed, aggregation and unit of the local measure; empty where it was not asked for.

    `derivative` is the mean over images of the absolute derivative along the rotation, per radian, `local`
    that over B of all images.
    """
    parts = []
    for own in measurements:
        for aggregation in own.facts["aggregations"]:
            if (derivative := own.arrays.get(f"local/{aggregation}")) is not None:
                b = own.arrays[f"sample/{aggregation}"][-1:]
                rows = unit_rows(own.facts["layers"], derivative[None], b)
                origin = {key: own.facts[key] for key in ORIGIN}
                parts.append(rows.assign(**origin, aggregation=aggregation))
    columns = [*ORIGIN, "aggregation", "position", "layer", "label", "unit", "derivative", "local"]
    if not parts:
        return pd.DataFrame(columns=columns)
    names = {"transformation": "derivative", "invariance": "local"}
    return pd.concat(parts, ignore_index=True).rename(columns=names)[columns]


def layers_table(layers: pd.DataFrame, epoch: int, epochs: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return the rows of `layer_table` of its first aggregation in the columns of `LAYERS`.

    They are of the last `epoch`; those of the epochs before it are taken of a table of `epochs_table`.
    """
    own = layers[layers["aggregation"] == layers["aggregation"].iloc[0]].assign(epoch=epoch)
    whole = own[own["kind"] == ALL]
    parts = [
        whole.assign(quantity="invariance", value=whole["invariance"]),
        own[own["kind"] == STRATIFIED].assign(
            quantity="invariance_stratified", value=lambda rows: rows["invariance"]
        ),
    ]
    if whole["floor"].notna().any():
        parts.append(whole.assign(quantity="invariance_floor", value=whole["floor"]))
    if epochs is not None and len(epochs):
        before = epochs[
            (epochs["aggregation"] == own["aggregation"].iloc[0])
            & (epochs["kind"] == ALL)
            & (epochs["epoch"] != epoch)
        ]
        parts.append(before.assign(quantity="invariance", value=before["invariance"]))
    return pd.concat(parts, ignore_index=True)[[*LAYERS]]


def networks_table(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return over seeds, of tables of `network_table`, mean, std, n and a 95 % interval of two quantities.

    `pooled`: all units in one pool, as published; `by_layer`: layers weighted equally. The interval is
    Student's, empty for a single seed.
    """
    rows = []
    for (experiment, aggregation, kind), group in pd.concat(tables).groupby(
        ["experiment", "aggregation", "kind"], sort=False
    ):
        for quantity, column in (("pooled", "invariance"), ("by_layer", "by_layer")):
            values = group[column].to_numpy()
            low, high = mean_interval(values)
            rows.append(
                {
                    "experiment": experiment,
                    "aggregation": aggregation,
                    "kind": kind,
                    "quantity": quantity,
                    "mean": values.mean(),
                    "std": values.std(ddof=1) if len(values) > 1 else np.nan,
                    "n": len(values),
                    "low": float(low),
                    "high": float(high),
                }
            )
    return pd.DataFrame(rows)
