"""Gradients of single inputs with respect to all parameters, vectorised over inputs.

    g(x, y) = d loss(f(x; theta), y) / d theta = sum_c  dloss/df_c  df_c/dtheta

The loss is differentiated in the logits only, so that any loss of the engine serves. The reinforcing gradient
takes for y the class that the network predicts, y = argmax_c f_c(x).
"""

from collections.abc import Iterator

import torch
from torch.func import functional_call, grad, vmap

from anatomy.runtime.errors import InputError
from anatomy.studies.curvature.objective import Objective

# Bytes of gradients that are held at a time.
CHUNK = 2**24
TARGETS = ("predicted", "true", "random", "class")


def chunk_of(size: int) -> int:
    """Return how many gradients of `size` entries are computed at a time."""
    return max(1, CHUNK // (8 * size))


def pullback(objective: Objective, inputs: torch.Tensor, cotangents: torch.Tensor) -> torch.Tensor:
    """Return sum_c w_c df_c(x)/dtheta (N, P) of inputs (N, ...) and weights w of the logits (N, classes)."""
    own = {name: parameter.detach() for name, parameter in objective.parameters.items()}

    def weighted(parameters, one, weights):
        return (functional_call(objective.network, parameters, (one[None],))[0] * weights).sum()

    found = vmap(grad(weighted), in_dims=(None, 0, 0))(own, inputs, cotangents)
    return torch.cat([found[name].flatten(1) for name in own], 1)


def logits_of(objective: Objective, inputs: torch.Tensor) -> torch.Tensor:
    """Return the logits (N, classes) of inputs, in chunks."""
    with torch.no_grad():
        return torch.cat([objective.network(part) for part in inputs.to(objective.dtype).split(4096)])


def loss_slopes(objective: Objective, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return dloss/df (N, classes) of every row of logits and its target."""
    logits = logits.detach().requires_grad_()
    return torch.autograd.grad(objective.loss(logits, targets, reduction="sum"), logits)[0]


def loss_curvatures(objective: Objective, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return d2loss/df2 (N, classes, classes) of every row of logits and its target."""
    logits = logits.detach().requires_grad_()
    zeros = torch.zeros(*logits.shape, logits.shape[1], dtype=logits.dtype, device=logits.device)
    if not objective.twice:
        return zeros
    total = objective.loss(logits, targets, reduction="sum")
    slopes = torch.autograd.grad(total, logits, create_graph=True)[0]
    if not slopes.requires_grad:
        return zeros
    columns = [
        torch.autograd.grad(slopes[:, c].sum(), logits, retain_graph=True, materialize_grads=True)[0]
        for c in range(logits.shape[1])
    ]
    return torch.stack(columns, 1)


def sample_gradients(
    objective: Objective, inputs: torch.Tensor, targets: torch.Tensor
) -> Iterator[torch.Tensor]:
    """Yield g(x, y) of inputs (N, ...) and class indices (N,), chunks (B, P) in their order."""
    inputs = inputs.to(objective.dtype)
    slopes = loss_slopes(objective, logits_of(objective, inputs), targets)
    size = chunk_of(objective.size)
    for part, weights in zip(inputs.split(size), slopes.split(size), strict=True):
        yield pullback(objective, part, weights)


def logit_gradients(objective: Objective, inputs: torch.Tensor, label: int) -> Iterator[torch.Tensor]:
    """Yield df_c(x)/dtheta of the logit of class c = `label` for inputs (N, ...), chunks (B, P)."""
    inputs = inputs.to(objective.dtype)
    classes = logits_of(objective, inputs[:1]).shape[1]
    for part in inputs.split(chunk_of(objective.size)):
        weights = torch.zeros(len(part), classes, dtype=objective.dtype, device=part.device)
        weights[:, label] = 1
        yield pullback(objective, part, weights)


def targets_of(
    kind: str,
    logits: torch.Tensor,
    labels: torch.Tensor | None = None,
    label: int = 0,
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """Return the classes (N,) whose loss is differentiated, of logits (N, classes).

    `predicted`: the largest logit, the reinforcing gradient; `true`: `labels`; `random`: drawn from
    `generator`; `class`: `label` for all.
    """
    if kind == "predicted":
        return logits.argmax(1)
    if kind == "true":
        if labels is None:
            raise InputError("gradients of the true label need labels; expected one for each input")
        return labels
    if kind == "random":
        drawn = torch.randint(logits.shape[1], (len(logits),), generator=generator)
        return drawn.to(logits.device)
    if kind == "class":
        if not 0 <= label < logits.shape[1]:
            raise InputError(
                f"gradients of class {label} are asked for, which the network has not; expected 0 to "
                f"{logits.shape[1] - 1}"
            )
        return torch.full((len(logits),), label, device=logits.device)
    raise InputError(f"{kind!r} is no kind of gradient; allowed: {', '.join(TARGETS)}")
