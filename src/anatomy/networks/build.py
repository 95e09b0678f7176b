"""Networks by name, initialised from a given random stream.

Those of `catalogue.LAYOUTS` are written here; others are torchvision's, or timm's if it is installed.
"""

import difflib
import importlib.util
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.overrides import TorchFunctionMode

from anatomy.networks.catalogue import LAYOUTS, RESNETS, TIMM_PREFIX, require_architecture
from anatomy.networks.forward import conv_layers
from anatomy.networks.initialisation import KAIMING, initialise_layers
from anatomy.networks.layouts import scaled
from anatomy.networks.sequential import build_sequential
from anatomy.runtime.errors import InputError

# Height and width that a network is built for if nothing is said; only an mlp depends on them.
IMAGE_SIZE = (32, 32)


def build_network(
    architecture: str,
    classes: int,
    channels: int,
    width: float,
    generator: torch.Generator,
    initialisation: Mapping[str, Any] = KAIMING,
    size: tuple[int, int] = IMAGE_SIZE,
) -> nn.Module:
    """Return an initialised network; all of its weights are a function of `generator`.

    Its parts are named as torchvision's. `initialisation` has a `kind`, and `std` if that is `normal`;
    see `initialise_layers`. Networks that are neither written here nor ResNets are initialised by their
    library. `size` is (H, W) of the images. `InputError` if there is no such network.
    """
    if architecture in LAYOUTS or architecture in RESNETS:
        network = materialise(network_shape(architecture, classes, channels, width, size))
        for module in network.modules():
            if isinstance(module, _BatchNorm):
                module.reset_running_stats()
                nn.init.ones_(module.weight)
                nn.init.zeros_(module.bias)
        initialise_layers(_weighted(network), architecture, width, initialisation, generator)
        return network
    require_architecture(architecture, width)
    seed = torch.randint(2**62, (), generator=generator).item()
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        network = _library_network(architecture, classes, channels)
    if initialisation["kind"] == "normal":
        initialise_layers(_weighted(network), architecture, width, initialisation, generator)
    return network


def network_shape(
    architecture: str,
    classes: int,
    channels: int,
    width: float = 1.0,
    size: tuple[int, int] = IMAGE_SIZE,
) -> nn.Module:
    """Return a network without memory for its weights, which are on the meta device."""
    require_architecture(architecture, width)
    if architecture in LAYOUTS:
        return build_sequential(architecture, classes, (channels, *size), width)
    # Some numbers are drawn all the same; those of the caller stay.
    with torch.random.fork_rng(devices=[]), _WithoutMemory():
        network = _library_network(architecture, classes, channels)
        return (network if width == 1 else _scaled_resnet(network, width)).to("meta")


class _WithoutMemory(TorchFunctionMode):
    """Puts weights on the meta device; other numbers, of which networks compute their widths, have values."""

    def __torch_function__(self, func: Callable, types: Any, args: tuple = (), kwargs: Any = None) -> Any:
        options = {} if kwargs is None else kwargs
        if func in (torch.empty, torch.randn) and options.get("device") is None:
            options = {**options, "device": "meta"}
        return func(*args, **options)


def _library_network(architecture: str, classes: int, channels: int) -> nn.Module:
    """Return a network of torchvision or timm on the current device, as the library initialises it."""
    if architecture.startswith(TIMM_PREFIX):
        return _timm_network(architecture, classes, channels)
    from anatomy.runtime.torchvision_import import models

    # Auxiliary heads would make the network's output a tuple.
    auxiliary = architecture in ("googlenet", "inception_v3")
    options = {"aux_logits": False, "init_weights": True} if auxiliary else {}
    network = models.get_model(architecture, num_classes=classes, **options)
    if channels != 3:
        _replace_first_convolution(network, channels)
    return network


def _timm_network(architecture: str, classes: int, channels: int) -> nn.Module:
    name = architecture.removeprefix(TIMM_PREFIX)
    if importlib.util.find_spec("timm") is None:
        raise InputError(f"architecture {architecture} needs timm; install it with: pip install '.[timm]'")
    # timm imports torchvision, which needs the schemas that anatomy.runtime.torchvision_import declares.
    import anatomy.runtime.torchvision_import  # noqa: F401, I001
    import timm

    if not timm.is_model(name):
        close = difflib.get_close_matches(name, timm.list_models(), 3)
        hint = f"; did you mean one of {', '.join(close)}?" if close else ""
        raise InputError(f"timm has no network {name!r}; timm.list_models() lists them{hint}")
    return timm.create_model(name, num_classes=classes, in_chans=channels)


def _replace_first_convolution(network: nn.Module, channels: int) -> None:
    """Let the first convolution of a network take images of `channels` channels, in place."""
    name, first = next(iter(conv_layers(network).items()))
    parent, _, attribute = name.rpartition(".")
    options = {key: getattr(first, key) for key in ("kernel_size", "stride", "padding", "dilation")}
    other = nn.Conv2d(channels, first.out_channels, bias=first.bias is not None, **options)
    nn.init.kaiming_normal_(other.weight, mode="fan_out", nonlinearity="relu")
    if other.bias is not None:
        nn.init.zeros_(other.bias)
    setattr(network.get_submodule(parent), attribute, other)


def _scaled_resnet(network: nn.Module, width: float) -> nn.Module:
    """Multiply the channels of a ResNet on the meta device by `width`, in place; images and classes stay."""
    for name, module in list(network.named_modules()):
        parent, _, attribute = name.rpartition(".")
        match module:
            case nn.Conv2d():
                before = module.in_channels if name == "conv1" else scaled(module.in_channels, width)
                options = {key: getattr(module, key) for key in ("kernel_size", "stride", "padding")}
                other = nn.Conv2d(before, scaled(module.out_channels, width), bias=False, **options)
            case nn.BatchNorm2d():
                other = nn.BatchNorm2d(scaled(module.num_features, width))
            case nn.Linear():
                other = nn.Linear(scaled(module.in_features, width), module.out_features)
            case _:
                continue
        setattr(network.get_submodule(parent), attribute, other)
    return network


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
