"""The local measure: how fast a unit changes as its image begins to turn, over how much it varies otherwise.

    L_j = mean over n of |d a_j(T_theta x_n) / d theta| at theta = 0, per radian

The tangent of an image is the central difference of its rotations by a degree to either side; one product of
the Jacobian of the network with it (forward mode) has the derivatives of all units.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import torch
from torch import nn
from torch.autograd import forward_ad

from anatomy.data.rotation import rotate
from anatomy.networks.cpu_layers import plain
from anatomy.networks.forward import evaluating
from anatomy.runtime.errors import InputError
from anatomy.studies.invariance.measure import Batch, Normalise
from anatomy.studies.invariance.units import TURNED_BACK, Units

STEP = 1.0  # degrees


def local_aggregations(aggregations: Sequence[str]) -> list[str]:
    """Return the aggregations that the local measure has: maps are not turned back in it."""
    return [name for name in aggregations if name != TURNED_BACK]


def local_measure(
    network: nn.Module,
    batches: Iterable[Batch],
    names: Mapping[str, str],
    normalise: Normalise,
    aggregations: Sequence[str] = ("mean",),
) -> dict[str, np.ndarray]:
    """Return L of every unit (units,) in float64, by aggregation.

    `batches`, `names` and `normalise` are those of `measure`. `InputError` without images, and for a network
    with an operation that has no derivative in forward mode.
    """
    network, total, images = plain(network), None, 0
    with evaluating(network):
        for pixels, _ in batches:
            if total is None:
                units = Units(network, normalise(pixels[:1]), names, aggregations)
                total = torch.zeros(units.columns, dtype=torch.float64, device=pixels.device)
            total += _derivatives(units, network, pixels, normalise).abs().sum(0)
            images += len(pixels)
    if total is None:
        raise InputError("there are no images to measure; give at least one")
    mean = total[None] / images
    return {name: units.of(mean, name)[0].cpu().numpy() for name in aggregations}


def _derivatives(
    units: Units, network: nn.Module, pixels: torch.Tensor, normalise: Normalise
) -> torch.Tensor:
    """Return the derivative (B, K) of all columns by the angle, per radian."""
    levels = pixels if pixels.is_floating_point() else pixels.float()
    step = torch.tensor(STEP, dtype=torch.float64, device=pixels.device)
    tangent = (rotate(levels, step) - rotate(levels, -step)) / (2 * torch.deg2rad(step).to(levels))
    with forward_ad.dual_level():
        # What maps integers to inputs maps the same numbers as they stand.
        inputs = _mapped(normalise, pixels, levels, tangent)
        try:
            columns, _ = units.values(network, inputs)
        except NotImplementedError as error:
            raise InputError(
                f"this network has no derivative in forward mode ({str(error).splitlines()[0]}); "
                "leave the local measure out"
            ) from error
        found = forward_ad.unpack_dual(columns).tangent
    return torch.zeros_like(columns) if found is None else found


def _mapped(
    normalise: Normalise, pixels: torch.Tensor, levels: torch.Tensor, tangent: torch.Tensor
) -> torch.Tensor:
    """Return inputs of the network that carry their tangent.

    uint8 cannot carry one; there `normalise`, which standardises pixels, is taken to be affine and its slope
    is that between black and white.
    """
    if pixels.is_floating_point():
        return normalise(forward_ad.make_dual(levels, tangent))
    black, white = (normalise(torch.full_like(pixels[:1], level)) for level in (0, 255))
    inputs = normalise(pixels)
    return forward_ad.make_dual(inputs, (tangent * ((white - black) / 255)).to(inputs))
