"""The door to a finished run: its settings, what it learned from, and its network after any epoch kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import nn

from anatomy.checkpoints.snapshots import CORNER
from anatomy.data.dataset import open_dataset
from anatomy.runtime.errors import InputError
from anatomy.runtime.files import understood
from anatomy.runtime.run_files import FINAL_NETWORK, read_facts, require_whole
from anatomy.runtime.settings import Settings
from anatomy.training.facts import facts_of_data
from anatomy.training.task import Task


@dataclass(frozen=True)
class TrainedRun:
    """A finished run: `facts` are what its run.json says, `snapshots` its files by epoch."""

    folder: Path
    facts: Mapping[str, Any]
    task: Task
    snapshots: Mapping[int, Path]

    @property
    def settings(self) -> Settings:
        """What the run was trained with."""
        return self.task.settings

    @property
    def seed(self) -> int:
        """The seed of the run."""
        return self.task.seed

    def network(self, epoch: int | None = None) -> nn.Module:
        """Return the network after `epoch`, or at the end, on the CPU and for evaluation.

        Of a subspace that is the mid-point, with running statistics of its own.
        `InputError` for an epoch of which the run has not kept all weights.
        """
        return self._with({n: t for n, t in self._weights(epoch).items() if not n.startswith(CORNER)})

    def corners(self, epoch: int | None = None) -> list[nn.Module]:
        """Return the corners of a subspace after `epoch`, or at the end, as `network` does; [] of a network.

        Running statistics are those of the mid-point: recalibrate them before a corner is evaluated.
        """
        weights = self._weights(epoch)
        found: dict[int, dict[str, torch.Tensor]] = {}
        for name, tensor in weights.items():
            if name.startswith(CORNER):
                index, _, own = name.removeprefix(CORNER).partition(".")
                found.setdefault(int(index), {})[own] = tensor
        middle = {name: tensor for name, tensor in weights.items() if not name.startswith(CORNER)}
        return [self._with({**middle, **own}) for _, own in sorted(found.items())]

    def _weights(self, epoch: int | None) -> dict[str, torch.Tensor]:
        """Return what the file of an epoch holds; `InputError` if the run has not kept all weights."""
        path = self.folder / FINAL_NETWORK
        if epoch is not None and epoch != self.settings.epochs:
            if epoch not in self.snapshots:
                advice = "add it to `snapshots` of the experiment"
                if self.settings.stop is not None:
                    advice = (
                        "a run with `stop` keeps its first and last weights alone; take these, or train "
                        "without `stop` and with the epoch in `snapshots`"
                    )
                raise InputError(f"{self.folder} has no snapshot of epoch {epoch}; {advice}")
            if self.settings.snapshots.weights != "all":
                raise InputError(
                    f"{self.snapshots[epoch]} holds convolutions only; set `weights: all` in `snapshots` of "
                    "the experiment to keep all"
                )
            path = self.snapshots[epoch]
        require_whole(path)
        with understood(path, "the weights of a run", False):
            return load_file(path)

    def _with(self, weights: Mapping[str, torch.Tensor]) -> nn.Module:
        # Its weights are replaced, so that it does not matter how it begins.
        network = self.task.initial_network()
        network.load_state_dict(weights)
        return network.eval()

    def initial_network(self) -> nn.Module:
        """Return the network at epoch 0, on the CPU.

        `InputError` if the seed alone does not make it, and the run has not kept it: if it began with what
        was learned elsewhere, or is a subspace.
        """
        if "start" in self.facts or self.settings.subspace is not None:
            if 0 in self.snapshots and self.settings.snapshots.weights == "all":
                return self.network(0)
            raise InputError(
                f"{self.folder} has not kept all weights that it began with; set `weights: all` in "
                "`snapshots` of the experiment"
            )
        return self.task.initial_network().eval()


def open_run(
    run: Path,
    dataset: Path,
    schema: Mapping[str, Any],
    device: str | torch.device = "cpu",
    workers: int = 0,
) -> TrainedRun:
    """Open the finished run in the directory `run`, with its prepared data set on a device.

    `schema` is the part `run` of the engine's. `InputError` if the run was trained on other data.
    """
    facts = read_facts(run)
    images, description = open_dataset(dataset)
    # Runs of earlier versions do not have all of them.
    if any(facts.get(key, checksum) != checksum for key, checksum in facts_of_data(description).items()):
        raise InputError(
            f"data set {description['name']} is not the one that {run} was trained on; "
            f"expected {facts['dataset']} as it was then, with its statistics; prepare it or train again"
        )
    settings = Settings(facts["settings"], schema)
    statistics = facts.get("statistics")
    task = Task(settings, images, description, facts["seed"], torch.device(device), workers, statistics)
    snapshots = {
        int(name.partition("=")[2].partition(".")[0]): run / name
        for name in facts["sha256"]
        if name.startswith("snapshots/")
    }
    return TrainedRun(run, facts, task, snapshots)
