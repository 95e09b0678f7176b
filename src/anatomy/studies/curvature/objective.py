"""The training loss of a network as a function of its parameters.

    L(theta) = 1/N sum_n loss(f(x_n; theta), y_n)

over a whole data set in a fixed order, in evaluation mode. It comes in batches, each weighted by its size, so
that their number changes nothing but memory. theta in R^P are the parameters, flattened in the order of the
model.

Of a loss that is piecewise linear in the logits and that torch does not differentiate twice (hinge), the
second derivative in the logits is 0 wherever there is one. So its slopes are taken for constants, and what is
computed is

    H = 1/N sum_n sum_c  dloss/df_c  d2f_c/dtheta2,

the Hessian at every theta where no input lies on a kink of the loss.
"""

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.func import functional_call

from anatomy.networks.cpu_layers import plain
from anatomy.runtime.errors import InputError
from anatomy.studies.curvature.certain import accurate

Batch = tuple[torch.Tensor, torch.Tensor]
Loss = Callable[..., torch.Tensor]


@dataclass(frozen=True)
class Block:
    """A layer of a network: the name of its module, and where its parameters stand in theta."""

    layer: str
    start: int
    stop: int

    @property
    def entries(self) -> slice:
        """The entries of theta."""
        return slice(self.start, self.stop)


