"""Networks by name, initialised from a given random stream.

The module of a family has layouts of its networks, or builds them; a network of a user's own is what a class
or function of theirs returns.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.overrides import TorchFunctionMode

from anatomy.networks.family import (
    complete_options,
    dropout_problem,
    family_module,
    family_of,
    options_problem,
    points_problem,
)
from anatomy.networks.forward import conv_layers
from anatomy.networks.initialisation import initialise_layers
from anatomy.networks.own import require_trainable
from anatomy.networks.sequential import build_sequential
from anatomy.runtime.errors import InputError
from anatomy.runtime.own_calls import call_own, running, takes
from anatomy.runtime.own_code import is_own

# Height and width that a network is built for if nothing is said; only networks without pooling at the end
# depend on them.
IMAGE_SIZE = (32, 32)
NO_OPTIONS: Mapping[str, Any] = MappingProxyType({})


def build_network(
    architecture: str,
    classes: int,
    channels: int,
    width: float,
    generator: torch.Generator,
    initialisation: str,
    std: float | None = None,
    size: tuple[int, ...] = IMAGE_SIZE,
    options: Mapping[str, Any] = NO_OPTIONS,
    dropout: float = 0.0,
) -> nn.Module:
    """Return an initialised network; all of its weights are a function of `generator`.

    `initialisation` and `std` are those of `initialise_layers`; a network whose family does not say how
    linear layers are drawn initialises itself, but for `normal`. `size` is (H, W) of the images; where inputs
    are points (d,), `channels` is d and `size` is (). `options` are those that the family lists; `dropout` is
    a probability, for families that have a form with it. A network of the user's own, `package.module:Class`,
    is called with `options` and with those of `classes`, `input_shape` (C, H, W) or (d,), `width`, and
    `dropout` where it is not 0, that it has arguments for, and tried on one input and a batch.
    `InputError` if there is no such network, or if it cannot be trained.
    """
    if hasattr(family_module(architecture), "LINEAR"):
        network = materialise(network_shape(architecture, classes, channels, width, size, options, dropout))
        for module in network.modules():
            if isinstance(module, _BatchNorm):
                module.reset_running_stats()
                nn.init.ones_(module.weight)
                nn.init.zeros_(module.bias)
        initialise_layers(_weighted(network), architecture, width, generator, initialisation, std)
        return network
    input_shape = (channels, *size)
    _require(architecture, input_shape, width, options, dropout)
    seed = torch.randint(2**62, (), generator=generator).item()
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        network = _built(architecture, classes, input_shape, width, options, dropout)
        if is_own(architecture):
            with running(architecture):
                require_trainable(network, architecture, classes, input_shape)
    if initialisation == "normal":
        initialise_layers(_weighted(network), architecture, width, generator, initialisation, std)
    return network


def network_shape(
    architecture: str,
    classes: int,
    channels: int,
    width: float = 1.0,
    size: tuple[int, ...] = IMAGE_SIZE,
    options: Mapping[str, Any] = NO_OPTIONS,
    dropout: float = 0.0,
) -> nn.Module:
    """Return a network without memory for its weights, which are on the meta device."""
    family, input_shape = family_module(architecture), (channels, *size)
    _require(architecture, input_shape, width, options, dropout)
    if hasattr(family, "LAYOUTS"):
        return build_sequential(family.LAYOUTS[architecture], classes, input_shape, width)
    # Some numbers are drawn all the same; those of the caller stay.
    with torch.random.fork_rng(devices=[]), _WithoutMemory():
        return _built(architecture, classes, input_shape, width, options, dropout).to("meta")


class _WithoutMemory(TorchFunctionMode):
    """Puts weights on the meta device; other numbers, of which networks compute their widths, have values."""

    def __torch_function__(self, func: Callable, types: Any, args: tuple = (), kwargs: Any = None) -> Any:
        options = {} if kwargs is None else kwargs
        if func in (torch.empty, torch.randn) and options.get("device") is None:
            options = {**options, "device": "meta"}
        return func(*args, **options)


def _built(
    architecture: str,
    classes: int,
    input_shape: tuple[int, ...],
    width: float,
    options: Mapping[str, Any],
    dropout: float,
) -> nn.Module:
    """Return a network on the current device, as it initialises itself."""
    if not is_own(architecture):
        given = complete_options(architecture, options)
        if family_of(architecture).dropout:
            given["dropout"] = dropout
        return family_module(architecture).build(architecture, classes, input_shape, width, **given)
    offered = {"classes": classes, "input_shape": input_shape, "width": width}
    # At 0 it is left to the network's own default.
    if dropout:
        offered["dropout"] = dropout
    network = call_own(architecture, offered, options)
    if not isinstance(network, nn.Module):
        raise InputError(f"{architecture} returns a {type(network).__name__}; expected a torch.nn.Module")
    return network


def _require(
    architecture: str,
    input_shape: tuple[int, ...],
    width: float,
    options: Mapping[str, Any],
    dropout: float,
) -> None:
    """Raise `InputError` unless a network can have these inputs, this width, these options and dropout."""
    if len(input_shape) == 1 and (problem := points_problem(architecture)):
        raise InputError(problem)
    if problem := options_problem(architecture, options):
        raise InputError(problem)
    if problem := dropout_problem(architecture, dropout):
        raise InputError(f"dropout: {problem}")
    if dropout and is_own(architecture) and not takes(architecture, "dropout"):
        raise InputError(f"{architecture} has no argument `dropout`; set dropout to 0, or give it one")
    if width == 1:
        return
    if is_own(architecture):
        if not takes(architecture, "width"):
            raise InputError(f"{architecture} has no argument `width`; set width to 1, or give it one")
        return
    least = family_of(architecture).least_width
    if least is None or not least <= width < float("inf") or width <= 0:
        allowed = "1" if least is None else f"1, and factors above {least}"
        raise InputError(f"{architecture} cannot have width {width}; allowed: {allowed}")


def _weighted(network: nn.Module) -> list[nn.Module]:
    """Return convolutions, then linear layers."""
    linear = [module for module in network.modules() if isinstance(module, nn.Linear)]
    return [*conv_layers(network).values(), *linear]


def materialise(network: nn.Module) -> nn.Module:
    """Give parameters and buffers of a network on the meta device memory on the CPU, in place.

    Faster to start than `to_empty`, for which torch imports sympy.
    """
    for module in network.modules():
        for name, parameter in module._parameters.items():
            if parameter is not None:
                module._parameters[name] = nn.Parameter(torch.empty(parameter.shape, dtype=parameter.dtype))
        for name, buffer in module._buffers.items():
            if buffer is not None:
                module._buffers[name] = torch.empty(buffer.shape, dtype=buffer.dtype)
    return network
