"""What a network of a user's own has to be: trainable, with weights of its own, and one output per class."""

import torch
from torch import nn

from anatomy.runtime.errors import InputError


def require_trainable(
    network: nn.Module, architecture: str, classes: int, input_shape: tuple[int, int, int]
) -> None:
    """Raise `InputError` unless a network on the CPU gives logits (1, classes), and has weights to train.

    One image of zeros (1, C, H, W) passes in evaluation mode; lazy layers have weights after it. Two names of
    one tensor are refused: files of weights have every tensor once.
    """
    modes = {module: module.training for module in network.modules()}
    with torch.no_grad():
        output = network.eval()(torch.zeros(1, *input_shape))
    for module, mode in modes.items():
        module.training = mode
    if not isinstance(output, torch.Tensor) or output.shape != (1, classes):
        shape = f" of shape {tuple(output.shape)}" if isinstance(output, torch.Tensor) else ""
        raise InputError(
            f"{architecture} returns a {type(output).__name__}{shape} for images of shape "
            f"{(1, *input_shape)}; expected a tensor of shape {(1, classes)}, images and classes"
        )
    if not any(parameter.requires_grad for parameter in network.parameters()):
        raise InputError(f"{architecture} has no parameter that requires a gradient; expected at least one")
    names: dict[tuple[int, int], str] = {}
    for name, tensor in network.state_dict().items():
        if tensor.numel():
            other = names.setdefault((tensor.untyped_storage().data_ptr(), tensor.storage_offset()), name)
            if other != name:
                raise InputError(
                    f"{architecture}: {other} and {name} share their weights; expected a tensor for each"
                )
