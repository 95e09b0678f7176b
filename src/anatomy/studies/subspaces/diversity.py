"""How differently networks predict: means over pairs of them, over N images each; numpy only."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from anatomy.studies.subspaces.calibration import log_softmax

MEASURES = (
    *("total_variation", "disagreement", "disagreement_one_right"),
    *("feature_cosine", "feature_cosine_squared", "member_accuracy"),
)


def diversity(
    logits: Sequence[np.ndarray], features: Sequence[np.ndarray], labels: np.ndarray
) -> dict[str, float]:
    """Return how members differ, of logits (N, classes) and features (N, d) of each, for labels (N,).

    Mean over pairs of members of: `total_variation` sum_j |p_j - q_j| / 2; `disagreement`, the fraction of
    images with different predictions, and `disagreement_one_right`, that of those of which one prediction
    is right; the cosine of the features and its square. `member_accuracy` is the mean over members.
    """
    probabilities = [np.exp(log_softmax(one)) for one in logits]
    predicted = [one.argmax(1) for one in logits]
    directions = [_normed(one) for one in features]
    rows = []
    for i, j in combinations(range(len(logits)), 2):
        differ = predicted[i] != predicted[j]
        right = (predicted[i] == labels) | (predicted[j] == labels)
        cosines = (directions[i] * directions[j]).sum(1)
        distance = np.abs(probabilities[i] - probabilities[j]).sum(1) / 2
        rows.append(
            [distance.mean(), differ.mean(), (differ & right).mean(), cosines.mean(), (cosines**2).mean()]
        )
    accuracy = np.mean([(one == labels).mean() for one in predicted])
    return dict(zip(MEASURES, [*map(float, np.mean(rows, 0)), float(accuracy)], strict=True))


def _normed(features: np.ndarray) -> np.ndarray:
    """Return features (N, d) in float64, of length 1 each; those that are zero stay."""
    features = np.asarray(features, np.float64)
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    return features / np.where(lengths == 0, 1, lengths)
