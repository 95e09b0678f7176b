"""Lines and simplexes the plain way of the published code: layers that interpolate their own weights.

Every convolution and every batch normalisation has a weight for each corner, and combines them in its forward
pass for autograd; the squared cosine of two corners is summed up layer by layer, for autograd as well.
"""

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

BINS = 20


class PlainLayer(nn.Module):
    """A convolution or batch normalisation with weights of several corners; `point` has its coefficients."""

    def __init__(self, layer: nn.Module, corners: Sequence[nn.Module]):
        super().__init__()
        self.layer, self.point = layer, [1.0] + [0.0] * (len(corners) - 1)
        self.names = [name for name, _ in layer.named_parameters()]
        for index, corner in enumerate(corners):
            for name, parameter in corner.named_parameters():
                self.register_parameter(f"{name}{index}", nn.Parameter(parameter.detach().clone()))

    def weight(self, name: str) -> torch.Tensor:
        """Return a weight at the point."""
        return sum(c * getattr(self, f"{name}{index}") for index, c in enumerate(self.point))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the outputs of the layer with the weights at the point."""
        layer = self.layer
        if isinstance(layer, nn.Conv2d):
            return functional.conv2d(inputs, self.weight("weight"), None, layer.stride, layer.padding)
        return functional.batch_norm(
            inputs,
            *(layer.running_mean, layer.running_var, self.weight("weight"), self.weight("bias")),
            *(self.training, 1 / self.count if self.count else layer.momentum, layer.eps),
        )

    # Batches since a recalibration began, None in training.
    count: int | None = None


class PlainSubspace(nn.Module):
    """A network whose convolutions and normalisations are `PlainLayer`."""

    def __init__(self, network: nn.Module, corners: Sequence[nn.Module]):
        """Take the architecture of a network and the weights of its corners."""
        super().__init__()
        self.network, self.layers = network, []
        named = [dict(corner.named_modules()) for corner in corners]
        for name, layer in list(network.named_modules()):
            if isinstance(layer, nn.Conv2d | nn.BatchNorm2d):
                own = PlainLayer(layer, [modules[name] for modules in named])
                for parameter in list(layer._parameters):
                    setattr(layer, parameter, None)
                parent, _, last = name.rpartition(".")
                setattr(network.get_submodule(parent), last, own)
                self.layers.append(own)

    def move(self, point: Sequence[float]) -> None:
        """Let all layers be at a point."""
        for layer in self.layers:
            layer.point = list(point)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the logits at the point."""
        return self.network(inputs)

    def cosine(self, i: int, j: int) -> torch.Tensor:
        """Return the squared cosine of two corners over all convolutions."""
        product = one = other = 0.0
        for layer in self.layers:
            if isinstance(layer.layer, nn.Conv2d):
                w, v = getattr(layer, f"weight{i}"), getattr(layer, f"weight{j}")
                product = product + (w * v).sum()
                one, other = one + (w * w).sum(), other + (v * v).sum()
        return product.pow(2) / (one * other)

    def recalibrate(self, batches: Sequence[torch.Tensor]) -> None:
        """Take running statistics of one pass, with gradients as published."""
        self.train()
        for layer in self.layers:
            if isinstance(layer.layer, nn.BatchNorm2d):
                layer.layer.running_mean.zero_()
                layer.layer.running_var.fill_(1)
        for count, batch in enumerate(batches, 1):
            for layer in self.layers:
                layer.count = count
            self(batch)
        for layer in self.layers:
            layer.count = None
        self.eval()


def calibration_error(probabilities: torch.Tensor, labels: torch.Tensor) -> float:
    """Return the expected calibration error, image by image."""
    gaps = [0.0] * BINS
    for row, label in zip(probabilities, labels.tolist(), strict=True):
        confidence, predicted = row.max(0)
        index = min(int(BINS * confidence.item()), BINS - 1)
        gaps[index] += float(predicted.item() == label) - confidence.item()
    return sum(map(abs, gaps)) / len(labels)


def sweep(
    line: PlainSubspace,
    training: Sequence[torch.Tensor],
    test: Sequence[torch.Tensor],
    labels: torch.Tensor,
    count: int,
) -> list[list[float]]:
    """Evaluate alpha and 1 - alpha, alone and together, at every alpha: each pair twice, as published."""
    rows = []
    for step in range(count):
        alpha = step / (count - 1)
        logits = []
        for own in (alpha, 1 - alpha):
            line.move([1 - own, own])
            line.recalibrate(training)
            with torch.no_grad():
                logits.append(torch.cat([line(batch) for batch in test]))
        both = (logits[0] + logits[1]) / 2
        found = [one.softmax(1) for one in (*logits, both)]
        accuracies = [(one.argmax(1) == labels).float().mean().item() for one in found]
        losses = [functional.cross_entropy(one, labels).item() for one in (*logits, both)]
        distance = (found[0] - found[1]).abs().sum(1).mean().item() / 2
        errors = [calibration_error(one, labels) for one in found]
        rows.append([alpha, *accuracies, *losses, distance, *errors])
    return rows
