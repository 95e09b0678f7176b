"""Weights that layers of a trained network are reset to: those of a snapshot, or fresh random ones."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import nn

from anatomy.checkpoints.snapshots import load_snapshot
from anatomy.networks.folding import FOLDED_LAYER, fold, foldable, sum_of_copies
from anatomy.networks.forward import conv_layers
from anatomy.runtime.errors import InputError
from anatomy.runtime.streams import stream
from anatomy.studies.arrangements.reinitialisation.names import draw_name
from anatomy.training.task import Task
from anatomy.training.trained import TrainedRun

# Weight (F, C / groups, k, k) or (F, C), and bias (F,) if the layer has one.
Weights = tuple[torch.Tensor, torch.Tensor | None]
# By name of the layer.
LayerWeights = Mapping[str, Weights]


def linear_layers(network: nn.Module) -> dict[str, nn.Linear]:
    """Return the linear layers by name, in the order in which the network lists its modules."""
    return {name: module for name, module in network.named_modules() if isinstance(module, nn.Linear)}


def resettable_layers(network: nn.Module, linear: bool) -> dict[str, nn.Module]:
    """Return the convolutions by name, and after them the linear layers if these are asked for."""
    return {**conv_layers(network), **(linear_layers(network) if linear else {})}


def own_weights(layers: Mapping[str, nn.Module]) -> dict[str, Weights]:
    """Return the weights that layers have."""
    return {
        name: (layer.weight.detach(), None if layer.bias is None else layer.bias.detach())
        for name, layer in layers.items()
    }


def weights_of(tensors: Mapping[str, torch.Tensor]) -> dict[str, Weights]:
    """Return the weights of all convolutions and linear layers of a state dict, or of a part of one."""
    names = [name.removesuffix(".weight") for name in tensors if name.endswith(".weight")]
    return {
        name: (tensors[f"{name}.weight"], tensors.get(f"{name}.bias"))
        for name in names
        if tensors[f"{name}.weight"].ndim > 1
    }


def check_weights(weights: LayerWeights, network: nn.Module, source: str) -> None:
    """Raise `InputError` unless `weights`, from `source`, fit the layers of `network` and are finite.

    Linear layers may be absent. The message names the first layer at fault.
    """
    layers = resettable_layers(network, linear=True)
    for name, layer in layers.items():
        if name not in weights:
            if isinstance(layer, nn.Linear):
                continue
            raise InputError(
                f"{source} has no layer {name}; the network has {_shape(layer.weight)} there: "
                "the snapshot is of another network"
            )
        weight, bias = weights[name]
        if weight.shape != layer.weight.shape:
            raise InputError(
                f"{source}: layer {name} has shape {_shape(weight)}, the network's has "
                f"{_shape(layer.weight)}; the snapshot is of another network"
            )
        if (bias is None) != (layer.bias is None):
            has = "no bias" if bias is None else "a bias"
            raise InputError(
                f"{source}: layer {name} has {has}, unlike the network's; the snapshot is of another network"
            )
        _check_finite(name, weight, bias, source)
    extra = next((name for name in weights if name not in layers), None)
    if extra is not None:
        raise InputError(
            f"{source} has a layer {extra}, the network has none of this name; "
            "the snapshot is of another network"
        )


def _shape(tensor: torch.Tensor) -> str:
    return "x".join(map(str, tensor.shape))


def _check_finite(name: str, weight: torch.Tensor, bias: torch.Tensor | None, source: str) -> None:
    finite = weight.flatten(1).isfinite().all(1)
    if bias is not None:
        finite &= bias.isfinite()
    if not finite.all():
        worst = int((~finite).nonzero()[0])
        raise InputError(
            f"{source}: layer {name} has NaN or infinite weights in filter {worst}; "
            "the training diverged or the file is damaged"
        )


def weights_of_run(
    network: nn.Module, run: TrainedRun, snapshots: Sequence[Path], draws: int, linear: bool
) -> dict[str, dict[str, Weights]]:
    """Return what the layers of a run's final network are reset to, by epoch, and each random draw.

    Snapshots may hold convolutions only; the linear layers of epoch 0 are then drawn again from the seed of
    the run, `InputError` if it began with the weights of a checkpoint. The network must not be folded.
    """
    resets = {}
    for path in snapshots:
        snapshot = load_snapshot(path)
        weights = weights_of({name: torch.from_numpy(array) for name, array in snapshot.arrays.items()})
        if linear and snapshot.origin["epoch"] == 0 and not linear_layers(network).keys() <= weights.keys():
            if "start" in run.facts:
                raise InputError(
                    f"{path} holds convolutions only, and the run began with weights from elsewhere; leave "
                    "--with-linear out, or set `weights: all` in `snapshots` of the experiment, or, for "
                    "hp_arrangements/reinit_layers.py, list the checkpoint that it began with in --inits-from"
                )
            weights = {**own_weights(linear_layers(run.initial_network())), **weights}
        check_weights(weights, network, str(path))
        resets[str(snapshot.origin["epoch"])] = weights
    for draw in range(1, draws + 1):
        resets[draw_name(draw)] = fresh_weights(run.task, draw, linear)
    return resets


def fresh_weights(task: Task, draw: int = 1, linear: bool = False) -> dict[str, Weights]:
    """Draw weights for every layer as at initialisation, independent of those of the run of `task`.

    Draws are numbered from 1. The convolutions are the same with and without linear layers.
    """
    purpose = ("reinitialisation",) if draw == 1 else ("reinitialisation", draw)
    network = task.new_network(stream(task.seed, *purpose))
    return own_weights(resettable_layers(network, linear))


def fold_all(
    network: nn.Module, resets: Mapping[str, LayerWeights], image_shape: tuple[int, int, int]
) -> dict[str, dict[str, Weights]]:
    """Fold the classifier of `network`, in place, and of what it is reset to, if it sees copies.

    The full matrix of a reset is folded as the network's own is, so that a folded network makes the same
    predictions under every reset.
    """
    resets = {key: dict(weights) for key, weights in resets.items()}
    if not foldable(network, image_shape):
        return resets
    count = fold(network)
    for weights in resets.values():
        if FOLDED_LAYER in weights:
            weight, bias = weights[FOLDED_LAYER]
            weights[FOLDED_LAYER] = sum_of_copies(weight, count), bias
    return resets
