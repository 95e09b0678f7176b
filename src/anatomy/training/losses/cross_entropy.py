"""Cross entropy of the softmax of the logits."""

import torch
from torch.nn import functional

TAKES = ("smoothing",)


def loss(
    logits: torch.Tensor, target: torch.Tensor, reduction: str = "mean", smoothing: float = 0.0
) -> torch.Tensor:
    """Return the cross entropy of logits (B, classes) and class indices (B,).

    With smoothing s it is (1 - s) times that of the target plus s times its mean over all classes.
    """
    return functional.cross_entropy(logits, target, reduction=reduction, label_smoothing=smoothing)
