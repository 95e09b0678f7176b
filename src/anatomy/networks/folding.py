"""Exact folding of a classifier that sees copies of one value.

A VGG at 32 px ends in C x 1 x 1 features, which adaptive pooling to 7 x 7 copies 49 times. The first
linear layer W then acts as W_f = sum_p W_p, the sum of its 49 column blocks; all 49 gradients are
equal, and momentum and weight decay are linear. So SGD on W_f with its gradient multiplied by 49
follows the full layer exactly, and differences between blocks only decay:

    W_p(t) = a(t) (W_p(0) - W_f(0) / 49) + W_f(t) / 49,    a(0) = 1, v(0) = 0,
    v <- momentum v + weight_decay a,    a <- a - learning_rate v    at every step.
"""

from collections.abc import Iterable

import torch
from torch import nn

from anatomy.networks.forward import evaluating, is_sequential

# The linear layer that sees copies, in every network that has one.
FOLDED_LAYER = "classifier.0"


def foldable(network: nn.Module, image_shape: tuple[int, int, int]) -> bool:
    """Tell whether the first linear layer of `network` sees copies for images of (C, H, W).

    That is where pooling makes a larger map of a 1 x 1 map, unless dropout (AlexNet's) tells the copies
    apart.
    """
    if not is_sequential(network) or not isinstance(network.classifier[0], nn.Linear):
        return False
    if not isinstance(network.avgpool, nn.AdaptiveAvgPool2d):
        return False
    with evaluating(network):
        features = network.features(next(network.parameters()).new_zeros(1, *image_shape))
    return features.shape[2:] == (1, 1) and copies(network) > 1


def copies(network: nn.Module) -> int:
    """Number of copies that adaptive pooling makes of a single value."""
    size = network.avgpool.output_size
    height, width = size if isinstance(size, tuple) else (size, size)
    return height * width


def sum_of_copies(weight: torch.Tensor, count: int) -> torch.Tensor:
    """Sum (out, C * count) over the copies of each feature, in float64: (out, C)."""
    sums = weight.new_empty(len(weight), weight.shape[1] // count)
    # Few rows at a time, because torch makes a float64 copy of what it sums.
    for rows, into in zip(weight.split(16), sums.split(16), strict=True):
        into.copy_(rows.unflatten(1, (-1, count)).sum(2, dtype=torch.float64))
    return sums


def fold(network: nn.Module) -> int:
    """Replace pooling and first linear layer by the folded layer, in place; return the copies.

    The gradient of the folded weight is multiplied by the number of copies.
    """
    count = copies(network)
    full: nn.Linear = network.classifier[0]
    folded = type(full)(full.in_features // count, full.out_features, device="meta")
    folded.weight = nn.Parameter(sum_of_copies(full.weight.detach(), count))
    folded.bias = full.bias
    folded.weight.register_hook(lambda gradient: gradient * count)
    network.classifier[0] = folded
    network.avgpool = nn.Identity()
    return count


def copy_decay(learning_rates: Iterable[float], momentum: float, weight_decay: float) -> float:
    """Return a(t), given the learning rate of every step so far."""
    a, velocity = 1.0, 0.0
    for rate in learning_rates:
        velocity = momentum * velocity + weight_decay * a
        a -= rate * velocity
    return a


def unfold(folded: torch.Tensor, initial: torch.Tensor, decay: float) -> torch.Tensor:
    """Restore the full weight (out, C * copies) from W_f(t) (out, C), W(0) and a(t).

    W(0) is overwritten: it is the largest matrix of all.
    """
    count = initial.shape[1] // folded.shape[1]
    start = sum_of_copies(initial, count)
    blocks = initial.unflatten(1, (-1, count))
    blocks.sub_(start[..., None] / count).mul_(decay).add_(folded[..., None] / count)
    return initial
