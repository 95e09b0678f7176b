"""Units of one network permuted so that they match those of another (Ainsworth, Hayase, Srinivasa 2023).

Of a chain of layers l = 1 ... L with weights W_l and biases b_l, hidden units may be renumbered without a
change of the function, W_l -> P_l W_l P_(l-1)^T and b_l -> P_l b_l, P_0 and P_L the identity. Sought are the
permutations that bring the weights closest to those of the other network, U_l and c_l:

    max over P   sum_l <U_l, P_l W_l P_(l-1)^T> + <c_l, P_l b_l>

One P_l at a time, all others held, this is an assignment of units, which is solved exactly; layers take turns
in a random order until nothing improves.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import nn

from anatomy.networks.forward import is_sequential
from anatomy.runtime.errors import InputError

# Rounds through all layers; a few are enough.
MOST_ROUNDS = 100
# Gains below this fraction of the similarity are rounding.
ROUNDING = 1e-9
_UNITWISE = (
    *(nn.ReLU, nn.ELU, nn.LeakyReLU, nn.GELU, nn.Tanh, nn.Sigmoid, nn.Dropout, nn.Dropout2d, nn.Identity),
    *(nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d, nn.Flatten),
)


def chain_of(network: nn.Module) -> list[str]:
    """Return the names of convolutions and linear layers of a chain, in their order.

    `InputError` for a network that is no chain, or has layers that mix units, e.g. batch normalisation.
    """
    for module in network.modules():
        whole = module is network and is_sequential(network)
        chained = whole or type(module).forward is nn.Sequential.forward
        if next(module.children(), None) is not None and not chained:
            raise InputError(
                f"{type(module).__name__} is no chain of layers, whose units can be matched; expected e.g. a "
                "VGG"
            )
    names = []
    for name, module in network.named_modules():
        if isinstance(module, nn.Linear) or (isinstance(module, nn.Conv2d) and module.groups == 1):
            names.append(name)
        elif next(module.children(), None) is None and not isinstance(module, _UNITWISE):
            raise InputError(
                f"{name} is a {type(module).__name__}; units are matched in chains of convolutions and "
                "linear layers without batch normalisation, e.g. VGG"
            )
    return names


def matched(network: nn.Module, reference: nn.Module, seed: int = 0) -> dict[str, torch.Tensor]:
    """Return the state dict of a network whose hidden units are permuted to match those of another.

    It computes what the network does. `seed` draws the order in which layers take turns. `InputError` if the
    networks are no chains, or of different shapes.
    """
    names, state = chain_of(network), {n: t.detach().cpu() for n, t in network.state_dict().items()}
    other = {n: t.detach().cpu() for n, t in reference.state_dict().items()}
    for name, tensor in state.items():
        if name not in other or other[name].shape != tensor.shape:
            raise InputError(f"{name} differs in shape between the networks; expected one architecture")
    chains = [_layers(each, names) for each in (state, other)]
    permutations = match(*chains, np.random.default_rng(seed))
    result = dict(state)
    for name, layer, (before, after) in zip(
        names, chains[0], pairwise([None, *permutations, None]), strict=True
    ):
        weight, bias = _permuted(layer, before, after)
        result[f"{name}.weight"] = (
            torch.from_numpy(weight).reshape(state[f"{name}.weight"].shape).contiguous()
        )
        if bias is not None:
            result[f"{name}.bias"] = torch.from_numpy(bias).contiguous()
    return {name: tensor.to(state[name].dtype) for name, tensor in result.items()}


# Of a layer: weights (out, in, positions) and biases (out,), if it has some.
Layer = tuple[np.ndarray, np.ndarray | None]


def match(layers: Sequence[Layer], others: Sequence[Layer], random: np.random.Generator) -> list[np.ndarray]:
    """Return for each layer but the last which of its units stands at each place, to match other layers."""
    permutations = [np.arange(len(weight)) for weight, _ in layers[:-1]]
    similarity = _similarity(layers, others, permutations)
    for _ in range(MOST_ROUNDS):
        for index in random.permutation(len(permutations)):
            before = permutations[index - 1] if index else None
            after = permutations[index + 1] if index + 1 < len(permutations) else None
            permutations[index] = _assigned(layers, others, index, before, after)
        found = _similarity(layers, others, permutations)
        if found <= similarity + ROUNDING * abs(similarity):
            break
        similarity = found
    return permutations


def _assigned(
    layers: Sequence[Layer],
    others: Sequence[Layer],
    index: int,
    before: np.ndarray | None,
    after: np.ndarray | None,
) -> np.ndarray:
    """Return the best order of the units of one layer, those of its neighbours held."""
    (weight, bias), (theirs, their_bias) = layers[index], others[index]
    weight = weight if before is None else weight[:, before]
    units = len(weight)
    gains = theirs.reshape(units, -1) @ weight.reshape(units, -1).T
    if bias is not None:
        gains += np.outer(their_bias, bias)
    following, their_following = layers[index + 1][0], others[index + 1][0]
    following = following if after is None else following[after]
    columns = [own.transpose(1, 0, 2).reshape(units, -1) for own in (their_following, following)]
    gains += columns[0] @ columns[1].T
    return linear_sum_assignment(gains, maximize=True)[1]


def _similarity(
    layers: Sequence[Layer], others: Sequence[Layer], permutations: Sequence[np.ndarray]
) -> float:
    """Return the inner product of all weights and biases of permuted layers with those of others."""
    total = 0.0
    for layer, other, (before, after) in zip(
        layers, others, pairwise([None, *permutations, None]), strict=True
    ):
        weight, bias = _permuted(layer, before, after)
        total += float((weight * other[0]).sum() + (0 if bias is None else (bias * other[1]).sum()))
    return total


def _permuted(layer: Layer, before: np.ndarray | None, after: np.ndarray | None) -> Layer:
    """Return a layer with its inputs and outputs in another order."""
    weight, bias = layer
    weight = weight if before is None else weight[:, before]
    if after is None:
        return weight, bias
    return weight[after], None if bias is None else bias[after]


def _layers(state: Mapping[str, torch.Tensor], names: Sequence[str]) -> list[Layer]:
    """Return the layers of a chain; inputs of a linear layer after a flattened map are a channel's pixels."""
    found: list[Layer] = []
    for name in names:
        weight = state[f"{name}.weight"].double().numpy()
        bias = state.get(f"{name}.bias")
        channels = len(found[-1][0]) if found else weight.shape[1]
        found.append(
            (weight.reshape(len(weight), channels, -1), None if bias is None else bias.double().numpy())
        )
    return found
