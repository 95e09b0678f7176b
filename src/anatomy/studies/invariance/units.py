"""From outputs of modules to units: which columns of numbers stand for the feature maps of a layer.

An output (N, C, ...) is C units, (N, C) too. A map is aggregated before any statistic, by its `sum`, `mean`
or `max`; with `deviations` each of its pixels is measured, and the deviations are averaged over the map. With
`same_equivariance` maps (N, C, H, W) are turned back first: what turns with the image is then invariant.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from math import prod

import torch
from torch import nn

from anatomy.networks.forward import module_outputs
from anatomy.runtime.errors import InputError

TURNED_BACK = "same_equivariance"
AGGREGATIONS = ("sum", "mean", "max", "deviations", TURNED_BACK)
# Those that keep the pixels of a map apart.
PIXELWISE = ("deviations", TURNED_BACK)
# Maps as they would be, had their image not been transformed.
Undo = Callable[[torch.Tensor], torch.Tensor]
# How many numbers are in float64 at a time where maps are summed.
PIECE = 2**16
# The whole network, as `module_outputs` names it.
NETWORK = ""


@dataclass(frozen=True)
class Layer:
    """A measured output: its label, the name of its module, how many units, how many pixels each has."""

    label: str
    module: str
    units: int
    pixels: int


@contextmanager
def fitting(inputs: torch.Tensor) -> Iterator[None]:
    """Raise `InputError` where a forward pass of inputs (N, ...) fails: it takes those of another shape."""
    try:
        yield
    except InputError as error:
        # The name of the whole network is empty.
        if str(error).startswith(" "):
            raise InputError(f"the network{error}") from error
        raise
    except (RuntimeError, ValueError, TypeError, IndexError, AssertionError, AttributeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"inputs of shape {tuple(inputs.shape[1:])} do not fit this network ({reason}); use images of "
            "another size, or another network"
        ) from error


def exact_sum(maps: torch.Tensor, pixels: tuple[int, ...]) -> torch.Tensor:
    """Return the sums (N, C) of maps (N, C, ...) over their pixels in float64, without gradients."""
    if maps.device.type != "cpu":
        return maps.sum(pixels, dtype=torch.float64)
    count = max(1, PIECE // max(1, prod(maps.shape[1:])))
    # One copy after the other in the same memory, so that small maps stay in the processor's cache.
    copy = torch.empty_like(maps[:count], dtype=torch.float64)
    total = torch.empty(maps.shape[:2], dtype=torch.float64)
    for piece, own in zip(maps.split(count), total.split(count), strict=True):
        torch.sum(copy[: len(piece)].copy_(piece), pixels, out=own)
    return total


class Units:
    """The layers of a network as columns: for each layer and aggregation a range of them.

    A layer whose output is a vector has the same columns for every aggregation.
    """

    def __init__(
        self,
        network: nn.Module,
        example: torch.Tensor,
        names: Mapping[str, str],
        aggregations: Sequence[str],
        exact: bool = False,
    ):
        """Take inputs (1, ...), labels with names of modules, and whether maps are summed in float64.

        `InputError` for a module that does not exist, or whose output is no tensor (N, units, ...).
        """
        if unknown := [name for name in aggregations if name not in AGGREGATIONS]:
            raise InputError(f"aggregation {unknown[0]!r}; allowed: {', '.join(AGGREGATIONS)}")
        self.names, self.aggregations = [*names.values()], tuple(aggregations)
        self.dtype = torch.float64 if exact else None
        self.layers: list[Layer] = []
        self.ranges: dict[str, list[slice]] = {name: [] for name in aggregations}
        with fitting(example):
            outputs = module_outputs(network, example, [*self.names, NETWORK])
        end = 0
        for label, module in names.items():
            shape = outputs[module].shape
            if len(shape) < 2:
                raise InputError(f"layer {module} returns a tensor {tuple(shape)}; expected (N, units, ...)")
            layer = Layer(label, module, shape[1], prod(shape[2:]))
            self.layers.append(layer)
            shared = None
            for name, columns in self.ranges.items():
                if shared is None or len(shape) > 2:
                    width = layer.units * (layer.pixels if name in PIXELWISE else 1)
                    shared, end = slice(end, end + width), end + width
                columns.append(shared)
        self.columns = end
        self.classifies = outputs[NETWORK].ndim == 2

    def reduce(self, output: torch.Tensor, undo: Undo | None = None) -> torch.Tensor:
        """Return the columns (N, k) of an output (N, C, ...); `undo` turns maps back."""
        if output.ndim == 2:
            return output
        return torch.cat([self._aggregated(output, name, undo) for name in self.aggregations], 1)

    def _aggregated(self, maps: torch.Tensor, name: str, undo: Undo | None) -> torch.Tensor:
        pixels = tuple(range(2, maps.ndim))
        if name in PIXELWISE:
            turned = name == TURNED_BACK and undo is not None and maps.ndim == 4
            return (undo(maps) if turned else maps).flatten(1).to(self.dtype or maps.dtype)
        if name == "max":
            return maps.amax(pixels).to(self.dtype or maps.dtype)
        values = maps.sum(pixels) if self.dtype is None else exact_sum(maps, pixels)
        return values / prod(maps.shape[2:]) if name == "mean" else values

    def values(
        self, network: nn.Module, inputs: torch.Tensor, undo: Undo | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return all columns (N, K) in float64, and the output of the network, of one forward pass.

        `undo` turns maps back, for `same_equivariance`.
        """
        reduce = partial(self.reduce, undo=undo)
        outputs = module_outputs(network, inputs, [*self.names, NETWORK], reduce)
        columns = torch.cat([outputs[name].double() for name in self.names], 1)
        return columns, outputs[NETWORK]

    def of(self, deviations: torch.Tensor, aggregation: str) -> torch.Tensor:
        """Return the deviations (G, units) of all layers out of those of columns (G, K)."""
        parts = []
        for layer, columns in zip(self.layers, self.ranges[aggregation], strict=True):
            part = deviations[:, columns]
            if part.shape[1] > layer.units:
                part = part.unflatten(1, (layer.units, layer.pixels)).mean(2)
            parts.append(part)
        return torch.cat(parts, 1)
