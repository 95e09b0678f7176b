"""Cross entropy of the softmax of the logits."""

import torch
from torch.nn import functional


def loss(logits: torch.Tensor, target: torch.Tensor, reduction: str = "mean") -> torch.Tensor:
    """Return the cross entropy of logits (B, classes) and class indices (B,)."""
    return functional.cross_entropy(logits, target, reduction=reduction)
