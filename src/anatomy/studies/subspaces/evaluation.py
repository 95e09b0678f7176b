"""What is measured of the predictions of one network, and of several together; numpy only."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from anatomy.runtime.errors import InputError
from anatomy.studies.subspaces import calibration, diversity
from anatomy.studies.subspaces.calibration import ensemble, log_softmax

COMBINED = ("logits", "probabilities")
# Accuracy and calibration with intervals, and of an ensemble its diversity.
MEASURES = (
    *(f"{name}{end}" for name in calibration.MEASURES for end in ("", "_low", "_high")),
    *diversity.MEASURES,
)


@dataclass(frozen=True)
class Predictions:
    """What a network says of N images: logits (N, classes), and features (N, d), the classifier's inputs."""

    logits: np.ndarray
    features: np.ndarray


def single_row(found: Predictions, labels: np.ndarray, where: str = "a network") -> dict[str, Any]:
    """Return what is measured of one network, for labels (N,).

    `InputError` for outputs that are no numbers; it says `where` the network is.
    """
    if wrong := int((~np.isfinite(found.logits)).any(1).sum()):
        raise InputError(
            f"{where}: outputs for {wrong} of {len(labels)} images are no numbers; weights are NaN, or so "
            "large that outputs overflow: give other networks, or other points"
        )
    own = calibration.measures(log_softmax(found.logits), labels)
    return {**dict.fromkeys(MEASURES), "members": 1, "combined": None, "images": len(labels), **own}


def ensemble_row(found: Sequence[Predictions], labels: np.ndarray, combined: str) -> dict[str, Any]:
    """Return what is measured of several networks together, by one of the ways to combine them."""
    logits = [one.logits for one in found]
    return {
        **{"members": len(found), "combined": combined, "images": len(labels)},
        **calibration.measures(ensemble(logits, combined), labels),
        **diversity.diversity(logits, [one.features for one in found], labels),
    }
