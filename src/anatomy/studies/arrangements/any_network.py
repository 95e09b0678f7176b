"""Any network, trained here or not: its projections, their summary, and distances between two."""

from collections.abc import Iterable, Mapping
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from anatomy.checkpoints.snapshots import Snapshot
from anatomy.checkpoints.torch_files import unwrapped
from anatomy.networks.layouts import TRANSPOSED
from anatomy.reporting import statistics
from anatomy.runtime.errors import InputError
from anatomy.studies.arrangements.layers import Layer, checkpoint_layers, module_layers, tensor_layers
from anatomy.studies.arrangements.projections import distance, warn_of_filters_left_out

# In messages.
STATE_DICT = "this state dict"
DEFINED, ZERO, NOT_FINITE = "defined", "zero", "not finite"


def projections(
    source: Any,
    *,
    architecture: str | None = None,
    image_shape: tuple[int, ...] | None = None,
    width: float = 1.0,
    with_linear: bool = False,
) -> pd.DataFrame:
    """Return the cosine of every filter of a network with the identity line, one row for each.

    `source` is an nn.Module, a state dict (tensors or arrays by name, also under `state_dict` and the
    like), a `Snapshot`, or the path of a checkpoint: safetensors, a state dict of torch.save (read with
    tensors only), a snapshot of this pipeline. `architecture` names the network of all but a module, which
    is then compared with it. `image_shape` (C, H, W) of the images that it was trained on gives the shapes of
    the layers' inputs, which `cosine` needs; but for a module it needs `architecture`, as `width` does.
    `InputError` for images that are too small.

    Columns: `layer` (from 1), `name`, `kind`, `filter` (from 0), `phase`; `cosine`, equation 1 as printed,
    and `projection`, with 1 restricted to what a filter sees (the authors' code): both have the same sign;
    `status`: `defined`, `zero` (all weights are zero) or `not finite`, for which both are NaN.

    What a row is: of a convolution, all outputs of a filter that lie inside the input, whatever
    padding, stride and dilation; a 1x1 convolution has one weight for each channel. In a grouped one a
    filter sees the channels of its group. A transposed convolution with stride 1 is a convolution; with
    a larger stride its outputs take turns in seeing different weights, each turn a `phase` with a row
    of its own. Of a linear layer (`with_linear`), a unit.
    """
    layers = _layers_of(source, architecture, image_shape, width, with_linear)
    frames, measured = [], []
    for layer in layers:
        values = layer.statistics()
        measured.append(values)
        count, phases = len(values.sums), layer.phases
        status = np.select([values.is_zero, values.is_not_finite], [ZERO, NOT_FINITE], DEFINED)
        columns = {
            "layer": layer.geometry.layer,
            "name": layer.geometry.name,
            "kind": layer.layer_type,
            "filter": np.arange(count) // phases,
            "phase": np.arange(count) % phases,
            "cosine": values.cosines,
            "projection": values.projections,
            "status": status,
        }
        frames.append(pd.DataFrame(columns))
    warn_of_filters_left_out(measured, str(source) if isinstance(source, str | Path) else "this network")
    return pd.concat(frames, ignore_index=True)


def summarise(source: Any, **options: Any) -> pd.DataFrame:
    """Return n_l of every layer, one row for each, of a table of `projections` or of what that takes.

    `filters` (rows), of which `undefined` are zero and `not_finite` have NaN or infinite weights; of the
    others `negative` have a cosine of at most zero; `n_l` is their fraction, equation 2, with the exact 95 %
    interval `low` to `high`; `p_value` of the two-sided exact test against one half, `p_corrected` after
    Holm's correction over the layers; mean `cosine` and `projection`.
    """
    table = source if isinstance(source, pd.DataFrame) else projections(source, **options)
    groups = table.groupby(["layer", "name", "kind"], sort=False)
    summary = groups.agg(
        filters=("status", "size"),
        undefined=("status", lambda status: (status == ZERO).sum()),
        not_finite=("status", lambda status: (status == NOT_FINITE).sum()),
        negative=("projection", lambda values: (values <= 0).sum()),
    ).reset_index()
    negative = summary["negative"].to_numpy()
    defined = (summary["filters"] - summary["undefined"] - summary["not_finite"]).to_numpy()
    summary["n_l"] = np.divide(negative, defined, out=np.full(len(summary), np.nan), where=defined > 0)
    summary = summary.assign(**statistics.against_half(negative, defined))
    summary["p_corrected"] = statistics.holm(summary["p_value"].to_numpy())
    means = groups[["cosine", "projection"]].mean().reset_index(drop=True)
    return pd.concat([summary, means], axis=1)


