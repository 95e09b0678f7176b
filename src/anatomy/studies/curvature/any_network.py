"""Any network, trained here or not: the curvature of its loss in one call."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

from anatomy.runtime.errors import InputError
from anatomy.studies.curvature.alignment import alignments
from anatomy.studies.curvature.eigenpairs import Pairs, top_pairs
from anatomy.studies.curvature.gradients import logits_of, targets_of
from anatomy.studies.curvature.hessian import Hessian
from anatomy.studies.curvature.layer_curvature import layer_shares, top_of_layers
from anatomy.studies.curvature.objective import Objective
from anatomy.studies.curvature.outliers import outliers
from anatomy.studies.curvature.trace import Traces, traces
from anatomy.training.losses import loss_of


@dataclass(frozen=True)
class Curvature:
    """The curvature of a loss: top eigenpairs, traces, a table of layers, and alignments (N, k).

    `pairs` has `values` (k,), `vectors` (P, k), `residuals` and `converged`; `trace` has `whole` and
    `layers`, each with an interval. `layers` has for each layer its parameters, trace, top eigenvalue and
    shares of the eigenvectors. `alignments` are those of the reinforcing gradients of the inputs, `outliers`
    counts those of the k eigenvalues that are larger than a tenth of the largest.
    """

    pairs: Pairs
    trace: Traces
    layers: pd.DataFrame
    alignments: np.ndarray
    outliers: int


def curvature(
    model: nn.Module,
    inputs: Any,
    labels: Any,
    loss: str | Callable = "cross_entropy",
    k: int = 10,
    layers: Sequence[str] | None = None,
    products: int = 60,
    batch: int = 1024,
    seed: int = 0,
) -> Curvature:
    """Return the curvature of the mean loss of a network on all inputs (N, ...) and class indices (N,).

    `model` is copied, and evaluated in float64 where its parameters are; inputs and labels are tensors or
    arrays. `loss` names one of the engine's (cross_entropy, nll, squared_error, hinge), or is a function of
    logits, labels and `reduction="sum"`; of one that is piecewise linear, as hinge, the Hessian is that away
    from its kinks. `layers` are names of modules: the parameters of these alone count. `products` are those
    for the traces. `InputError` for labels that are no class, a loss that is not finite, parameters that do
    not reach it, k larger than their number, and a network that changes its inputs in place.
    """
    if not isinstance(model, nn.Module):
        raise InputError(f"a {type(model).__name__} has no curvature; expected an nn.Module")
    device = next((own.device for own in model.parameters()), torch.device("cpu"))
    inputs, labels = (torch.as_tensor(own).to(device) for own in (inputs, labels))
    if len(inputs) != len(labels):
        raise InputError(f"there are {len(inputs)} inputs and {len(labels)} labels; expected as many of both")
    computed = loss_of(loss) if isinstance(loss, str) else loss
    batches = list(zip(inputs.split(batch), labels.split(batch), strict=True))
    objective = Objective(model, batches, computed, layers)
    hessian = Hessian(objective)
    pairs = top_pairs(hessian, k, seed).require_converged()
    blocks = objective.blocks
    found = traces(hessian, products, torch.Generator().manual_seed(seed), blocks)
    tops = top_of_layers(hessian, blocks, seed)
    table = pd.DataFrame(
        {
            "layer": [block.layer for block in blocks],
            "parameters": [block.stop - block.start for block in blocks],
            "trace": [found.layers[block.layer].value for block in blocks],
            "trace_low": [found.layers[block.layer].low for block in blocks],
            "trace_high": [found.layers[block.layer].high for block in blocks],
            "top": [float(tops[block.layer].values[0]) for block in blocks],
        }
    )
    for index, shares in enumerate(layer_shares(pairs.vectors, blocks).T, 1):
        table[f"share_{index}"] = shares
    targets = targets_of("predicted", logits_of(objective, inputs))
    along = alignments(objective, inputs, targets, pairs.vectors)
    return Curvature(pairs, found, table, along, outliers(pairs.values))
