"""Projection statistics of section 2.3, from weights alone and without torch.

A convolution's row W_m of filter i holds the C * k * k weights of the filter and zeros elsewhere, so
its cosine with the identity line 1 is (equation 1)

    c_i = sum(w_i) / (||w_i||_2 ||1||_2),    ||1||_2 = sqrt(C H W),

with C, H, W the shape of the layer's input. In a grouped convolution a filter has the weights of C /
groups channels: its row is zero in the others as well, and 1 spans all C of them. The authors' code
restricts 1 to the receptive field, ||1||_2 = sqrt(C k k), here with C / groups for C. The two differ by a
positive factor per layer: signs and n_l are the same.
"""

import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from anatomy.checkpoints.safetensors_files import Check
from anatomy.checkpoints.snapshots import Snapshot
from anatomy.networks.layouts import LayerGeometry
from anatomy.runtime.errors import InputError

# Weights that are summed in float32 before float64 goes on.
BLOCK = 576
# Numbers that stay in the cache of a core while they are summed twice: 1 MiB in float64, half in float32.
CHUNK = 2**17
# Between these |sum(w)| / (||w|| sqrt(n)) sums in float32 are right to 1e-7, and so is their sign.
CERTAIN = 1e-5, 0.5


@dataclass(frozen=True)
class LayerStatistics:
    """What the statistics of a layer's F filters are made of, in float64.

    `sums` and `norms` (F,) are those of each filter's weights, `sizes` (F,) their number.
    """

    geometry: LayerGeometry
    sums: np.ndarray
    norms: np.ndarray
    sizes: np.ndarray

    @property
    def is_zero(self) -> np.ndarray:
        """Filters (F,) without a direction: all of their weights are zero."""
        return self.norms == 0

    @property
    def is_not_finite(self) -> np.ndarray:
        """Filters (F,) with NaN or infinite weights."""
        return ~np.isfinite(self.norms)

    @property
    def projections(self) -> np.ndarray:
        """Cosines (F,) as in the authors' code; NaN for filters that are zero or not finite."""
        return self._means / np.sqrt(self.sizes)

    @property
    def cosines(self) -> np.ndarray:
        """Cosines (F,) of equation 1 as printed; NaN also if the shape of the layer's input is not known."""
        return self._means / np.sqrt(np.prod(self.geometry.input_shape or np.nan))

    @property
    def _means(self) -> np.ndarray:
        usable = ~(self.is_zero | self.is_not_finite)
        return np.divide(self.sums, self.norms, out=np.full(len(self.sums), np.nan), where=usable)

    @property
    def undefined(self) -> int:
        """Number of filters whose weights are all zero."""
        return int(self.is_zero.sum())

    @property
    def not_finite(self) -> int:
        """Number of filters with NaN or infinite weights."""
        return int(self.is_not_finite.sum())

    @property
    def n_l(self) -> float | None:
        """Fraction of cosines that are at most zero (equation 2); None if no filter has one."""
        return negative_fraction(self.projections)


def negative_fraction(cosines: np.ndarray) -> float | None:
    """Return n_l = P(c <= 0) of equation 2 over the filters that have a cosine."""
    defined = cosines[~np.isnan(cosines)]
    return float((defined <= 0).mean()) if defined.size else None


