"""Tables of one experiment over seeds, from what was measured of its runs."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from anatomy.reporting.grids import read_distinct
from anatomy.reporting.tables import LAYERS
from anatomy.runtime.checksums import require_recorded
from anatomy.runtime.errors import InputError
from anatomy.runtime.files import read_json, understood

FACTS_FILE, ARRAYS_FILE = "curvature.json", "arrays.npz"
MEASURED = "a measurement of measure_curvature.py"
AXES = ("x", "y")


@dataclass(frozen=True, eq=False)
class Run:
    """What was measured of one run: numbers, and arrays by name."""

    facts: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray]

    @property
    def names(self) -> dict[str, Any]:
        """The columns that every row of its begins with."""
        return {"experiment": self.facts["experiment"], "seed": self.facts["seed"]}


def read_runs(folders: Iterable[Path]) -> list[Run]:
    """Read what was measured of runs of one experiment, from the directory of each."""
    return list(read_distinct(folders, _read_run, lambda run: run.names))


def _read_run(folder: Path) -> Run:
    for name in (FACTS_FILE, ARRAYS_FILE):
        if not (folder / name).is_file():
            raise InputError(f"{folder} has no {name}; expected a folder of measure_curvature.py")
    require_recorded(folder / ARRAYS_FILE)
    with understood(folder / ARRAYS_FILE, MEASURED), np.load(folder / ARRAYS_FILE) as arrays:
        own = dict(arrays)
    with understood(folder / FACTS_FILE, MEASURED):
        facts = read_json(folder / FACTS_FILE)
        run = Run(facts, own)
        if not run.names or not isinstance(facts["epochs"], list):
            raise TypeError("epochs are no list")
    return run


def _rows(
    runs: Iterable[Run], rows: Callable[[Run], Iterable[dict[str, Any]]], columns: Iterable[str]
) -> pd.DataFrame:
    """Return the rows of all runs; a run that has none has one that is empty, so that it says whose it is."""
    found = [{**run.names, **row} for run in runs for row in [*rows(run)] or [{}]]
    return pd.DataFrame(found, columns=["experiment", "seed", *columns])


def eigenvalue_table(runs: Iterable[Run]) -> pd.DataFrame:
    """Return the top eigenvalues: residual, whether converged, and maximum and mean of |A_i| over inputs."""
    keys = {"eigenvalues": "value", "residuals": "residual", "converged": "converged"}
    keys |= {"largest": "largest", "mean": "mean"}

    def rows(run: Run) -> Iterator[dict[str, Any]]:
        for own in run.facts["epochs"]:
            every = zip(*(own[key] for key in keys), strict=True)
            for index, values in enumerate(every, 1):
                yield {"epoch": own["epoch"], "index": index, **dict(zip(keys.values(), values, strict=True))}

    return _rows(runs, rows, ("epoch", "index", *keys.values()))


def spectrum_table(runs: Iterable[Run]) -> pd.DataFrame:
    """Return the spectrum at the end: eigenvalues, or nodes of its density, and the fraction of P of each."""
    frames = [
        pd.DataFrame(
            {**run.names, "value": run.arrays["spectrum_values"], "weight": run.arrays["spectrum_weights"]}
        )
        for run in runs
    ]
    return pd.concat(frames, ignore_index=True)


def generalisation_table(runs: Iterable[Run]) -> pd.DataFrame:
    """Return G at every threshold: over all eigenvectors, those that are curved, and with the mean over x."""

    def rows(run: Run) -> Iterator[dict[str, Any]]:
        for own in run.facts["epochs"]:
            for name, value in own["thresholds"].items():
                measured = own["generalisation"].get(name, {})
                found = {key: measured.get(key) for key in ("everywhere", "curved", "mean")}
                yield {"epoch": own["epoch"], "threshold": name, "eps": value, **found}

    return _rows(runs, rows, ("epoch", "threshold", "eps", "everywhere", "curved", "mean"))


def measure_table(runs: Iterable[Run]) -> pd.DataFrame:
    """Return loss, accuracies, trace and numbers of outliers, with an interval where it is an estimate."""

    def rows(run: Run) -> Iterator[dict[str, Any]]:
        facts = run.facts
        for own in facts["epochs"]:
            numbers = {key: own[key] for key in ("loss", "train_accuracy")}
            if own["epoch"] == facts["epochs"][-1]["epoch"]:
                numbers["test_accuracy"], numbers["test_inputs"] = (
                    facts["test_accuracy"],
                    facts["test_inputs"],
                )
            numbers["parameters"], numbers["classes"] = facts["parameters"], facts["classes"]
            numbers |= {f"outliers_{fraction}": count for fraction, count in own["outliers"].items()}
            for quantity, value in numbers.items():
                yield {"epoch": own["epoch"], "quantity": quantity, "value": value}
            yield {"epoch": own["epoch"], "quantity": "trace", **own["trace"]}

    return _rows(runs, rows, ("epoch", "quantity", "value", "low", "high"))


def layers_table(runs: Iterable[Run]) -> pd.DataFrame:
    """Return trace, top eigenvalue and shares of top eigenvectors of every layer, in the shared columns."""

    def rows(run: Run) -> Iterator[dict[str, Any]]:
        for own in run.facts["epochs"]:
            for position, (layer, found) in enumerate(own["layers"].items(), 1):
                numbers = {"hessian_trace": found["trace"]["value"]}
                numbers["hessian_trace_low"] = found["trace"]["low"]
                numbers["hessian_trace_high"] = found["trace"]["high"]
                numbers["hessian_top_eigenvalue"] = found["top"]
                numbers |= {
                    f"hessian_share_{index}": share for index, share in enumerate(found["shares"][:5], 1)
                }
                for quantity, value in numbers.items():
                    where = {"epoch": own["epoch"], "position": position, "layer": layer}
                    yield {**where, "quantity": quantity, "value": value}

    return _rows(runs, rows, LAYERS[2:])


def _wide(run: Run, columns: Mapping[str, np.ndarray]) -> pd.DataFrame:
    return pd.DataFrame({**run.names, **columns})


def _columns(prefix: str, values: np.ndarray, start: int = 1) -> dict[str, np.ndarray]:
    return {f"{prefix}_{index}": column for index, column in enumerate(values.T, start)}


def _places(values: np.ndarray) -> dict[str, np.ndarray]:
    return dict(zip(AXES, values.T, strict=False))


def alignment_table(runs: Iterable[Run]) -> pd.DataFrame:
    """Return label, prediction, place (or t-SNE) and alignments A_1, ... of every training input."""
    frames = [
        _wide(
            run,
            {
                "label": run.arrays["inputs_label"],
                "predicted": run.arrays["inputs_predicted"],
                **_places(run.arrays["inputs_place"]),
                **_columns("A", np.round(run.arrays["inputs_along"], 6)),
            },
        )
        for run in runs
    ]
    return pd.concat(frames, ignore_index=True)


def map_table(runs: Iterable[Run]) -> pd.DataFrame:
    """Return classes, boundary, logits and alignments on the grid; without rows if there is none."""
    frames = [
        _wide(
            run,
            {
                **_places(run.arrays["map_points"]),
                "predicted": run.arrays["map_classes"],
                "boundary": run.arrays["map_boundary"],
                "reconstruction": np.round(run.arrays["map_reconstruction"], 4),
                **_columns("logit", np.round(run.arrays["map_logits"], 4), 0),
                **_columns("A", np.round(run.arrays["map_along"], 4)),
                "A_random": np.round(run.arrays["map_random"][:, 0], 5),
                **_columns("g", np.round(run.arrays.get("map_gradients", np.empty((0, 0))), 4)),
            },
        )
        for run in runs
        if "map_points" in run.arrays
    ]
    columns = ["experiment", "seed", *AXES, "predicted", "boundary"]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=columns)


def section_table(runs: Iterable[Run]) -> pd.DataFrame:
    """Return the jump of every direction's alignment across every section of the boundary."""
    columns = ("classes", "edges", "direction", "jump")
    return _rows(runs, lambda run: run.facts.get("sections", ()), columns)


