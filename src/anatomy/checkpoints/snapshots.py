"""Snapshots: convolution weights and biases of one epoch, as safetensors, readable without torch."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from anatomy.checkpoints.safetensors_files import ArraysInFileOrder, Check, read_with_check
from anatomy.networks.layouts import LayerGeometry
from anatomy.runtime.errors import InputError
from anatomy.runtime.files import atomic, understood
from anatomy.runtime.regular import require_file

# One key, because safetensors does not keep the order of several.
METADATA_KEY = "anatomy"
# The key of earlier versions, whose snapshots are refused.
OLD_METADATA_KEY = "hyperplanes"
SNAPSHOT = "a snapshot of train_network.py"
# In files of a subspace, whose network is the mid-point, its corners have names corner=<index>.<parameter>.
CORNER = "corner="


@dataclass(frozen=True)
class Snapshot:
    """Weights of every convolution at one epoch, with where they come from.

    `arrays` maps `<layer name>.weight` (F, C, k, k) and `<layer name>.bias` (F,) to float32.
    `origin` names architecture, data set, experiment, seed and epoch. Of a file that is to be checked while
    it is read `check` is finished by who reads it.
    """

    arrays: Mapping[str, np.ndarray]
    layers: Sequence[LayerGeometry]
    origin: Mapping[str, Any]
    check: Check | None = None


def _metadata(snapshot: Snapshot) -> dict[str, str]:
    content = {"origin": dict(snapshot.origin), "layers": [asdict(x) for x in snapshot.layers]}
    return {METADATA_KEY: json.dumps(content, sort_keys=True)}


def save_snapshot(path: Path, snapshot: Snapshot, durable: bool = True) -> None:
    """Write a snapshot, see `files.atomic`; the same snapshot always gives the same bytes.

    Those of a run that is under way are not `durable` yet; its run.json will record them.
    """
    with atomic(path, durable, None if durable else False) as temporary:
        ArraysInFileOrder.of(snapshot.arrays).write(temporary, _metadata(snapshot))


def snapshot_checksums(snapshot: Snapshot) -> tuple[str, str]:
    """Return SHA-256 and XXH3-128 of the file of a snapshot, without reading it."""
    return ArraysInFileOrder.of(snapshot.arrays).checksums(_metadata(snapshot))


def is_snapshot(path: Path, metadata: Mapping[str, Any]) -> bool:
    """Tell whether a file with this metadata is a snapshot; `InputError` if it is of an earlier version."""
    if OLD_METADATA_KEY in metadata and METADATA_KEY not in metadata:
        raise InputError(
            f"{path} has `{OLD_METADATA_KEY}` metadata, of an earlier version of this project; "
            "train the network again"
        )
    return METADATA_KEY in metadata


def load_snapshot(path: Path, checked: bool = True) -> Snapshot:
    """Read a snapshot, whose arrays are views of the file; `InputError` if it is missing or is not one.

    Of a subspace it is the mid-point, without corners. If it is not `checked` against the run.json of its
    run, that is left to who uses it (see `safetensors_files.Check`).
    """
    if not Path(path).exists():
        raise InputError(f"snapshot {path} does not exist; train the network first")
    require_file(Path(path))
    arrays, metadata, check = read_with_check(Path(path))
    if checked and check is not None:
        check.finish()
        check = None
    layers, origin = read_content(path, metadata)
    of_network = {name: array for name, array in arrays.items() if not name.startswith(CORNER)}
    with understood(path, SNAPSHOT):
        for layer in layers:
            weight = of_network[f"{layer.name}.weight"]
            if weight.ndim < 2 or not weight.size or weight.dtype.kind != "f":
                raise ValueError(f"{layer.name}.weight is {weight.dtype} of shape {weight.shape}")
    return Snapshot(of_network, layers, origin, check)


def read_content(path: Path, metadata: Mapping[str, str]) -> tuple[list[LayerGeometry], dict[str, Any]]:
    """Return layers and origin in the metadata of a snapshot; `InputError` if these are none."""
    if not is_snapshot(path, metadata):
        raise InputError(f"{path} has no `{METADATA_KEY}` metadata; expected {SNAPSHOT}")
    with understood(path, SNAPSHOT):
        content = json.loads(metadata[METADATA_KEY])
        layers, origin = [_layer(own) for own in content["layers"]], content["origin"]
        if type(origin["epoch"]) is not int:
            raise ValueError(f"its epoch is {origin['epoch']!r}")
    return layers, origin


def _layer(own: Mapping[str, Any]) -> LayerGeometry:
    """Return a layer of a snapshot's metadata; `TypeError` or `ValueError` if it is none."""
    layer = LayerGeometry(**{**own, "input_shape": tuple(own["input_shape"])})
    numbers = (layer.layer, layer.stage, layer.block, *layer.input_shape)
    if not isinstance(layer.name, str) or not all(type(number) is int and number >= 0 for number in numbers):
        raise ValueError(f"{own} is no layer")
    return layer
