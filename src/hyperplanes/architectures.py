"""Networks by name, initialised from a given random stream, and what the engine asks of any network.

Those of `layouts.LAYOUTS` are written here; others are torchvision's, or timm's if it is installed.
"""

import difflib
import importlib.util
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.overrides import TorchFunctionMode

from hyperplanes.errors import InputError
from hyperplanes.layouts import LAYOUTS, RESNETS, TIMM_PREFIX, require_architecture, scaled, too_small
from hyperplanes.networks import build_sequential, evaluating, is_resnet, is_sequential, materialise
from hyperplanes.snapshots import LayerGeometry

KAIMING = {"kind": "kaiming"}
# Height and width that a network is built for if nothing is said; only an mlp depends on them.
IMAGE_SIZE = (32, 32)
# Pooling that ends a stage; global pooling before a classifier does not.
POOLING = (nn.MaxPool2d, nn.AvgPool2d)


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
    from hyperplanes.vision import models

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
    # timm imports torchvision, which needs the schemas that hyperplanes.vision declares.
    import hyperplanes.vision  # noqa: F401, I001
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


def initialise_layers(
    layers: Iterable[nn.Module],
    architecture: str,
    width: float,
    initialisation: Mapping[str, Any],
    generator: torch.Generator,
) -> None:
    """Draw the weights and biases of convolutions and linear layers, one after the other.

    `kaiming`, the paper's: Kaiming normal by fan-out for convolutions, zero biases. Linear layers of a VGG
    are torchvision's N(0, 0.01^2) at full width; their standard deviation grows as 1 / sqrt(width), so that a
    narrowed classifier passes signals on as strongly as the full one. LeNet and AlexNet do not leave
    their first plateau with weights as small; theirs are Kaiming normal by fan-in. Those of an mlp are
    Kaiming normal by fan-out, those of other networks PyTorch's own (uniform, random biases).
    `normal`: N(0, std^2) for every weight, zero biases.
    `authors`: what the authors' code does, PyTorch's own for AlexNet, Xavier uniform with gain sqrt(2) for
    LeNet; for other networks the same as `kaiming`.
    vgg19_orig is `normal` with a standard deviation of 0.01 unless another one is given.
    """
    kind, std = initialisation["kind"], initialisation.get("std")
    if architecture == "vgg19_orig" and kind != "normal":
        kind, std = "normal", 0.01
    for layer in layers:
        linear = isinstance(layer, nn.Linear)
        if kind == "normal":
            nn.init.normal_(layer.weight, 0, std, generator=generator)
        elif kind == "authors" and architecture == "lenet":
            nn.init.xavier_uniform_(layer.weight, math.sqrt(2), generator=generator)
        elif (kind == "authors" and architecture == "alexnet") or (linear and architecture not in LAYOUTS):
            nn.init.kaiming_uniform_(layer.weight, a=math.sqrt(5), generator=generator)
            if layer.bias is not None:
                bound = 1 / math.sqrt(layer.weight[0].numel())
                nn.init.uniform_(layer.bias, -bound, bound, generator=generator)
            continue
        elif not linear or architecture.startswith("mlp"):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu", generator=generator)
        elif architecture.startswith("vgg"):
            nn.init.normal_(layer.weight, 0, 0.01 / math.sqrt(width), generator=generator)
        else:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


def conv_layers(network: nn.Module) -> dict[str, nn.Conv2d]:
    """Return the convolutions by name, in the order in which the network lists its modules."""
    return {name: m for name, m in network.named_modules() if isinstance(m, nn.Conv2d)}