def sums_and_norms(filters: np.ndarray, check: Check | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return sum and Euclidean norm of every row of `filters` (F, n), in float64.

    A `check` of the file that they are views of goes on meanwhile.

    Large layers are summed in float32 within blocks, which takes half the time: their cosines differ by less
    than 1e-7. Rows whose sign, size or finiteness would not be certain are summed in float64 altogether.
    """
    if filters.dtype != np.float32 or filters.size <= CHUNK:
        return _exact(filters)
    count = max(1, -(-filters.shape[1] // BLOCK))
    size = filters.shape[1] // count
    blocks = filters[:, : count * size].reshape(len(filters), count, size)
    rest = filters[:, count * size :]
    block_sums, block_squares = np.empty((2, len(filters), count), np.float32)
    ones = np.ones(size, np.float32)
    step = max(1, CHUNK // filters.shape[1])
    with np.errstate(all="ignore"):
        # Dot products of this length are single-threaded in BLAS, whatever the number of cores.
        for start in range(0, len(filters), step):
            part, rows = blocks[start : start + step], slice(start, start + step)
            np.vecdot(part, ones, out=block_sums[rows])
            np.vecdot(part, part, out=block_squares[rows])
            if check is not None:
                check.up_to(filters[rows])
        sums, squares = block_sums.sum(1, dtype=np.float64), block_squares.sum(1, dtype=np.float64)
        if rest.size:
            sums += rest.sum(1, dtype=np.float64)
            squares += np.square(rest, dtype=np.float64).sum(1)
        norms = np.sqrt(squares)
        sizes = np.abs(sums) / (norms * np.sqrt(filters.shape[1]))
        certain = (sizes > CERTAIN[0]) & (sizes < CERTAIN[1]) & (squares > 1e-30) & (squares < 1e30)
    again = np.flatnonzero(~certain)
    if again.size:
        sums[again], norms[again] = _exact(filters, again)
    return sums, norms


def _exact(filters: np.ndarray, rows: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return sum and norm of `rows` of `filters` (F, n), by default of all, in float64 throughout."""
    rows = np.arange(len(filters)) if rows is None else rows
    sums, norms = np.empty(len(rows)), np.empty(len(rows))
    step = max(1, CHUNK // max(1, filters.shape[1]))
    for start in range(0, len(rows), step):
        part = filters[rows[start : start + step]].astype(np.float64)
        with np.errstate(all="ignore"):
            sums[start : start + step] = part.sum(1)
            norms[start : start + step] = np.sqrt(np.square(part, out=part).sum(1))
    return sums, norms


def layer_statistics(
    weight: np.ndarray, geometry: LayerGeometry, check: Check | None = None
) -> LayerStatistics:
    """Return the statistics of a layer with `weight` (F, ...): a convolution's (F, C / groups, k, k)."""
    filters = weight.reshape(len(weight), -1)
    sums, norms = sums_and_norms(filters, check)
    return LayerStatistics(geometry, sums, norms, np.full(len(filters), filters.shape[1]))


def snapshot_statistics(snapshot: Snapshot) -> list[LayerStatistics]:
    """Return the statistics of every layer of a snapshot, in order; `InputError` if there are none.

    Its check is finished: `InputError` also if its file is not what its run.json says.
    """
    if not snapshot.layers:
        raise InputError(
            f"{snapshot.origin['architecture']} has no convolutions, which the study of arrangements "
            "measures; remove `arrangements` from the experiment"
        )
    weights = ((snapshot.arrays[f"{layer.name}.weight"], layer) for layer in snapshot.layers)
    found = [layer_statistics(weight, layer, snapshot.check) for weight, layer in weights]
    if snapshot.check is not None:
        snapshot.check.finish()
    return found


def warn_of_filters_left_out(statistics: Iterable[LayerStatistics], source: str) -> None:
    """Name on stderr every layer that has filters with NaN or infinite weights, and these filters."""
    for layer in statistics:
        if layer.not_finite:
            indices = np.flatnonzero(layer.is_not_finite)
            listed = ", ".join(map(str, indices[:5])) + (", ..." if len(indices) > 5 else "")
            print(
                f"warning: {source}: layer {layer.geometry.layer} ({layer.geometry.name}) has NaN or "
                f"infinite weights in {len(indices)} of {len(layer.norms)} filters (index {listed}); they "
                "are left out of n_l; the training diverged or the file is damaged",
                file=sys.stderr,
            )


@dataclass(frozen=True)
class Distance:
    """Distance of a layer's weights W from W_0: ||W - W_0||_F / ||W_0||_F and max|W - W_0| / max|W_0|.

    None where W_0 is zero or a weight is not finite.
    """

    l2: float | None
    l_inf: float | None


def distance(weight: np.ndarray, initial: np.ndarray) -> Distance:
    """Return the distances of the weights of a layer from those of the same shape that it began with."""
    change, start = weight.astype(np.float64) - initial, initial.astype(np.float64)
    with np.errstate(all="ignore"):
        l2 = np.linalg.norm(change) / np.linalg.norm(start)
        l_inf = np.abs(change).max() / np.abs(start).max()
    return Distance(*(float(value) if np.isfinite(value) else None for value in (l2, l_inf)))


def _numbers(values: np.ndarray) -> list[float | None]:
    """Return float32 values as short decimals that read back exactly; None for NaN and infinity."""
    numbers = [float(text) for text in map(str, values.astype(np.float32))]
    return [number if math.isfinite(number) else None for number in numbers]


def _mean(values: np.ndarray) -> float | None:
    defined = values[np.isfinite(values)]
    return float(defined.mean()) if defined.size else None


def to_json(
    statistics: Sequence[LayerStatistics],
    origin: Mapping[str, Any],
    normalise: bool = True,
    distances: Sequence[Distance] | None = None,
) -> dict[str, Any]:
    """Return the content of a projections file.

    The authors' keys: stage -> block -> `projections`, `mass` (n_l), `mean`, and with `distances` `l2_dist`
    and `l_inf_dist`; the whole `net`; `arch`, `dataset`, `epoch`, `seed`. Without `normalise`
    projections are the sums of the weights. Beside them `layers`, a flat list with n_l and the cosines of
    equation 1 as printed; `undefined` filters are zero, those that are `not_finite` are NaN or infinite.
    """
    content: dict[str, Any] = {}
    layers, net = [], []
    for index, layer in enumerate(statistics):
        geometry = layer.geometry
        values = layer.projections if normalise else layer.sums
        net.append(_numbers(values))
        block = {"projections": net[-1], "mass": layer.n_l, "mean": _mean(values)}
        if distances is not None:
            block |= {"l2_dist": distances[index].l2, "l_inf_dist": distances[index].l_inf}
        content.setdefault(str(geometry.stage), {})[str(geometry.block)] = block
        layers.append(
            {
                "layer": geometry.layer,
                "name": geometry.name,
                "input_shape": geometry.input_shape and list(geometry.input_shape),
                "filters": len(layer.cosines),
                "undefined": layer.undefined,
                "not_finite": layer.not_finite,
                "n_l": layer.n_l,
                "mean_cosine": _mean(layer.cosines),
                "cosines": _numbers(layer.cosines),
            }
        )
    values = np.concatenate([layer.projections if normalise else layer.sums for layer in statistics])
    content["net"] = {
        "projections": [value for block in net for value in block],
        "mass": negative_fraction(np.concatenate([layer.projections for layer in statistics])),
        "mean": _mean(values),
    }
    facts = {
        "arch": origin["architecture"],
        "dataset": origin["dataset"],
        "epoch": None if origin["epoch"] is None else str(origin["epoch"]),
    }
    if origin.get("seed") is not None:
        facts["seed"] = str(origin["seed"])
    if "experiment" in origin:
        facts["experiment"] = origin["experiment"]
    return {**content, **facts, "layers": layers}
