"""Optimisers of a run, and what they carry from one epoch to the next."""

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import nn

from anatomy.runtime.settings import Settings

# Names under which a saved state holds what torch's optimisers keep for each parameter.
SLOTS = {"momentum": "momentum_buffer", "exp_avg": "exp_avg", "exp_avg_sq": "exp_avg_sq", "step": "step"}


def _uncompiled(base: type[torch.optim.Optimizer]) -> type[torch.optim.Optimizer]:
    """Return the optimiser as it is inside the wrappers of torch that import torch's compiler first.

    That takes a second of every program, and nothing is compiled here.
    """
    plain = {name: inspect.unwrap(getattr(base, name)) for name in ("add_param_group", "zero_grad")}
    return type(base.__name__, (base,), {**plain, "step": torch.no_grad()(inspect.unwrap(base.step))})


SGD, Adam = _uncompiled(torch.optim.SGD), _uncompiled(torch.optim.Adam)


class MemoryOrderSGD(SGD):
    """SGD with torch's fused kernel on a CPU, for weights that are channels last.

    The kernel updates memory from front to back, whatever the strides; but it first copies every gradient
    that is not contiguous, and leaves the copy unused. Here it is given weights, gradients and momentum in
    the order in which they lie in memory. The same numbers in less time.
    """

    def step(self) -> None:
        """Take one step on all parameters that have a gradient."""
        for group in self.param_groups:
            trained = [parameter for parameter in group["params"] if parameter.grad is not None]
            with torch.no_grad():
                self.update(group, trained, [parameter.grad for parameter in trained])

    def update(
        self, group: Mapping[str, Any], parameters: list[nn.Parameter], gradients: list[torch.Tensor]
    ) -> None:
        """Move parameters of a group against their gradients, without gradients being recorded."""
        momenta = [self._momentum(parameter) for parameter in parameters] if group["momentum"] else []
        torch._fused_sgd_(
            *([_in_memory_order(tensor) for tensor in each] for each in (parameters, gradients, momenta)),
            weight_decay=group["weight_decay"],
            momentum=group["momentum"],
            lr=group["lr"],
            dampening=0,
            nesterov=False,
            maximize=False,
            is_first_step=False,
        )

    def _momentum(self, parameter: nn.Parameter) -> torch.Tensor:
        """Return the momentum of a parameter, which begins with zero."""
        state = self.state[parameter]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(parameter, requires_grad=False)
        return state["momentum_buffer"]


def _in_memory_order(tensor: torch.Tensor) -> torch.Tensor:
    """Return a contiguous view of a tensor that is channels last, and every other tensor as it is."""
    if tensor.is_contiguous() or not tensor.is_contiguous(memory_format=torch.channels_last):
        return tensor
    return tensor.permute(0, 2, 3, 1)


def _groups(network: nn.Module, settings: Settings) -> list[dict[str, Any]]:
    """Return the parameters that are trained, in groups of one weight decay each.

    With `decay: matrices` those of one dimension and biases of any have none.
    """
    decaying, others = [], []
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            matrix = parameter.ndim > 1 and name.rpartition(".")[2] != "bias"
            (decaying if settings.decay == "all" or matrix else others).append(parameter)
    groups = (
        {"params": decaying, "weight_decay": settings.weight_decay},
        {"params": others, "weight_decay": 0.0},
    )
    return [group for group in groups if group["params"]]


def build_optimiser(network: nn.Module, settings: Settings, device: torch.device) -> torch.optim.Optimizer:
    """Return the optimiser that the `optimiser` of a run asks for, for a network on `device`.

    `sgd` has momentum, `adam` torch's defaults; both have weight decay, added to the gradient.
    """
    on_gpu = device.type == "cuda"
    # A graph repeats the numbers that it was recorded with; only tensors can change.
    rate = torch.tensor(settings.learning_rate, device=device) if on_gpu else settings.learning_rate
    groups = _groups(network, settings)
    if settings.kind == "adam":
        return Adam(groups, rate, fused=True, capturable=on_gpu)
    sgd = SGD if on_gpu else MemoryOrderSGD
    return sgd(groups, rate, settings.momentum, fused=True)


def set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of all parameters, in place where it is a tensor."""
    for group in optimiser.param_groups:
        if isinstance(group["lr"], torch.Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


def optimiser_state(
    network: nn.Module, optimiser: torch.optim.Optimizer
) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield what `optimiser` keeps for each parameter, named `<slot>.<parameter>`."""
    for name, parameter in network.named_parameters():
        for slot, key in SLOTS.items():
            kept = optimiser.state[parameter].get(key)
            if kept is not None:
                yield f"{slot}.{name}", kept


def restore_optimiser(
    network: nn.Module, optimiser: torch.optim.Optimizer, tensors: Mapping[str, torch.Tensor]
) -> None:
    """Give `optimiser` what an earlier `optimiser_state` held."""
    for name, parameter in network.named_parameters():
        for slot, key in SLOTS.items():
            if (saved := tensors.get(f"{slot}.{name}")) is None:
                continue
            # In the memory order of the parameter, for kernels that take both.
            buffer = (
                torch.empty_like(parameter.data)
                if saved.ndim
                else torch.empty_like(saved, device=parameter.device)
            )
            optimiser.state[parameter][key] = buffer.copy_(saved)
