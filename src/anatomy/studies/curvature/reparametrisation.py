"""Other weights of the same function: a network of linear layers and ReLU, scaled layer by layer.

    W_l -> a_l W_l,    b_l -> a_1 ... a_l b_l,    a_1 a_2 ... a_L = 1

ReLU(a z) = a ReLU(z) for a > 0, so that the logits stay the same and the Hessian does not (Dinh, Pascanu,
Bengio and Bengio 2017, Sharp minima can generalize for deep nets).
"""

import copy
import math
from collections.abc import Sequence

import torch
from torch import nn

from anatomy.runtime.errors import InputError


def reparametrised(network: nn.Module, factors: Sequence[float]) -> nn.Module:
    """Return a copy whose linear layers are scaled by `factors`, one for each, in their order.

    `InputError` unless there is a positive factor for each and their product is 1, or if other layers have
    weights or another nonlinearity than ReLU is a module of the network.
    """
    scaled = copy.deepcopy(network)
    linear = [module for module in scaled.modules() if isinstance(module, nn.Linear)]
    leaves = [module for module in scaled.modules() if not [*module.children()]]
    if other := [own for own in leaves if not isinstance(own, (nn.Linear, nn.ReLU, nn.Flatten, nn.Identity))]:
        raise InputError(
            f"{type(other[0]).__name__} is no layer that can be rescaled; expected linear layers and ReLU"
        )
    if len(factors) != len(linear) or min(factors, default=0) <= 0:
        raise InputError(f"factors {[*factors]}: expected {len(linear)} positive numbers, one for each layer")
    if not math.isclose(math.prod(factors), 1, rel_tol=1e-12):
        raise InputError(f"factors {[*factors]}: their product is {math.prod(factors):g}, expected 1")
    so_far = 1.0
    with torch.no_grad():
        for module, factor in zip(linear, factors, strict=True):
            so_far *= factor
            module.weight *= factor
            if module.bias is not None:
                module.bias *= so_far
    return scaled
