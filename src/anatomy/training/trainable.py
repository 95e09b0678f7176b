"""Which parts of a network a run trains."""

import difflib
from collections.abc import Sequence

from torch import nn

from anatomy.runtime.errors import InputError


def train_only(network: nn.Module, modules: Sequence[str] | None) -> None:
    """Let gradients reach the parameters of these modules alone, in place; None stands for all modules.

    `InputError` for a name that is no module of the network, or a module that has no parameters.
    """
    if modules is None:
        return
    known = [
        name for name, module in network.named_modules() if name and any(True for _ in module.parameters())
    ]
    for name in modules:
        if name not in known:
            close = difflib.get_close_matches(name, known, 3)
            hint = f"did you mean {' or '.join(close)}?" if close else f"it has {', '.join(known)}"
            raise InputError(f"trainable: {name!r} is no module with parameters of this network; {hint}")
    begins = tuple(f"{name}." for name in modules)
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(name.startswith(begins))
