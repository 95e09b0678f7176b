"""Checkpoints that a training begins with: weights alone, and the snapshots of the authors' train.py."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from anatomy.checkpoints.torch_files import read_checkpoint
from anatomy.runtime.errors import InputError
from anatomy.runtime.files import sha256_of
from anatomy.runtime.run_files import FINAL_NETWORK
from anatomy.studies.arrangements.hp_arrangements.names import epoch_of, last_number
from anatomy.training.optimisers import SLOTS
from anatomy.training.start import Start

# Keys of the authors' snapshots `<arch>_<e>.tar`, beside the weights.
OPTIMISER, SCHEDULER, EPOCH = "optimizer_state_dict", "scheduler_state_dict", "epoch"


class Checkpoint(Start):
    """What a file holds that an option names."""

    def load(self, network: nn.Module) -> None:
        """As `Start`; the message also has the options that decide which network is expected."""
        try:
            super().load(network)
        except InputError as error:
            raise InputError(f"{error}; here they are --arch and --dataset") from error


def read_start(path: Path) -> Start:
    """Read a checkpoint: safetensors, a state dict of torch, or a snapshot `.tar` of the authors' code.

    Weights alone say nothing of their epoch, but for `final.safetensors` of a run and the authors'
    `<arch>_<epochs>.pt`; it is 0 for others.
    """
    if not path.is_file():
        raise InputError(f"--resume-from {path} does not exist")
    source = {"path": str(path), "sha256": sha256_of(path)}
    checkpoint = read_checkpoint(path)
    weights = {name: torch.from_numpy(array) for name, array in checkpoint.tensors.items()}
    if {OPTIMISER, EPOCH} <= checkpoint.entries.keys():
        return _start_of_snapshot(path, weights, checkpoint.entries, source)
    return Checkpoint(_epochs_done(path), weights, source=source)


def _epochs_done(path: Path) -> int:
    """Return after how many epochs weights alone were saved, as far as their directory or name says."""
    if path.name == FINAL_NETWORK:
        return epoch_of(path) or 0
    return (last_number(path) or 0) if path.suffix == ".pt" else 0


def _start_of_snapshot(
    path: Path, weights: Mapping[str, torch.Tensor], entries: Mapping[str, Any], source: Mapping[str, Any]
) -> Start:
    """Return what a snapshot of the authors' code holds; it counts epochs from 0.

    `InputError` if the file is of other code, with another optimiser or scheduler.
    """
    saved, scheduler = entries[OPTIMISER], entries.get(SCHEDULER) or {}
    _require(path, OPTIMISER, saved, "param_groups", "state")
    for group in saved["param_groups"]:
        _require(path, OPTIMISER, group, "params")
    # Parameters are numbered in the order of the network, which also has buffers.
    buffers = ("running_mean", "running_var", "num_batches_tracked")
    names = [name for name in weights if not name.endswith(buffers)]
    if len(names) != (count := sum(len(each["params"]) for each in saved["param_groups"])):
        raise InputError(
            f"{path}: its optimiser has {count} parameters, the network {len(names)}; give the weights alone"
        )
    slots = {
        f"{slot}.{names[index]}": torch.as_tensor(kept[key])
        for index, kept in saved["state"].items()
        for slot, key in SLOTS.items()
        if kept.get(key) is not None
    }
    group = next(iter(saved["param_groups"]), {})
    adam = "betas" in group
    _require(path, OPTIMISER, group, "lr", *(("amsgrad",) if adam else ("momentum", "weight_decay")))
    if not all(map(_is_plain, saved["param_groups"])):
        raise InputError(
            f"{path}: {OPTIMISER} has options of another optimiser, expected plain SGD or Adam; save "
            "the weights (a state dict) alone"
        )
    optimiser = {
        "kind": "adam" if adam else "sgd",
        "learning_rate": float(group.get("initial_lr", group["lr"])),
        "momentum": 0.0 if adam else group["momentum"],
        "weight_decay": 0.0 if adam else group["weight_decay"],
    }
    schedule = {"kind": "step", "every": 1, "factor": 1.0}
    if scheduler:
        _require(path, SCHEDULER, scheduler, "step_size", "gamma")
        schedule.update(every=scheduler["step_size"], factor=scheduler["gamma"])
    epoch = entries[EPOCH] + 1
    return Checkpoint(epoch, weights, slots, optimiser, schedule, source={**source, "epoch": epoch})


def _is_plain(group: Mapping[str, Any]) -> bool:
    """Tell whether options of an optimiser are those of SGD with momentum or of Adam as torch has it."""
    if "betas" in group:
        usual = (tuple(group["betas"]), group.get("eps")) == ((0.9, 0.999), 1e-8)
        return usual and not group.get("amsgrad") and not group.get("weight_decay")
    return "alpha" not in group and not group.get("nesterov") and not group.get("dampening")


def _require(path: Path, entry: str, content: Any, *keys: str) -> None:
    """Raise `InputError` unless `content`, in an entry of a file, is a mapping with `keys`."""
    if missing := [key for key in keys if not isinstance(content, Mapping) or key not in content]:
        raise InputError(
            f"{path}: {entry} has no {missing[0]}; expected what the authors' code saves of SGD or Adam and "
            "of StepLR: save the weights (a state dict) alone"
        )
