"""Lines, Bezier curves and simplexes of networks, trained as one (Wortsman et al. 2021).

A point of the subspace is a network with the weights w = sum_i c_i w_i of its corners w_i. In training the
coefficients are drawn anew for every step:

    line       c = (1 - a, a)                         a ~ U[0, 1]
    bezier     c = ((1 - a)^2, a^2, 2 a (1 - a))      two ends, and the control point
    simplex    c = z / sum z                          z_i ~ Exp(1)

and with them the gradient of corner i is c_i times that of the point. Corners are kept apart by beta R,
with R the squared cosine of two of them, i and j, over the weights of all convolutions together:

    R = <w_i, w_j>^2 / (|w_i|^2 |w_j|^2)
    dR/dw_i = 2 <w_i, w_j> / (|w_i|^2 |w_j|^2) (w_j - <w_i, w_j> / |w_i|^2 w_i)
"""

from collections.abc import Callable, Sequence

import torch
from torch import nn
from torch.nn.modules.conv import _ConvNd

from anatomy.runtime.errors import InputError

# Corners of each kind of subspace but a simplex, which has as many as are asked for.
CORNERS = {"line": 2, "bezier": 3}
# How far from 1 the sum of a point's coefficients may be.
ROUNDING = 1e-6


def draw_points(kind: str, corners: int, count: int, rows: int, generator: torch.Generator) -> torch.Tensor:
    """Draw the coefficients (count, rows, corners) of points, in float64, each row independently."""
    if kind == "simplex":
        lengths = torch.empty(count, rows, corners, dtype=torch.float64).exponential_(generator=generator)
        return lengths / lengths.sum(2, keepdim=True)
    return _on_curve(kind, torch.rand(count, rows, dtype=torch.float64, generator=generator))


def draw_pairs(corners: int, count: int, generator: torch.Generator) -> torch.Tensor:
    """Draw pairs of two corners as matrices (count, corners, corners): 1 for the pair, 0 for all others."""
    first = torch.randint(corners, (count,), generator=generator)
    second = (first + torch.randint(1, corners, (count,), generator=generator)) % corners
    pairs = torch.zeros(count, corners, corners, dtype=torch.float64)
    steps = torch.arange(count)
    pairs[steps, first, second] = pairs[steps, second, first] = 1
    return pairs


def point_at(kind: str, corners: int, at: float | Sequence[float]) -> torch.Tensor:
    """Return the coefficients (corners,) of a point: of a in [0, 1], or the coefficients of a simplex.

    `InputError` if the point is not in the subspace.
    """
    if kind != "simplex":
        if not isinstance(at, int | float) or not 0 <= at <= 1:
            raise InputError(f"{at!r} is no point of a {kind}; expected a number from 0 to 1")
        return _on_curve(kind, torch.tensor(at, dtype=torch.float64))
    point = torch.as_tensor(at, dtype=torch.float64)
    if point.shape != (corners,) or not ((point >= 0).all() and abs(point.sum().item() - 1) <= ROUNDING):
        raise InputError(
            f"{at!r} is no point of a simplex of {corners} corners; expected {corners} coefficients, none "
            "below 0, that sum to 1"
        )
    return point


def middle(kind: str, corners: int) -> torch.Tensor:
    """Return the coefficients (corners,) of the mid-point: at a = 1/2, or equal ones."""
    return point_at(kind, corners, [1 / corners] * corners if kind == "simplex" else 0.5)


def _on_curve(kind: str, a: torch.Tensor) -> torch.Tensor:
    """Return the coefficients (..., corners) of points a (...) of a line or curve."""
    b = 1 - a
    return torch.stack((b, a) if kind == "line" else (b * b, a * a, 2 * a * b), -1)