def margin_table(runs: Iterable[Run]) -> pd.DataFrame:
    """Return the margins of the boundary, and the points between which they are measured."""
    numbers = ("estimate", "margin", "nearest", "off", "cosine", "on_boundary")
    points = ("descended", "representative", "largest", "smallest")

    def rows(run: Run) -> Iterator[dict[str, Any]]:
        if (found := run.facts.get("margin")) is not None:
            places = {
                f"{point}_{axis}": value
                for point in points
                for axis, value in zip(AXES, found[point], strict=True)
            }
            yield {**{number: found[number] for number in numbers}, **places}

    return _rows(runs, rows, (*numbers, *(f"{point}_{axis}" for point in points for axis in AXES)))


def reparametrisation_table(runs: Iterable[Run]) -> pd.DataFrame:
    """Return eigenvalues before and after, and the correlation of alignments."""
    columns = ("index", "before", "after", "correlation")
    return _rows(runs, lambda run: run.facts["reparametrisation"], columns)


def vector_table(runs: Iterable[Run]) -> pd.DataFrame:
    """Return the entries of the top eigenvectors of small networks; without rows of others."""

    def rows(run: Run) -> Iterator[dict[str, Any]]:
        if "vectors" in run.arrays:
            layers = [
                layer
                for layer, own in run.facts["epochs"][-1]["layers"].items()
                for _ in range(own["parameters"])
            ]
            for number, (layer, entries) in enumerate(zip(layers, run.arrays["vectors"], strict=True), 1):
                yield {"parameter": number, "layer": layer, "v_1": entries[0], "v_2": entries[1]}

    return _rows(runs, rows, ("parameter", "layer", "v_1", "v_2"))


