"""Multi-class margin loss with margin 1."""

import torch
from torch.nn import functional

TAKES = ()


def loss(logits: torch.Tensor, target: torch.Tensor, reduction: str = "mean") -> torch.Tensor:
    """Return the sum over c != target of max(0, 1 - f_target + f_c), divided by the number of classes.

    Of outputs f (B, classes) and class indices (B,).
    """
    return functional.multi_margin_loss(logits, target, reduction=reduction)
