"""Projection statistics of section 2.3, from weights alone and without torch.

A convolution's row W_m of filter i holds the C * k * k weights of the filter and zeros elsewhere, so
its cosine with the identity line 1 is (equation 1)

    c_i = sum(w_i) / (||w_i||_2 ||1||_2),    ||1||_2 = sqrt(C H W),

with C, H, W the shape of the layer's input. In a grouped convolution a filter has the weights of C /
groups channels: its row is zero in the others as well, and 1 spans all C of them. The authors' code
restricts 1 to the receptive field, ||1||_2 = sqrt(C k k), here with C / groups for C. The two differ by a
positive factor per layer: signs and n_l are the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hyperplanes.errors import InputError
from hyperplanes.snapshots import LayerGeometry, Snapshot


@dataclass(frozen=True)
class LayerStatistics:
    """Cosines of one layer's filters; NaN where a filter has no direction (all weights zero).

    `cosines` (F,) follow equation 1 as printed, `projections` (F,) the authors' code.
    """

    geometry: LayerGeometry
    cosines: np.ndarray
    projections: np.ndarray

    @property
    def undefined(self) -> int:
        """Number of filters without a cosine."""
        return int(np.isnan(self.cosines).sum())

    @property
    def n_l(self) -> float | None:
        """Share of cosines that are at most zero (equation 2); None if no filter has one."""
        return negative_share(self.cosines)


def negative_share(cosines: np.ndarray) -> float | None:
    """Return n_l = P(c <= 0) of equation 2 over the filters that have a cosine."""
    defined = cosines[~np.isnan(cosines)]
    return float((defined <= 0).mean()) if defined.size else None


def layer_statistics(weight: np.ndarray, geometry: LayerGeometry) -> LayerStatistics:
    """Return the cosines of a convolution with `weight` (F, C / groups, k, k); `InputError` if not finite."""
    filters = weight.reshape(len(weight), -1)
    # Sums of thousands of float32 weights are taken in float64.
    sums = filters.sum(1, dtype=np.float64)
    norms = np.sqrt(np.einsum("fi,fi->f", filters, filters, dtype=np.float64))
    if not np.isfinite(norms).all():
        worst = int(np.flatnonzero(~np.isfinite(norms))[0])
        raise InputError(
            f"layer {geometry.layer} ({geometry.name}) has NaN or infinite weights in filter {worst}; "
            "the training diverged or the file is damaged"
        )
    with np.errstate(invalid="ignore"):
        means = np.where(norms > 0, sums / norms, np.nan)
    return LayerStatistics(
        geometry=geometry,
        cosines=means / np.sqrt(np.prod(geometry.input_shape)),
        projections=means / np.sqrt(filters.shape[1]),
    )


def snapshot_statistics(snapshot: Snapshot) -> list[LayerStatistics]:
    """Return the statistics of every layer of a snapshot, in order."""
    return [layer_statistics(snapshot.arrays[f"{g.name}.weight"], g) for g in snapshot.layers]


def _numbers(values: np.ndarray) -> list[float | None]:
    """Return float32 values as short decimals that read back exactly; None for NaN."""
    return [None if np.isnan(v) else float(str(v)) for v in values.astype(np.float32)]


def _mean(values: np.ndarray) -> float | None:
    return None if np.isnan(values).all() else float(np.nanmean(values))


def to_json(statistics: Sequence[LayerStatistics], origin: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of a projections file.

    The authors' keys: stage -> block -> `projections`, `mass` (n_l) and `mean`, the whole `net`, and
    `arch`, `dataset`, `epoch`, `seed`. Beside them `layers`, a flat list with n_l and the cosines of
    equation 1 as printed.
    """
    content: dict[str, Any] = {}
    layers = []
    for layer in statistics:
        geometry = layer.geometry
        content.setdefault(str(geometry.stage), {})[str(geometry.block)] = {
            "projections": _numbers(layer.projections),
            "mass": layer.n_l,
            "mean": _mean(layer.projections),
        }
        layers.append(
            {
                "layer": geometry.layer,
                "name": geometry.name,
                "input_shape": list(geometry.input_shape),
                "filters": len(layer.cosines),
                "undefined": layer.undefined,
                "n_l": layer.n_l,
                "mean_cosine": _mean(layer.cosines),
                "cosines": _numbers(layer.cosines),
            }
        )
    projections = np.concatenate([layer.projections for layer in statistics])
    content["net"] = {
        "projections": _numbers(projections),
        "mass": negative_share(projections),
        "mean": _mean(projections),
    }
    return {
        **content,
        "arch": origin["architecture"],
        "dataset": origin["dataset"],
        "epoch": str(origin["epoch"]),
        "seed": str(origin["seed"]),
        "experiment": origin["experiment"],
        "layers": layers,
    }
