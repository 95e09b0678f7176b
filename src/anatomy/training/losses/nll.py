"""Negative log-likelihood of a network whose outputs are log-probabilities, as those with a log-softmax."""

import torch
from torch.nn import functional

TAKES = ("smoothing",)


def loss(
    logits: torch.Tensor, target: torch.Tensor, reduction: str = "mean", smoothing: float = 0.0
) -> torch.Tensor:
    """Return minus the log-probability (B, classes) of class indices (B,).

    With smoothing s it is (1 - s) times that of the target plus s times its mean over all classes.
    """
    of_target = functional.nll_loss(logits, target, reduction=reduction)
    if not smoothing:
        return of_target
    of_all = -logits.mean(1)
    return (1 - smoothing) * of_target + smoothing * (of_all.sum() if reduction == "sum" else of_all.mean())