def distances(
    source: Any,
    initial: Any,
    *,
    architecture: str | None = None,
    width: float = 1.0,
    with_linear: bool = False,
) -> pd.DataFrame:
    """Return how far the weights of every layer are from those of `initial`, one row for each.

    `l2` is ||W - W_0||_F / ||W_0||_F, `l_inf` is max|W - W_0| / max|W_0|; biases are not compared. Both
    networks are given as to `projections`. `InputError` names the first layer of another shape.
    """
    later, first = (_layers_of(x, architecture, None, width, with_linear) for x in (source, initial))
    before = {layer.geometry.name: _whole(layer) for layer in first}
    rows = []
    for layer in later:
        name, weight = layer.geometry.name, _whole(layer)
        if name not in before or before[name].shape != weight.shape:
            has = f"has shape {before[name].shape}" if name in before else "is missing"
            raise InputError(
                f"layer {layer.geometry.layer}, {name}, {has} in the initial network, expected "
                f"{weight.shape}; give the initialisation of the same network"
            )
        moved = distance(weight, before[name])
        rows.append({"layer": layer.geometry.layer, "name": name, "l2": moved.l2, "l_inf": moved.l_inf})
    return pd.DataFrame(rows, columns=["layer", "name", "l2", "l_inf"]).astype({"l2": float, "l_inf": float})


def _whole(layer: Layer) -> np.ndarray:
    return np.concatenate(layer.weight, 1) if layer.layer_type == TRANSPOSED else layer.weight


def _layers_of(
    source: Any,
    architecture: str | None,
    image_shape: tuple[int, ...] | None,
    width: float,
    with_linear: bool,
) -> list[Layer]:
    is_module = hasattr(source, "named_modules")
    if image_shape is not None:
        numbers = tuple(image_shape) if isinstance(image_shape, Iterable) else (image_shape,)
        right = all(isinstance(number, Integral) and number > 0 for number in numbers)
        if not right or (len(numbers) != 3 and not is_module):
            raise InputError(
                f"image_shape: {image_shape}; expected channels, height and width, whole numbers of at least "
                "1, e.g. (3, 224, 224)"
            )
    if is_module:
        return module_layers(source, image_shape, with_linear)
    options = (architecture, image_shape, width, None, with_linear)
    if isinstance(source, str | Path):
        return checkpoint_layers(Path(source), *options)
    if isinstance(source, Snapshot):
        return tensor_layers("this snapshot", source.arrays, source.layers, *options)
    if isinstance(source, Mapping):
        return tensor_layers(STATE_DICT, unwrapped(STATE_DICT, _as_arrays(source)).tensors, None, *options)
    raise InputError(
        f"a {type(source).__name__} cannot be measured; expected an nn.Module, a state dict, a snapshot, or "
        "the path of a checkpoint"
    )


def _as_arrays(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return a state dict, or what holds one, with arrays in the place of tensors; numpy has no bfloat16."""
    found = {}
    for name, value in content.items():
        if isinstance(value, Mapping):
            found[name] = _as_arrays(value)
        elif hasattr(value, "detach"):
            tensor = value.detach().cpu()
            found[name] = (tensor.float() if tensor.is_floating_point() else tensor).numpy()
        else:
            found[name] = value
    return found
