"""What a run inherits from one step to the next beside weights and optimiser, to go on inside an epoch.

Order, augmentation and points of a subspace are functions of seed and epoch; what is left are the number of
steps and the sums over them, and where the generator of dropout is.
"""

from collections.abc import Mapping

import torch

from anatomy.runtime.streams import global_generator, set_global_generator

STEPS, GENERATOR = "epoch.steps", "epoch.generator"


def inside_state(
    steps: int, sums: Mapping[str, torch.Tensor], device: torch.device
) -> dict[str, torch.Tensor]:
    """Return what to keep after some steps of an epoch: their number, sums by name, and the generator."""
    state = {f"epoch.{name}": tensor for name, tensor in sums.items()}
    return {**state, STEPS: torch.tensor(steps), GENERATOR: global_generator(device)}


def steps_of(state: Mapping[str, torch.Tensor]) -> int:
    """Return how many steps of an epoch are taken in a state; 0 in that of the end of one."""
    return int(state[STEPS]) if STEPS in state else 0


def begin_sums(
    sums: Mapping[str, torch.Tensor], device: torch.device, state: Mapping[str, torch.Tensor]
) -> int:
    """Set the sums of an epoch that has just been started, in place, to 0, or to those of a state inside it.

    The generator goes on as there. Returns the number of steps that are taken.
    """
    steps = steps_of(state)
    for name, tensor in sums.items():
        tensor.copy_(state[f"epoch.{name}"]) if steps else tensor.zero_()
    if steps:
        set_global_generator(state[GENERATOR], device)
    return steps
