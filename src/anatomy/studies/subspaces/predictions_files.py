"""Files with what networks of an experiment say of its test images; numpy only."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from anatomy.checkpoints.safetensors_files import ArraysInFileOrder, read_safetensors
from anatomy.runtime.errors import InputError
from anatomy.runtime.files import atomic, understood
from anatomy.studies.subspaces.evaluation import Predictions


def write_predictions(path: Path, seed: int, found: Predictions, labels: np.ndarray) -> None:
    """Write what the network of a seed says of images with `labels` (N,), as safetensors."""
    arrays = {
        "logits": found.logits,
        # For their cosines half of the digits are enough.
        "features": found.features.astype(np.float16),
        "labels": labels,
    }
    with atomic(path) as temporary:
        ArraysInFileOrder.of(arrays).write(temporary, {"seed": str(seed)})


def read_predictions(paths: Sequence[Path]) -> tuple[dict[int, Predictions], np.ndarray]:
    """Return predictions by seed, and the labels (N,) that all have; `InputError` if they differ."""
    found: dict[int, Predictions] = {}
    first = None
    for path in paths:
        arrays, metadata = read_safetensors(path)
        with understood(path, "predictions of evaluate_points.py"):
            labels, seed = arrays["labels"], int(metadata["seed"])
            own = Predictions(arrays["logits"], arrays["features"])
            if labels.ndim != 1 or {len(own.logits), len(own.features)} != {len(labels)}:
                raise ValueError(
                    f"{len(labels)} labels, {len(own.logits)} logits, {len(own.features)} features"
                )
        if first is not None and not np.array_equal(labels, first):
            raise InputError(f"{path} is of other images than {paths[0]}; expected runs of one experiment")
        first = labels if first is None else first
        if seed in found:
            raise InputError(f"{path} is of seed {seed}, as another of --predictions; give each seed once")
        found[seed] = own
    return found, first
