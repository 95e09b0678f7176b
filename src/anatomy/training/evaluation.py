"""Accuracy and loss of a network on images or points."""

from collections.abc import Callable, Sequence

import torch
from torch import nn

from anatomy.data.batches import Images, evaluation_batch
from anatomy.data.normalisation import Normalisation
from anatomy.runtime.signals import checked


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """Return the context of a forward pass: nothing for float32, bfloat16 operations for bf16."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")


@torch.inference_mode()
def evaluate(
    network: nn.Module,
    images: Images,
    labels: torch.Tensor,
    normalise: Normalisation,
    precision: str,
    loss: Callable[..., torch.Tensor],
    top: Sequence[int] = (1,),
) -> tuple[float, ...]:
    """Return the mean of a loss on N images and their labels (N,), and an accuracy for each of `top`.

    `loss` is one of `losses`. The accuracy of k is the fraction of images whose label is among the k largest
    logits.
    """
    network.eval()
    total = torch.zeros((), device=labels.device)
    correct = torch.zeros(len(top), device=labels.device)
    size = evaluation_batch(images.shape)
    for batch, target in zip(checked(images.plain(size)), labels.split(size), strict=True):
        with autocast(labels.device, precision):
            logits = network(normalise(batch))
        total += loss(logits.float(), target, reduction="sum")
        for index, count in enumerate(top):
            correct[index] += _among_largest(logits, target, count).sum()
    return total.item() / len(labels), *(count / len(labels) for count in correct.tolist())


def _among_largest(logits: torch.Tensor, target: torch.Tensor, count: int) -> torch.Tensor:
    """Tell for each row of logits (B, classes) whether its target (B,) is among the `count` largest."""
    if count == 1:
        return logits.argmax(1) == target
    largest = logits.topk(min(count, logits.shape[1])).indices
    return (largest == target[:, None]).any(1)
