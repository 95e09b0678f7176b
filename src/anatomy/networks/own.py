"""What a network of a user's own has to be: trainable, with weights of its own, and one output per class."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from anatomy.runtime.errors import InputError

# Inputs of a batch that is tried.
BATCH = 4


def require_trainable(
    network: nn.Module, architecture: str, classes: int, input_shape: tuple[int, ...]
) -> None:
    """Raise `InputError` unless a network on the CPU gives logits (B, classes), and has weights to train.

    One input of zeros passes in evaluation mode; lazy layers have weights after it. Then several pass, in
    evaluation and in training, and leave nothing behind. Two names of one tensor are refused: files of
    weights have every tensor once.
    """
    _require_float32(architecture, network)
    modes = {module: module.training for module in network.modules()}
    with torch.no_grad():
        output = network.eval()(torch.zeros(1, *input_shape))
    for module, mode in modes.items():
        module.training = mode
    _require_logits(architecture, output, (1, *input_shape), classes)
    _require_dense(architecture, network.state_dict())
    if not any(parameter.requires_grad for parameter in network.parameters()):
        raise InputError(f"{architecture} has no parameter that requires a gradient; expected at least one")
    _require_own_weights(architecture, network.state_dict())
    _require_batches(architecture, network, classes, input_shape)


def _require_batches(
    architecture: str, network: nn.Module, classes: int, input_shape: tuple[int, ...]
) -> None:
    inputs = torch.zeros(BATCH, *input_shape)
    for training in (False, True):
        with _unchanged(network), torch.random.fork_rng(devices=[]), torch.set_grad_enabled(training):
            output = network.train(training)(inputs)
        _require_logits(architecture, output, inputs.shape, classes, " in training" if training else "")
    if not output.requires_grad:
        raise InputError(
            f"{architecture} returns outputs without a gradient in training; remove no_grad and detach"
        )


@contextmanager
def _unchanged(network: nn.Module) -> Iterator[None]:
    """Undo what passes change: buffers, modes and other attributes of modules.

    Of a copy it would not hold: hooks, and functions that wrap others, are of the modules of the original.
    """
    modes = {module: module.training for module in network.modules()}
    # Compiled modules keep theirs elsewhere.
    plain = [module for module in network.modules() if not isinstance(module, torch.jit.ScriptModule)]
    attributes = [(vars(module), dict(vars(module))) for module in plain]
    attributes += [(module._buffers, dict(module._buffers)) for module in plain]
    values = [(buffer, buffer.clone()) for buffer in network.buffers()]
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode
        for found, before in attributes:
            found.clear()
            found.update(before)
        with torch.no_grad():
            for buffer, value in values:
                buffer.copy_(value)


def _require_float32(architecture: str, network: nn.Module) -> None:
    for name, parameter in network.named_parameters():
        is_number = parameter.is_floating_point() or parameter.is_complex()
        if is_number and parameter.dtype != torch.float32:
            raise InputError(f"{architecture}: {name} is {parameter.dtype}; expected torch.float32")


def _require_logits(
    architecture: str, output: Any, shape: tuple[int, ...], classes: int, when: str = ""
) -> None:
    expected = (shape[0], classes)
    is_tensor = isinstance(output, torch.Tensor)
    if not is_tensor or output.shape != expected:
        found = f" of shape {tuple(output.shape)}" if is_tensor else ""
        raise InputError(
            f"{architecture} returns a {type(output).__name__}{found} for inputs of shape {tuple(shape)}"
            f"{when}; expected a tensor of shape {expected}, inputs and classes"
        )
    if not output.is_floating_point():
        raise InputError(
            f"{architecture} returns outputs of {output.dtype}{when}; expected floating-point numbers"
        )


def _require_dense(architecture: str, state: Mapping[str, Any]) -> None:
    for name, value in state.items():
        if not isinstance(value, torch.Tensor) or value.layout != torch.strided:
            kind = value.layout if isinstance(value, torch.Tensor) else f"a {type(value).__name__}"
            raise InputError(
                f"{architecture}: {name} of its state dict is {kind}; expected dense tensors alone"
            )


def _require_own_weights(architecture: str, state: Mapping[str, torch.Tensor]) -> None:
    names: dict[tuple[int, int], str] = {}
    for name, tensor in state.items():
        if tensor.numel():
            other = names.setdefault((tensor.untyped_storage().data_ptr(), tensor.storage_offset()), name)
            if other != name:
                raise InputError(
                    f"{architecture}: {other} and {name} share their weights; expected a tensor for each"
                )
