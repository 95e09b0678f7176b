"""What a run begins with: its own initialisation, or what another network has learned.

The weights of a run or of a file take the place of the initialisation, or scale it to their norm:

    theta <- theta |theta_learned| / |theta|,    |.| the Euclidean norm of all parameters.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from anatomy.checkpoints.torch_files import read_checkpoint
from anatomy.networks.forward import layer_geometry
from anatomy.runtime.errors import InputError
from anatomy.runtime.files import sha256_of
from anatomy.runtime.run_files import FINAL_NETWORK, RUN_FILE, read_facts
from anatomy.training.task import Task


@dataclass(frozen=True)
class Start:
    """Weights by name that a run begins with, after `epoch` epochs; None for its own initialisation.

    `take` is `weights`, or `norm` to scale the initialisation instead; `head` names the layer that keeps the
    initialisation in either case. `slots` is what the optimiser kept (see `optimisers.optimiser_state`);
    `optimiser` and `schedule` are the settings that a checkpoint was trained with, empty where it does not
    say. `source` is a record.
    """

    epoch: int = 0
    weights: Mapping[str, torch.Tensor] | None = None
    slots: Mapping[str, torch.Tensor] = field(default_factory=dict)
    optimiser: Mapping[str, Any] = field(default_factory=dict)
    schedule: Mapping[str, Any] = field(default_factory=dict)
    source: Mapping[str, Any] = field(default_factory=dict)
    take: str = "weights"
    head: str | None = None
    # What a message adds, on weights of other shapes.
    hint: str = ""

    def load(self, network: nn.Module) -> None:
        """Give `network` these weights, or their norm; `InputError` names the first that does not fit."""
        if self.weights is None:
            return
        expected = {name: tensor for name, tensor in network.state_dict().items() if not self._keeps(name)}
        where = self.source.get("path", "the checkpoint")
        for name, tensor in expected.items():
            if name not in self.weights:
                # Files of torch before 0.4.1 lack it.
                if name.endswith("num_batches_tracked"):
                    continue
                raise InputError(f"{where} has no {name}; expected the weights of this `architecture`")
            if self.weights[name].shape != tensor.shape:
                raise InputError(
                    f"{where}: {name} has shape {tuple(self.weights[name].shape)}, expected "
                    f"{tuple(tensor.shape)}; `architecture`, its `options`, `dataset` or the number of "
                    "classes differs" + self.hint
                )
            if tensor.is_floating_point() and not self.weights[name].is_floating_point():
                raise InputError(
                    f"{where}: {name} is {self.weights[name].dtype}, expected floating-point numbers; give a "
                    "network that is neither quantised nor a mask"
                )
        learned = {name: tensor for name, tensor in self.weights.items() if not self._keeps(name)}
        if unknown := sorted(learned.keys() - expected.keys()):
            raise InputError(f"{where} has {unknown[0]}, which this `architecture` has not")
        if self.take == "norm":
            scaled = [parameter for name, parameter in network.named_parameters() if not self._keeps(name)]
            names = [name for name, _ in network.named_parameters() if not self._keeps(name)]
            factor = norm(learned[name] for name in names) / norm(scaled)
            with torch.no_grad():
                torch._foreach_mul_(scaled, factor)
        else:
            network.load_state_dict(
                {name: learned.get(name, tensor) for name, tensor in network.state_dict().items()}
            )

    def _keeps(self, name: str) -> bool:
        """Tell whether a tensor is of the layer that keeps its initialisation."""
        return self.head is not None and name.startswith(f"{self.head}.")


INITIALISATION = Start()
HINT = " (for other classes, `start.head: new`)"


def norm(tensors: Iterable[torch.Tensor]) -> float:
    """Return the Euclidean norm of all numbers of some tensors together, summed in float64."""
    return math.sqrt(math.fsum(tensor.detach().double().square().sum().item() for tensor in tensors))


def head_of(network: nn.Module, image_shape: tuple[int, ...]) -> str:
    """Return the name of the last linear layer or convolution that images (C, H, W) meet.

    `InputError` if there is none.
    """
    layers = layer_geometry(network, image_shape, (nn.Conv2d, nn.Linear))
    if not layers:
        raise InputError("start.head: this network has no linear layer and no convolution; remove the key")
    return layers[-1].name


def start_of(task: Task, path: Path | None) -> Start:
    """Return what the key `start` of a run says; `path` is its file, or the directory of the other run.

    `source.sha256` is the checksum of that file, or of the run.json of that run, which changes with anything
    that decides its weights. `InputError` if it is a run of another experiment or seed, or damaged.
    """
    own = task.settings.start
    if own is None:
        return INITIALISATION
    file = record = path
    if own.experiment is not None:
        facts, expected = read_facts(path), {"experiment": own.experiment, "seed": task.seed}
        for key, value in expected.items():
            if facts[key] != value:
                raise InputError(f"{path} is a run of {key} {facts[key]}; expected {key} {value}")
        file, record = path / FINAL_NETWORK, path / RUN_FILE
        if not file.is_file() or sha256_of(file) != facts["sha256"][FINAL_NETWORK]:
            raise InputError(f"{file} is not what {record} describes; train that network again")
    weights = {name: torch.from_numpy(array) for name, array in read_checkpoint(file).tensors.items()}
    source = {"path": str(file), "sha256": sha256_of(record)}
    head = head_of(task.initial_network(), task.input_shape) if own.head == "new" else None
    return Start(weights=weights, source=source, take=own.take, head=head, hint=HINT)
