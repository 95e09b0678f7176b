"""Statistics of batch normalisation: taken anew over given batches, and frozen.

Over batches k = 1, 2, ... of n_k images the running statistics become the weighted mean

    r_k = r_(k-1) + (n_k / (n_1 + ... + n_k)) (b_k - r_(k-1))

of those of the batches, b_k: on batches of one size the cumulative average of torch's `momentum=None`.
"""

from collections.abc import Iterable

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from anatomy.networks.forward import evaluating
from anatomy.runtime.errors import InputError


def normalisations(network: nn.Module) -> dict[str, _BatchNorm]:
    """Return by name the batch-normalisation layers that keep statistics."""
    return {
        name: module
        for name, module in network.named_modules()
        if isinstance(module, _BatchNorm) and module.running_mean is not None
    }


def recalibrate(network: nn.Module, batches: Iterable[torch.Tensor]) -> None:
    """Replace the running statistics by those of one pass over batches (N, C, H, W) of inputs, in place.

    No gradients are recorded; weights, momentum and modes stay. Everything but these layers is evaluated:
    dropout is off, as it is when the statistics are used. A network without such layers is left alone, and
    no batch is asked for. `InputError` if there are no batches.
    """
    layers = list(normalisations(network).values())
    if not layers:
        return
    momenta = [layer.momentum for layer in layers]
    seen = 0
    try:
        with evaluating(network):
            for layer in layers:
                layer.train()
            for batch in batches:
                if not seen:
                    for layer in layers:
                        layer.reset_running_stats()
                seen += len(batch)
                for layer in layers:
                    layer.momentum = len(batch) / seen
                network(batch)
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
    if not seen:
        raise InputError("no batches to take the statistics of batch normalisation from; give at least one")


def freeze(network: nn.Module) -> None:
    """Let all batch-normalisation layers use their running statistics and no longer change them, in place.

    Their weights still train. `network.train()` ends this: call it first.
    """
    for layer in normalisations(network).values():
        layer.eval()
