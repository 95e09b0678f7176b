"""What a run begins with: its own initialisation, or the weights of a checkpoint of any format."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from anatomy.runtime.errors import InputError


@dataclass(frozen=True)
class Start:
    """Weights by name that a run begins with, after `epoch` epochs; None for its own initialisation.

    `slots` is what the optimiser kept (see `optimisers.optimiser_state`); `optimiser` and `schedule` are
    the settings that a checkpoint was trained with, empty where it does not say. `source` is a record.
    """

    epoch: int = 0
    weights: Mapping[str, torch.Tensor] | None = None
    slots: Mapping[str, torch.Tensor] = field(default_factory=dict)
    optimiser: Mapping[str, Any] = field(default_factory=dict)
    schedule: Mapping[str, Any] = field(default_factory=dict)
    source: Mapping[str, Any] = field(default_factory=dict)

    def load(self, network: nn.Module) -> None:
        """Give `network` these weights; `InputError` names the first that does not fit."""
        if self.weights is None:
            return
        expected = network.state_dict()
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
                    f"{tuple(tensor.shape)}; `architecture`, `dataset` or the number of classes differs"
                )
        if unknown := sorted(self.weights.keys() - expected.keys()):
            raise InputError(f"{where} has {unknown[0]}, which this `architecture` has not")
        network.load_state_dict({**expected, **self.weights})


INITIALISATION = Start()
