"""Steps of SGD on small fully connected networks, without autograd's tape.

Tiny networks spend their time on the bookkeeping of autograd, not on numbers. Here a step calls, in the
same order, the kernels that autograd would call: the bits are those of the ordinary step, in less time. For a
layer y = x W^T + b with the gradient G of y those are G^T x for W, the sum of the rows of G for b, and G W
for x.
"""

from collections.abc import Callable, Sequence
from itertools import chain
from math import inf, prod

import torch
from torch import nn
from torch.nn import functional

from anatomy.data.batches import StreamedImages
from anatomy.networks import cpu_layers
from anatomy.networks.sequential import SequentialNetwork
from anatomy.training.optimisers import MemoryOrderSGD
from anatomy.training.task import Task

_aten = torch.ops.aten
_linear = functional.linear
# Activations: how outputs are computed, and the gradient of the inputs from that of the outputs and these.
_ACTIVATIONS: dict[type[nn.Module], tuple[Callable, Callable]] = {
    nn.ReLU: (torch.relu, lambda gradient, outputs: _aten.threshold_backward.default(gradient, outputs, 0)),
    nn.Sigmoid: (torch.sigmoid, _aten.sigmoid_backward.default),
}
# The mean over a batch, in numbers of torch's kernels; no class is left out.
_MEAN, _NO_INDEX = 1, -100
# All inputs of a run are kept as float32, at most so many numbers (64 MiB).
MOST_NUMBERS = 2**24


def mlp_steps(network: nn.Module, optimiser: torch.optim.Optimizer, task: Task) -> "MlpSteps | None":
    """Return the steps of a run that are taken here: those of small networks on inputs that stay the same.

    None where a step is to be the ordinary one.
    """
    settings = task.settings
    plain = settings.loss.kind == "cross_entropy" and not settings.loss.smoothing
    # Points, of one dimension, are never augmented.
    points = len(task.images.shape) == 1
    still = points or not (settings.pixel_shuffle or any(settings.augmentation.complete().values()))
    if not (plain and still and isinstance(optimiser, MemoryOrderSGD) and settings.precision != "bf16"):
        return None
    layers = layers_of(network)
    numbers = len(task.train_labels) * prod(task.images.shape)
    if layers is None or numbers > MOST_NUMBERS or isinstance(task.images, StreamedImages):
        return None
    inputs = torch.cat([task.normalise(images) for images in task.images.plain(len(task.train_labels))])
    return MlpSteps(layers, optimiser, torch.flatten(inputs, 1), task.train_labels)


def layers_of(network: nn.Module) -> list[nn.Module] | None:
    """Return the layers of a network that is a sequence of linear layers and activations alone, else None.

    A linear layer has a bias, all its weights are trained, and torch itself multiplies them.
    """
    if any(module._forward_hooks or module._forward_pre_hooks for module in network.modules()):
        return None
    layers: list[nn.Module] = []
    flat = False
    for module in _in_order(network) or [network]:
        if type(module) is nn.Flatten and (module.start_dim, module.end_dim) == (1, -1):
            flat = True
        elif type(module) is not nn.Identity:
            layers.append(module)
    pairs = all(_is_plain(layer) == (position % 2 == 0) for position, layer in enumerate(layers))
    activations = all(type(layer) in _ACTIVATIONS for layer in layers[1::2])
    return layers if flat and pairs and activations and len(layers) % 2 else None


def _in_order(module: nn.Module) -> list[nn.Module] | None:
    """Return the layers of a sequence in the order in which they are applied; None if it is no sequence."""
    if type(module).forward is SequentialNetwork.forward:
        parts = [module.features, module.avgpool, nn.Flatten(1), module.classifier]
    elif type(module).forward is nn.Sequential.forward:
        parts = list(module)
    else:
        return None
    return [layer for part in parts for layer in _in_order(part) or [part]]


def _is_plain(layer: nn.Module) -> bool:
    """Tell whether a layer is linear, with trained weights and bias that torch itself multiplies."""
    if type(layer) not in (nn.Linear, cpu_layers.Linear) or layer.bias is None:
        return False
    key = torch.backends.cpu.get_cpu_capability(), torch.float32
    least = cpu_layers.LEAST_LINEAR_WEIGHTS.get(key, inf) if type(layer) is cpu_layers.Linear else inf
    parameters = list(layer.parameters())
    plain = all(p.requires_grad and p.dtype == torch.float32 and not p._backward_hooks for p in parameters)
    return plain and layer.weight.numel() < least


class MlpSteps:
    """The steps of an epoch on inputs that are all at hand, for the mean cross entropy and SGD on a CPU."""

    def __init__(
        self,
        layers: Sequence[nn.Module],
        optimiser: MemoryOrderSGD,
        inputs: torch.Tensor,
        labels: torch.Tensor,
    ):
        """Take the `layers_of` a network, its optimiser, and inputs (N, features) with their labels (N,)."""
        self.weights = [(layer.weight, layer.bias) for layer in layers[::2]]
        self.activations = [_ACTIVATIONS[type(layer)] for layer in layers[1::2]]
        self.optimiser, self.inputs, self.labels = optimiser, inputs, labels
        places = {parameter: place for place, parameter in enumerate(chain(*self.weights))}
        self.groups = [(group, [places[p] for p in group["params"]]) for group in optimiser.param_groups]
        self.one = torch.ones(())

    @torch.no_grad()
    def epoch(self, order: torch.Tensor, size: int, count: Callable[..., None] | None) -> None:
        """Take a step on every `size` of the inputs in `order` (N,).

        `count` is called with the mean loss, outputs (B, classes) and targets (B,) of each.
        """
        for index in order.split(size):
            # Each batch in memory of its own: where it begins there decides the last bits of a product.
            target = self.labels.index_select(0, index)
            loss, outputs = self._step(self.inputs.index_select(0, index), target)
            if count is not None:
                count(loss, outputs, target)

    def _step(self, x: torch.Tensor, target: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Take one step; return the mean loss and the outputs before it."""
        met = [x]
        for (weight, bias), (activate, _) in zip(self.weights, self.activations, strict=False):
            met.append(activate(_linear(met[-1], weight, bias)))
        outputs = _linear(met[-1], *self.weights[-1])
        logs = torch.log_softmax(outputs, 1)
        loss, total = _aten.nll_loss_forward.default(logs, target, None, _MEAN, _NO_INDEX)
        gradient = _aten.nll_loss_backward.default(self.one, logs, target, None, _MEAN, _NO_INDEX, total)
        gradient = torch._log_softmax_backward_data(gradient, logs, 1, torch.float32)
        gradients: list[torch.Tensor] = []
        for number in range(len(self.weights) - 1, -1, -1):
            gradients[:0] = gradient.t().mm(met[number]), gradient.sum(0)
            if number:
                gradient = gradient.mm(self.weights[number][0])
                gradient = self.activations[number - 1][1](gradient, met[number])
        for group, places in self.groups:
            self.optimiser.update(group, group["params"], [gradients[place] for place in places])
        return loss, outputs
