"""Order of epochs, pretrained weights included."""

import math
from collections.abc import Iterable

# What the authors call the epoch of a pretrained network; its random initialisation is epoch 0.
PRETRAINED = -1


def order_of_epoch(epoch: int) -> float:
    """Return a number that sorts epochs: pretrained weights follow all others."""
    return math.inf if epoch == PRETRAINED else epoch


def in_order(epochs: Iterable[int]) -> list[int]:
    """Return the distinct epochs from initialisation to the trained network."""
    return sorted(set(map(int, epochs)), key=order_of_epoch)
