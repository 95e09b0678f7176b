"""Any network of PyTorch: the accuracy on given images with each of its layers reset, one at a time."""

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import nn

from anatomy.checkpoints.snapshots import Snapshot
from anatomy.checkpoints.torch_files import read_checkpoint
from anatomy.runtime.errors import InputError
from anatomy.studies.arrangements.reinitialisation.measure import COLUMNS, reinitialisation_rows
from anatomy.studies.arrangements.reinitialisation.resetter import Resetter, count_correct
from anatomy.studies.arrangements.reinitialisation.weights import weights_of


def reinitialise(
    network: nn.Module,
    images: Any,
    labels: Any,
    to: Mapping[str, Any],
    *,
    with_linear: bool = False,
    batch_size: int = 128,
) -> pd.DataFrame:
    """Return the accuracy of a network with each convolution reset in turn, one row for each reset.

    `images` (N, C, H, W) are float and as the network takes them, `labels` (N,) the right classes. `to` maps
    a name, say an epoch, to what layers are reset to: an nn.Module of the same architecture, a state dict, a
    `Snapshot`, or the path of a checkpoint. With `with_linear` linear layers are reset too. It computes on
    the device and in the precision of the network, which is left as it was.

    Columns: `layer` (from 1), `name`, `reset_to`, `kind`; `images`, their number; `trained_accuracy`,
    `accuracy` after the reset, `drop` and `relative_drop`; `lost` and `gained` images; `drop_low` and
    `drop_high`, the paired 95 % interval of the drop over images. `InputError` for weights that do not fit.
    """
    images, labels = torch.as_tensor(images), torch.as_tensor(labels)
    if images.ndim != 4 or not images.is_floating_point() or len(images) != len(labels) or not len(labels):
        raise InputError(
            f"images of shape {tuple(images.shape)} ({images.dtype}) and {len(labels)} labels; expected "
            "float images (N, C, H, W) and a label for each"
        )
    if not to:
        raise InputError("nothing to reset to; give a network or a checkpoint by name, e.g. {'0': initial}")
    network, place = deepcopy(network), next(network.parameters())
    resets = {str(name): weights_of(_tensors(str(name), source)) for name, source in to.items()}
    resetter = Resetter(network, resets, tuple(images.shape[1:]), with_linear)
    size = min(batch_size, len(images))
    batches = (
        # Copies: a network may change its inputs.
        (part.to(place.device, place.dtype, copy=True), right.to(place.device))
        for part, right in zip(images.split(size), labels.split(size), strict=True)
    )
    with torch.inference_mode():
        correct, cells = count_correct(resetter, batches)
    rows = reinitialisation_rows(correct, cells, len(labels), {"experiment": "", "seed": None})
    return pd.DataFrame(rows, columns=COLUMNS).drop(columns=["experiment", "seed"])


def _tensors(name: str, source: Any) -> dict[str, torch.Tensor]:
    """Return what a layer is reset to as tensors by name."""
    if isinstance(source, nn.Module):
        return {key: value.detach() for key, value in source.state_dict().items()}
    if isinstance(source, str | Path | Snapshot):
        arrays = source.arrays if isinstance(source, Snapshot) else read_checkpoint(Path(source)).tensors
        return {key: torch.from_numpy(array) for key, array in arrays.items()}
    if isinstance(source, Mapping):
        return {key: torch.as_tensor(value) for key, value in source.items()}
    raise InputError(
        f"to: {name} is a {type(source).__name__}; expected an nn.Module, a state dict, a snapshot, or the "
        "path of a checkpoint"
    )