def plane_table(runs: Iterable[Run]) -> pd.DataFrame:
    """Return the loss on the plane of the top two eigenvectors; without rows if it is not asked for."""
    frames = []
    for run in runs:
        if "plane" in run.arrays:
            loss = run.arrays["plane"]
            steps = np.linspace(-1, 1, len(loss))
            a, b = (grid.reshape(-1) for grid in np.meshgrid(steps, steps, indexing="ij"))
            frames.append(_wide(run, {"a": a, "b": b, "loss": loss.reshape(-1)}))
    columns = ["experiment", "seed", "a", "b", "loss"]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=columns)


def agreement_table(runs: Iterable[Run]) -> pd.DataFrame:
    """Return |correlation| over the grid of the same alignment of two seeds, and of random directions."""
    mapped = [run for run in runs if "map_along" in run.arrays]

    def rows(one: Run) -> Iterator[dict[str, Any]]:
        for other in mapped[mapped.index(one) + 1 :] if one in mapped else ():
            alike = zip(one.arrays["map_along"].T, other.arrays["map_along"].T, strict=True)
            directions = dict(enumerate(alike, 1))
            directions["random"] = one.arrays["map_random"][:, 0], other.arrays["map_random"][:, 0]
            for direction, values in directions.items():
                both = {"other_seed": other.facts["seed"], "direction": str(direction)}
                yield {**both, "correlation": abs(np.corrcoef(*values)[0, 1])}

    return _rows(runs, rows, ("other_seed", "direction", "correlation"))


# What is written of every experiment, by the name of the file.
TABLES: Mapping[str, Callable[[list[Run]], pd.DataFrame]] = {
    "eigenvalues": eigenvalue_table,
    "spectrum": spectrum_table,
    "generalisation": generalisation_table,
    "measures": measure_table,
    "layers": layers_table,
    "alignments": alignment_table,
    "maps": map_table,
    "sections": section_table,
    "margins": margin_table,
    "reparametrisation": reparametrisation_table,
    "vectors": vector_table,
    "plane": plane_table,
    "agreement": agreement_table,
}