class Objective:
    """The loss of a copy of a network on batches of inputs (B, ...) and class indices (B,).

    `loss` is one of `training.losses`, `layers` the modules whose parameters theta has; None are all.
    `InputError` if a layer does not exist, there are no parameters, a batch has not one label for each input,
    a label is not one of the classes, the network changes its inputs in place, or the loss is not finite.
    """

    def __init__(
        self,
        network: nn.Module,
        batches: Sequence[Batch],
        loss: Loss,
        layers: Sequence[str] | None = None,
        dtype: torch.dtype = torch.float64,
    ):
        # As torch.func can look into it, and with weights of its own.
        self.network = copy.deepcopy(plain(network)).to(dtype).eval()
        self.loss, self.dtype = accurate(loss), dtype
        self.batches = [(inputs.detach().to(dtype), targets) for inputs, targets in batches]
        self.count = sum(len(targets) for _, targets in self.batches)
        if not self.count:
            raise InputError("there are no data to compute the loss on; expected at least one input")
        parameters = dict(self.network.named_parameters())
        if layers is not None:
            known = dict.fromkeys(map(_layer_of, parameters))
            if unknown := [layer for layer in layers if layer not in known]:
                raise InputError(
                    f"layer {unknown[0]!r} has no parameters; expected some of {', '.join(known)}"
                )
            for name, parameter in parameters.items():
                parameter.requires_grad_(_layer_of(name) in layers)
        else:
            for parameter in parameters.values():
                parameter.requires_grad_(True)
        self.parameters = {name: own for name, own in parameters.items() if own.requires_grad}
        self.size = sum(own.numel() for own in self.parameters.values())
        if not self.size:
            raise InputError("the network has no parameters to differentiate the loss in; expected some")
        self.twice = True
        self._check()

    def _check(self) -> None:
        """Raise `InputError` for labels that do not fit the logits, and for a loss that is not finite."""
        with torch.no_grad():
            total = 0.0
            for inputs, targets in self.batches:
                given = inputs.clone()
                logits = self.network(given)
                # What counts changes in place: all that follows passes the same inputs again and again.
                if given._version:
                    raise InputError(
                        "the network changes its inputs in place; let it begin with a copy, x = x.clone()"
                    )
                _check_labels(logits, targets)
                loss = self.loss(logits, targets, reduction="sum")
                if loss.numel() != 1:
                    raise InputError(
                        f'the loss has shape {tuple(loss.shape)} with reduction="sum"; expected one number'
                    )
                total += loss.item()
                self.twice = self.twice and _differentiates_twice(self.loss, logits, targets)
        if not math.isfinite(total):
            raise InputError(
                f"the loss of the network is {total}; its weights or inputs are not finite, and it has no "
                "curvature"
            )
        self.value = total / self.count

    @property
    def blocks(self) -> list[Block]:
        """The layers whose parameters theta has, in its order."""
        blocks: list[Block] = []
        start = 0
        for name, parameter in self.parameters.items():
            layer, stop = _layer_of(name), start + parameter.numel()
            if blocks and blocks[-1].layer == layer:
                blocks[-1] = Block(layer, blocks[-1].start, stop)
            else:
                blocks.append(Block(layer, start, stop))
            start = stop
        return blocks

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return next(iter(self.parameters.values())).device

    @property
    def theta(self) -> torch.Tensor:
        """The parameters (P,)."""
        return torch.cat([own.detach().reshape(-1) for own in self.parameters.values()])

    def split(self, vector: torch.Tensor) -> list[torch.Tensor]:
        """Return a vector (P,) in the shapes of the parameters."""
        own = self.parameters.values()
        parts = vector.split([parameter.numel() for parameter in own])
        return [part.view_as(parameter) for part, parameter in zip(parts, own, strict=True)]

    def logits(self, inputs: torch.Tensor, theta: torch.Tensor | None = None) -> torch.Tensor:
        """Return the logits (B, classes) of inputs (B, ...), by default with the network's own parameters."""
        if theta is None:
            return self.network(inputs)
        replaced = dict(zip(self.parameters, self.split(theta), strict=True))
        return functional_call(self.network, replaced, (inputs,))

    def total(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return what has the derivatives of the summed loss of logits (B, classes), up to the second."""
        if self.twice:
            return self.loss(logits, targets, reduction="sum")
        free = logits.detach().requires_grad_()
        slopes = torch.autograd.grad(self.loss(free, targets, reduction="sum"), free)[0]
        return (slopes * logits).sum()

    def gradient_graph(self, batch: Batch) -> list[torch.Tensor]:
        """Return the gradient of a batch's part of L, which can be differentiated again.

        `InputError` names a parameter that does not reach the loss.
        """
        inputs, targets = batch
        total = self.total(self.network(inputs), targets) / self.count
        own = list(self.parameters.values())
        gradients = torch.autograd.grad(total, own, create_graph=True, allow_unused=True)
        for name, gradient in zip(self.parameters, gradients, strict=True):
            if gradient is None:
                raise InputError(
                    f"parameter {name} does not reach the loss, so that its curvature is not defined; leave "
                    "its layer out (`layers`), or remove it from the network"
                )
        return list(gradients)

    def with_theta(self, theta: torch.Tensor) -> "Objective":
        """Return the same objective at other parameters (P,)."""
        other = copy.deepcopy(self.network)
        names = dict(other.named_parameters())
        with torch.no_grad():
            for name, part in zip(self.parameters, self.split(theta), strict=True):
                names[name].copy_(part)
        layers = [block.layer for block in self.blocks]
        return Objective(other, self.batches, self.loss, layers, self.dtype)

    def inputs(self) -> Iterator[torch.Tensor]:
        """Yield the inputs of every batch."""
        for inputs, _ in self.batches:
            yield inputs


def _check_labels(logits: torch.Tensor, targets: torch.Tensor) -> None:
    """Raise `InputError` unless there are logits (B, classes), and for each row one of their classes."""
    if logits.ndim != 2:
        raise InputError(
            f"the network returns an output of shape {tuple(logits.shape)} for a batch; expected logits "
            "(inputs, classes)"
        )
    count, classes = logits.shape
    if targets.shape != (count,) or targets.is_floating_point():
        raise InputError(
            f"labels are {targets.dtype} of shape {tuple(targets.shape)}; expected {count} class indices, "
            "one for each input"
        )
    if len(outside := targets[(targets < 0) | (targets >= classes)]):
        raise InputError(
            f"label {int(outside[0])} is not one of the network's {classes} classes; "
            f"expected 0 to {classes - 1}"
        )


def _differentiates_twice(loss: Loss, logits: torch.Tensor, targets: torch.Tensor) -> bool:
    """Tell whether torch has the second derivative of a loss in the logits."""
    with torch.enable_grad():
        logits = logits.detach().requires_grad_()
        (slopes,) = torch.autograd.grad(loss(logits, targets, reduction="sum"), logits, create_graph=True)
        try:
            if slopes.requires_grad:
                torch.autograd.grad(slopes.sum(), logits, materialize_grads=True)
        except RuntimeError as error:
            if "not implemented" not in str(error):
                raise
            return False
    return True


def _layer_of(parameter: str) -> str:
    return parameter.rpartition(".")[0]
