"""Accuracy and calibration of predictions, each with an interval over the images; numpy only.

Of N images with probabilities p (classes,), label y, confidence c = max p and correct k = [argmax p = y]:

    loss           mean of -log p_y
    brier          mean of sum_j (p_j - [j = y])^2
    ece            sum over bins b of |sum_{i in b} (k_i - c_i)| / N, bin min(floor(20 c), 19)
    adaptive_ece   the same over 20 bins of as many images each, in the order of their confidence

The interval is that of a bootstrap over images, moved so that the mean of its draws is the value measured:
resampling alone makes an ECE larger.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

BINS = 20
DRAWS = 1000
LEVEL = 0.95
MEASURES = ("accuracy", "loss", "brier", "ece", "adaptive_ece")
# Rows of counts that are held at a time.
CHUNK = 100


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Return log-probabilities (..., classes) of logits, in float64."""
    shifted = np.asarray(logits, np.float64)
    shifted = shifted - shifted.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


def ensemble(logits: Sequence[np.ndarray], combined: str) -> np.ndarray:
    """Return the log-probabilities (N, classes) of several networks together, of logits (N, classes) each.

    `combined` is `logits`, the softmax of their mean, or `probabilities`, the mean of their softmax.
    """
    if combined == "logits":
        return log_softmax(np.mean(logits, 0, dtype=np.float64))
    each = np.stack([log_softmax(one) for one in logits])
    return np.logaddexp.reduce(each, 0) - np.log(len(each))


def equal_bins(confidence: np.ndarray) -> np.ndarray:
    """Return the bin (N,) of each confidence: 20 of equal width, the last of which includes 1."""
    return np.minimum(np.floor(BINS * confidence).astype(int), BINS - 1)


def filled_bins(confidence: np.ndarray) -> np.ndarray:
    """Return the bin (N,) of each confidence: 20 of as many images each, give or take one."""
    bins = np.empty(len(confidence), int)
    for index, part in enumerate(np.array_split(np.argsort(confidence, kind="stable"), BINS)):
        bins[part] = index
    return bins


def measures(log_probabilities: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Return accuracy and calibration of log-probabilities (N, classes) for labels (N,).

    Beside each of `MEASURES` stand `<measure>_low` and `<measure>_high`, its 95 % interval over images.
    """
    count = len(labels)
    parts, ends = _contributions(log_probabilities, labels)
    values = _values(np.ones((1, count)), parts, ends)[0]
    chunks = np.array_split(_resampled(count), -(-DRAWS // CHUNK))
    draws = np.concatenate([_values(counts.astype(np.float64), parts, ends) for counts in chunks])
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(draws, [tail, 1 - tail], axis=0) - draws.mean(0) + values
    found = {}
    for index, name in enumerate(MEASURES):
        found[name] = float(values[index])
        found[f"{name}_low"] = max(float(low[index]), 0.0)
        found[f"{name}_high"] = float(high[index])
    found["accuracy_high"] = min(found["accuracy_high"], 1.0)
    return found


def _contributions(log_probabilities: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, int]:
    """Return what each image adds to means and gaps of bins (N, 3 + 40), and the number of means."""
    count, rows = len(labels), np.arange(len(labels))
    probabilities = np.exp(log_probabilities)
    correct = log_probabilities.argmax(1) == labels
    confidence = probabilities.max(1)
    brier = (probabilities**2).sum(1) - 2 * probabilities[rows, labels] + 1
    parts = np.zeros((count, 3 + 2 * BINS))
    parts[:, :3] = np.stack([correct, -log_probabilities[rows, labels], brier], 1)
    for begin, bins in ((3, equal_bins(confidence)), (3 + BINS, filled_bins(confidence))):
        parts[rows, begin + bins] = correct - confidence
    return parts, 3


def _values(counts: np.ndarray, parts: np.ndarray, means: int) -> np.ndarray:
    """Return `MEASURES` (draws, 5) of images that occur `counts` times (draws, N)."""
    sums = counts @ parts / parts.shape[0]
    gaps = np.abs(sums[:, means:]).reshape(len(counts), 2, BINS).sum(2)
    return np.concatenate([sums[:, :means], gaps], 1)


@lru_cache(maxsize=1)
def _resampled(count: int) -> np.ndarray:
    """Return how often each image occurs (draws, N) in each draw with replacement, the same at every call."""
    random = np.random.default_rng(0)
    # No image occurs 256 times.
    counts = np.empty((DRAWS, count), np.uint8)
    for row in counts:
        row[:] = np.bincount(random.integers(0, count, count, np.int32), minlength=count)
    return counts
