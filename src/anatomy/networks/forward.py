"""What the engine asks of the forward pass of any network: its layers in their order, and its steps."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from anatomy.networks.layouts import LayerGeometry, too_small
from anatomy.networks.sequential import SequentialNetwork
from anatomy.runtime.errors import InputError

# Pooling that ends a stage; global pooling before a classifier does not.
POOLING = (nn.MaxPool2d, nn.AvgPool2d)


def conv_layers(network: nn.Module) -> dict[str, nn.Conv2d]:
    """Return the convolutions by name, in the order in which the network lists its modules."""
    return {name: m for name, m in network.named_modules() if isinstance(m, nn.Conv2d)}


def layer_geometry(
    network: nn.Module,
    image_shape: tuple[int, ...],
    types: tuple[type[nn.Module], ...] = (nn.Conv2d,),
) -> list[LayerGeometry]:
    """Return position, stage and input shape of every layer of `types`, for images of (C, H, W).

    In the order in which one image meets them, or a function meets the weights of a linear layer, as in
    attention; layers that it does not meet are left out. A stage ends at a pooling layer; a block is the
    position of a layer within its stage. `InputError` if images do not fit.
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
        if name == "weight" and isinstance(module, nn.Linear) and isinstance(module, types)
    }
    hooks = [m.register_forward_pre_hook(meet) for m in names if isinstance(m, (*types, *POOLING))]
    parameter = next(network.parameters(), torch.empty(0))
    # Pooling to a fixed size lets any features pass; the linear layers after it need not be run.
    pooled = is_sequential(network) and isinstance(network.avgpool, nn.AdaptiveAvgPool2d)
    part = network.features if pooled and nn.Linear not in types else network
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
                steps += [(f"{name}.{index}", block) for index, block in module.named_children()]
            else:
                steps += [("flatten", nn.Flatten(1))] * (name == "fc") + [(name, module)]
        return steps
    return [("", network)]


def holds(step: str, layer: str) -> bool:
    """Tell whether the layer of this name is, or is inside, the step of this name of `forward_steps`."""
    return step in ("", layer) or layer.startswith(f"{step}.")


def _forward_in_torchvision(module: str, network: str):
    """Return the forward function of a class of torchvision; None if torchvision is not imported."""
    loaded = sys.modules.get(f"torchvision.models.{module}")
    return getattr(loaded, network).forward if loaded else None


def is_sequential(network: nn.Module) -> bool:
    """Tell whether the forward pass is `features`, `avgpool`, flattening and `classifier`, nothing else."""
    forward = type(network).forward
    theirs = _forward_in_torchvision("vgg", "VGG"), _forward_in_torchvision("alexnet", "AlexNet")
    return forward in (SequentialNetwork.forward, *theirs)


def is_resnet(network: nn.Module) -> bool:
    """Tell whether the forward pass is that of torchvision's ResNets."""
    return type(network).forward is _forward_in_torchvision("resnet", "ResNet")


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Put every module into evaluation mode, without gradients, and back into its own mode afterwards."""
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, training in modes:
            module.training = training
