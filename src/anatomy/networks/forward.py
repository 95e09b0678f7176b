"""What is asked of the forward pass of any network: its layers in order, its steps, any module's output."""

import difflib
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from anatomy.networks.layouts import LayerGeometry, too_small
from anatomy.networks.sequential import SequentialNetwork, as_listed
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
                raise too_small(image_shape, shape[1:], f"max-pooling layer {poolings}")
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

    A step is a layer, a residual block, or a whole network whose forward pass is not known, whose name is
    then empty. `holds` tells which step a layer belongs to.
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
    return _sequence_steps(network, "") or [("", network)]


def _sequence_steps(sequence: nn.Module, prefix: str) -> list[tuple[str, Step]]:
    """Return the steps of a `nn.Sequential`, and of those in it; none of one that has a module twice."""
    if type(sequence).forward is not nn.Sequential.forward or len(set(sequence)) < len(sequence):
        return []
    steps = []
    for name, module in sequence.named_children():
        steps += _sequence_steps(module, f"{prefix}{name}.") or [(f"{prefix}{name}", module)]
    return steps


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


def module_outputs(
    network: nn.Module, inputs: torch.Tensor, names: Iterable[str], reduce: Step | None = None
) -> dict[str, torch.Tensor]:
    """Return the outputs of modules by their dotted names, of one forward pass of `inputs` (N, ...).

    The name of the whole network is empty. A module that is called more than once has an index, counted from
    0: `layer1.0.relu[1]`. Outputs are copies, as the next layer may overwrite them; `reduce`, e.g. a sum over
    pixels, is applied to each before it is kept. Modes and gradients are as the caller has them. A layer
    stands where its layout has it, also in a network that trains with `pool_first`. `InputError` for a name
    that is none, for a module that is not called, and for one that is called more than once without an index.
    """
    names = list(dict.fromkeys(names))
    found: dict[str, torch.Tensor] = {}
    with as_listed(network):
        wanted = _modules_of(network, names)
        calls = dict.fromkeys(wanted, 0)

        def keep(module: nn.Module, _: tuple, output: Any) -> None:
            for name, index in wanted[module]:
                if calls[module] == (index or 0):
                    found[name] = _kept(name, output, reduce)
            calls[module] += 1

        hooks = [module.register_forward_hook(keep) for module in wanted]
        try:
            network(inputs)
        finally:
            for hook in hooks:
                hook.remove()
    for module, asked in wanted.items():
        for name, index in asked:
            if (count := calls[module]) <= (index or 0):
                raise InputError(
                    f"{name} is not called in the forward pass; the module is called {count} times"
                )
            if index is None and count > 1:
                raise InputError(f"{name} is called {count} times; ask for {name}[0] to {name}[{count - 1}]")
    return {name: found[name] for name in names}


def _modules_of(network: nn.Module, names: Iterable[str]) -> dict[nn.Module, list[tuple[str, int | None]]]:
    """Return the modules that names of outputs ask for; with each its names, and which call they mean."""
    modules = dict(network.named_modules(remove_duplicate=False))
    wanted: dict[nn.Module, list[tuple[str, int | None]]] = defaultdict(list)
    for name in names:
        module, index = re.fullmatch(r"(.*?)(?:\[(\d+)\])?", name).groups()
        if module not in modules:
            close = difflib.get_close_matches(module, modules, 3)
            hint = (
                f"; did you mean {' or '.join(close)}?"
                if close
                else f"; it has {', '.join(filter(None, modules))}"
            )
            raise InputError(f"{module!r} is no module of the network{hint}")
        wanted[modules[module]].append((name, None if index is None else int(index)))
    return wanted


def _kept(name: str, output: Any, reduce: Step | None) -> torch.Tensor:
    """Return an output, reduced, in memory of its own."""
    if not isinstance(output, torch.Tensor):
        raise InputError(f"{name} returns a {type(output).__name__}; expected a module that returns a tensor")
    kept = output if reduce is None else reduce(output)
    shares = kept is output or kept.untyped_storage().data_ptr() == output.untyped_storage().data_ptr()
    return kept.clone() if shares else kept


def intermediates(network: nn.Module, image_shape: tuple[int, ...]) -> dict[str, str]:
    """Return the outputs that one measures of a network, in their order: labels, and names of modules.

    Those that its paper speaks of if its family lists them; of other networks those of all modules without
    children that one input of shape `image_shape` (C, H, W) or (d,) meets, numbered if it is met again. Names
    are those of `module_outputs`.
    """
    if listed := getattr(network, "intermediates", None):
        return dict(listed)
    met: list[str] = []
    parameter = next(network.parameters())
    with evaluating(network), as_listed(network):
        names = {module: name for name, module in network.named_modules() if not any(module.children())}
        hooks = [m.register_forward_hook(lambda m, *_: met.append(names[m])) for m in names]
        try:
            network(torch.zeros(1, *image_shape, device=parameter.device, dtype=parameter.dtype))
        finally:
            for hook in hooks:
                hook.remove()
    calls: dict[str, int] = defaultdict(int)
    found = []
    for name in met:
        found.append(f"{name}[{calls[name]}]" if met.count(name) > 1 else name)
        calls[name] += 1
    return {name: name for name in found}