def layer_geometry(
    network: nn.Module,
    image_shape: tuple[int, ...],
    kinds: tuple[type[nn.Module], ...] = (nn.Conv2d,),
) -> list[LayerGeometry]:
    """Return place, stage and input shape of every layer of `kinds`, for images of (C, H, W).

    In the order in which one image meets them, or a function meets the weights of a linear layer, as in
    attention; layers that it does not meet are left out. A stage ends at a pooling layer; a block is the
    place of a layer within its stage. `InputError` if images do not fit.
    """
    geometry: list[LayerGeometry] = []
    stage = block = poolings = 0
    names = {module: name for name, module in network.named_modules()}
    seen: set[nn.Module] = set()

    def add(module: nn.Module, shape: tuple[int, ...]) -> None:
        nonlocal block
        if module not in seen:
            seen.add(module)
            geometry.append(LayerGeometry(len(geometry) + 1, names[module], stage, block, shape))
            block += 1

    def meet(module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        nonlocal stage, block, poolings
        shape = tuple(inputs[0].shape[1:])
        if isinstance(module, POOLING):
            stage, block = stage + 1, 0
            poolings += isinstance(module, nn.MaxPool2d)
            kernel, padding = _pair(module.kernel_size), _pair(module.padding)
            if any(side + 2 * p < k for side, k, p in zip(shape[1:], kernel, padding, strict=True)):
                raise too_small(image_shape, shape[1:], poolings)
        else:
            add(module, shape[-1:] if isinstance(module, nn.Linear) else shape)

    class Functions(TorchFunctionMode):
        def __torch_function__(self, func: Callable, types: Any, args: tuple = (), kwargs: Any = None) -> Any:
            for value in (*args, *(kwargs or {}).values()):
                if module := linear.get(id(value)):
                    add(module, (module.in_features,))
            return func(*args, **(kwargs or {}))

    linear = {
        id(parameter): module
        for module in names
        for name, parameter in module.named_parameters(recurse=False)
        if name == "weight" and isinstance(module, nn.Linear) and isinstance(module, kinds)
    }
    hooks = [m.register_forward_pre_hook(meet) for m in names if isinstance(m, (*kinds, *POOLING))]
    parameter = next(network.parameters(), torch.empty(0))
    # Pooling to a fixed size lets any features pass; the linear layers after it need not be run.
    pooled = is_sequential(network) and isinstance(network.avgpool, nn.AdaptiveAvgPool2d)
    part = network.features if pooled and nn.Linear not in kinds else network
    try:
        with evaluating(network), Functions():
            part(torch.zeros(1, *image_shape, device=parameter.device, dtype=parameter.dtype))
    except InputError:
        raise
    except (RuntimeError, AssertionError, ValueError, TypeError, IndexError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"images of shape {image_shape} (C, H, W) do not fit this network ({reason}); use images of "
            "another size, or another architecture"
        ) from error
    finally:
        for hook in hooks:
            hook.remove()
    return geometry


def _pair(value: int | tuple[int, int]) -> tuple[int, int]:
    return value if isinstance(value, tuple) else (value, value)


Step = Callable[[torch.Tensor], torch.Tensor]


def forward_steps(network: nn.Module) -> list[tuple[str, Step]]:
    """Return the forward pass as (name, step) pairs, applied one after the other.

    A step is a layer, a residual block of torchvision's ResNets, or a whole network whose forward pass is
    not known, whose name is then empty. `holds` tells which step a layer belongs to.
    """
    if is_sequential(network):
        steps = [(f"features.{name}", m) for name, m in network.features.named_children()]
        steps += [("avgpool", network.avgpool), ("flatten", nn.Flatten(1))]
        return steps + [(f"classifier.{name}", m) for name, m in network.classifier.named_children()]
    if is_resnet(network):
        steps = []
        for name, module in network.named_children():
            if isinstance(module, nn.Sequential):
                steps += [(f"{name}.{number}", block) for number, block in module.named_children()]
            else:
                steps += [("flatten", nn.Flatten(1))] * (name == "fc") + [(name, module)]
        return steps
    return [("", network)]


def holds(step: str, layer: str) -> bool:
    """Tell whether the layer of this name is, or is inside, the step of this name of `forward_steps`."""
    return step in ("", layer) or layer.startswith(f"{step}.")