class Subspace:
    """The corners of a subspace, and the network of one point, to which it can be moved.

    `network` is an ordinary network, with the weights of the point that it was last moved to and with its own
    buffers: running statistics of batch norm belong to no corner. `corners` has the parameters to be
    optimised; buffers in it mean nothing.
    """

    def __init__(self, network: nn.Module, corners: Sequence[nn.Module], kind: str, layerwise: bool = False):
        """Take the corners, networks like `network` on the same device; their memory is used, not copied.

        `layerwise` gives each module with parameters a point of its own. `InputError` names the first
        parameter in which a corner differs from `network`, or says how many corners there should be.
        """
        expected = CORNERS.get(kind, max(2, len(corners)))
        if len(corners) != expected:
            raise InputError(f"a {kind} has {expected} corners, {len(corners)} are given")
        named = dict(network.named_parameters())
        for index, corner in enumerate(corners):
            _require_alike(named, dict(corner.named_parameters()), index)
        self.network, self.corners, self.kind = network, nn.ModuleList(corners), kind
        self._point = list(named.values())
        self._parts = [list(corner.parameters()) for corner in corners]
        owners = [name.rpartition(".")[0] for name in named]
        modules = list(dict.fromkeys(owners)) if layerwise else [""]
        # The row of a point's coefficients that each parameter has.
        self._rows = [modules.index(owner) if layerwise else 0 for owner in owners]
        self.rows = len(modules)
        convolutions = {name for name, module in network.named_modules() if isinstance(module, _ConvNd)}
        self._compared = [
            index
            for index, (name, owner) in enumerate(zip(named, owners, strict=True))
            if owner in convolutions and name.endswith("weight")
        ]
        with torch.no_grad():
            for part in self._parts:
                for own, parameter in zip(part, self._point, strict=True):
                    if own.stride() != parameter.stride():
                        own.data = torch.empty_like(parameter).copy_(own)
        self.move(middle(kind, len(corners)))

    @torch.no_grad()
    def move(self, coefficients: torch.Tensor) -> None:
        """Give `network` the weights of the point with these coefficients (corners,) or (rows, corners)."""
        self._interpolate(self._point, coefficients)

    @torch.no_grad()
    def at(self, coefficients: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the state dict of a network like `network` at a point, with the buffers that it has now."""
        point = [torch.empty_like(parameter) for parameter in self._point]
        self._interpolate(point, coefficients)
        # A tensor may have several names.
        weights = {id(parameter): w for parameter, w in zip(self._point, point, strict=True)}
        state = self.network.state_dict(keep_vars=True)
        return {name: weights[id(t)] if id(t) in weights else t.clone() for name, t in state.items()}

    def _interpolate(self, point: list[torch.Tensor], coefficients: torch.Tensor) -> None:
        """Write the weights of a point into the tensors `point`."""
        first, *others = (
            self._scales(column) for column in coefficients.view(-1, len(self.corners)).unbind(1)
        )
        torch._foreach_copy_(point, self._parts[0])
        torch._foreach_mul_(point, first)
        for part, scale in zip(self._parts[1:], others, strict=True):
            _add_scaled(point, part, scale)

    def _scales(self, column: torch.Tensor) -> float | torch.Tensor | list:
        """Return what one corner is multiplied by (rows,): one number, or one for each parameter.

        Numbers of Python on a CPU, tensors elsewhere: nothing may wait for the device.
        """
        column = column.to(self._point[0].dtype) if column.is_cuda else column
        values = list(column.unbind()) if column.is_cuda else column.tolist()
        return values[0] if len(values) == 1 else [values[row] for row in self._rows]

    def backward(self, points: torch.Tensor, loss: Callable[[int], torch.Tensor]) -> None:
        """Add the gradients of the losses at some points (samples, rows, corners) to those of the corners.

        `loss(i)` is the loss of `network` at point i, as part of their sum.
        """
        for index, coefficients in enumerate(points):
            self.move(coefficients)
            loss(index).backward()
            self._hand_out(coefficients)

    @torch.no_grad()
    def _hand_out(self, coefficients: torch.Tensor) -> None:
        """Turn the gradient of `network` at a point into gradients of the corners."""
        having = [index for index, parameter in enumerate(self._point) if parameter.grad is not None]
        gradients = [self._point[index].grad for index in having]
        for part, column in zip(self._parts, coefficients.view(-1, len(self.corners)).unbind(1), strict=True):
            scale = self._scales(column)
            scale = [scale[index] for index in having] if isinstance(scale, list) else scale
            _add_gradients([part[index] for index in having], gradients, scale)
        for parameter in self._point:
            parameter.grad = None

    @torch.no_grad()
    def keep_apart(self, beta: float, pairs: torch.Tensor) -> torch.Tensor:
        """Add the gradient of beta R to those of the corners; return R.

        `pairs` (corners, corners) is symmetric, 1 for the pair that is kept apart and 0 for others.
        `InputError` without convolutions.
        """
        self.require_convolutions()
        compared = [[part[index] for index in self._compared] for part in self._parts]
        # On a CPU those that are not in the pair need not be looked at.
        corners = range(len(compared)) if pairs.is_cuda else pairs.any(1).nonzero().flatten().tolist()
        products = pairs.new_zeros(pairs.shape)
        for i in corners:
            for j in corners:
                if j >= i:
                    products[i, j] = products[j, i] = _dot(compared[i], compared[j])
        squares = torch.where(products.diagonal() == 0, 1, products.diagonal())
        cosines = pairs * products / (squares[:, None] * squares)
        mixing = 2 * cosines - torch.diag((2 * cosines * products).sum(1) / squares)
        trained = [at for at, parameter in enumerate(compared[0]) if parameter.requires_grad]
        for i in corners:
            for j in corners:
                scale = beta * mixing[i, j]
                scale = scale.to(compared[j][0].dtype) if scale.is_cuda else scale.item()
                _add_gradients(
                    [compared[i][at] for at in trained], [compared[j][at] for at in trained], scale
                )
        return (cosines * products).sum() / 2

    def require_convolutions(self) -> None:
        """Raise `InputError` if there is nothing by which corners can be kept apart."""
        if not self._compared:
            raise InputError("subspace.beta: this network has no convolutions; set beta to 0")


def _require_alike(expected: dict[str, nn.Parameter], found: dict[str, nn.Parameter], corner: int) -> None:
    """Raise `InputError` that names the first parameter in which a corner differs."""
    for name, parameter in expected.items():
        if name not in found:
            raise InputError(f"corner {corner} has no {name}; expected corners of one architecture")
        if found[name].shape != parameter.shape:
            raise InputError(
                f"corner {corner}: {name} has shape {tuple(found[name].shape)}, expected "
                f"{tuple(parameter.shape)}; corners are of one architecture"
            )
    for name in found:
        if name not in expected:
            raise InputError(f"corner {corner} has {name} as well; expected corners of one architecture")


def _dot(some: list[torch.Tensor], others: list[torch.Tensor]) -> torch.Tensor:
    """Return the sum over two lists of tensors of their inner products, whatever order memory has."""
    return torch.stack(
        [torch.dot(_in_memory(one), _in_memory(other)) for one, other in zip(some, others, strict=True)]
    ).sum()


def _in_memory(tensor: torch.Tensor) -> torch.Tensor:
    """Return the numbers of a dense tensor as they lie in memory, as a view."""
    return tensor.as_strided((tensor.numel(),), (1,))


def _add_scaled(
    sums: list[torch.Tensor], tensors: list[torch.Tensor], scale: float | torch.Tensor | list
) -> None:
    """Add tensors times one number, or a number for each, to others in place."""
    if isinstance(scale, float):
        torch._foreach_add_(sums, tensors, alpha=scale)
    else:
        torch._foreach_add_(sums, torch._foreach_mul(tensors, scale))


def _add_gradients(
    parameters: list[nn.Parameter], tensors: list[torch.Tensor], scale: float | torch.Tensor | list
) -> None:
    """Add tensors times one number, or a number for each, to the gradients of parameters."""
    if not parameters:
        return
    if all(parameter.grad is not None for parameter in parameters):
        _add_scaled([parameter.grad for parameter in parameters], tensors, scale)
        return
    for parameter, gradient in zip(parameters, torch._foreach_mul(tensors, scale), strict=True):
        parameter.grad = gradient if parameter.grad is None else parameter.grad.add_(gradient)
