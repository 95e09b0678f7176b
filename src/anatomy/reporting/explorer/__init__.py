"""The page `explore.html`: what studies measured of layers, to look at instead of reading it.

It is one file that works from disk: the tables as JSON, the drawing library, and `explore.js`, all inline.
"""

import json
from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from anatomy.reporting.tables import HISTOGRAM_BINS, HISTOGRAMS, LAYERS
from anatomy.runtime.errors import InputError

FOLDER = Path(__file__).parent
# What the page is made of beside the tables; a change of either makes it anew.
ASSETS = (FOLDER / "explore.html", FOLDER / "explore.js")
DIGITS = 4


def _number(value: float) -> float | None:
    """Return a number for JSON, in few digits; None for what is no number."""
    return float(f"{value:.{DIGITS}g}") if np.isfinite(value) else None


def _require(frame: pd.DataFrame, columns: Iterable[str], what: str) -> None:
    if absent := [column for column in columns if column not in frame]:
        raise InputError(f"{what} lacks the column {absent[0]}; expected {', '.join(columns)}")


def _cube(frame: pd.DataFrame) -> dict[str, Any]:
    """Return one quantity of one experiment as values by seed, epoch and layer, and the names of the three.

    Of an epoch that is empty the name is None.
    """
    seeds = sorted(frame["seed"].unique())
    layers = frame[["position", "layer"]].drop_duplicates().sort_values("position")
    epochs = sorted(frame["epoch"].dropna().unique())
    if frame["epoch"].isna().any():
        epochs.append(None)
    at = {
        "seed": {seed: index for index, seed in enumerate(seeds)},
        "epoch": {epoch: index for index, epoch in enumerate(epochs)},
        "layer": {layer: index for index, layer in enumerate(layers["layer"])},
    }
    values = np.full((len(seeds), len(epochs), len(layers)), np.nan)
    where = [None if pd.isna(epoch) else epoch for epoch in frame["epoch"]]
    places = (frame["seed"].map(at["seed"]), [at["epoch"][e] for e in where], frame["layer"].map(at["layer"]))
    values[tuple(np.asarray(place, int) for place in places)] = frame["value"]
    return {
        "seeds": [int(seed) for seed in seeds],
        "epochs": [None if epoch is None else int(epoch) for epoch in epochs],
        "layers": layers["layer"].tolist(),
        "positions": [int(position) for position in layers["position"]],
        "values": [[[_number(value) for value in row] for row in plane] for plane in values],
    }


def explorer_data(
    layers: Mapping[str, Iterable[pd.DataFrame]], histograms: Mapping[str, Iterable[pd.DataFrame]]
) -> dict[str, Any]:
    """Return what the page shows, by experiment: `measures` of layers, and `histograms`.

    Both are given by study: the tables `layers.csv` (columns `LAYERS`) and `histograms.csv` (columns
    `HISTOGRAMS`, and a count for each bin). `InputError` for a table without these columns.
    """
    found: dict[str, Any] = {}
    for study, frames in layers.items():
        for frame in frames:
            _require(frame, LAYERS, f"a table layers.csv of {study}")
            for (name, quantity), part in frame.groupby(["experiment", "quantity"], sort=False):
                own = found.setdefault(str(name), {"measures": {}, "histograms": {}})
                own["measures"][str(quantity)] = {"study": study, **_cube(part)}
    for study, frames in histograms.items():
        for frame in frames:
            _require(frame, [*HISTOGRAMS, *HISTOGRAM_BINS], f"a table histograms.csv of {study}")
            for (name, quantity), part in frame.groupby(["experiment", "quantity"], sort=False):
                own = found.setdefault(str(name), {"measures": {}, "histograms": {}})
                own["histograms"][str(quantity)] = {"study": study, **_histograms(part)}
    return found


def _histograms(frame: pd.DataFrame) -> dict[str, Any]:
    """Return one quantity's histograms of one experiment: counts over seeds, by layer and epoch."""
    epochs = sorted(int(epoch) for epoch in frame["epoch"].unique())
    found = []
    for (position, layer), part in frame.groupby(["position", "layer"]):
        counts = part.groupby("epoch")[list(HISTOGRAM_BINS)].sum().reindex(epochs, fill_value=0)
        limits = [_number(part["low"].iloc[0]), _number(part["high"].iloc[0])]
        rows = counts.to_numpy().tolist()
        found.append({"position": int(position), "layer": str(layer), "limits": limits, "counts": rows})
    return {"epochs": epochs, "layers": found}


def explorer_page(data: Mapping[str, Any], labels: Mapping[str, str]) -> str:
    """Return the page; `labels` name experiments for people."""
    import vl_convert

    content = {"experiments": data, "labels": {name: labels.get(name, name) for name in data}}
    # A script ends at the first "</", wherever it stands.
    text = json.dumps(content, separators=(",", ":"), allow_nan=False).replace("</", "<\\/")
    page, script = (path.read_text(encoding="utf-8") for path in ASSETS)
    parts = {
        "@LIBRARY@": vl_convert.javascript_bundle().replace("</script", "<\\/script"),
        "@SCRIPT@": script,
        "@DATA@": text,
        "@TITLE@": escape("Anatomy of trained networks: explore"),
    }
    for mark, part in parts.items():
        before, after = page.split(mark) if page.count(mark) == 1 else (page, "")
        page = before + part + after
    return page
