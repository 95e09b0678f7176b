"""Accuracy of a trained network after one convolution is reset (section 3.3).

Layers before the reset one give the same activations as in the trained network, so they are computed
once per batch of images and shared by all resets: the same operations on the same numbers.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import nn

from hyperplanes.architectures import build_network, conv_layers, forward_steps, initialise_layers
from hyperplanes.errors import InputError
from hyperplanes.files import read_json
from hyperplanes.snapshots import Snapshot
from hyperplanes.streams import stream

# What a layer is reset to: its weight (F, C, k, k) and bias (F,).
Weights = tuple[torch.Tensor, torch.Tensor]
Step = Callable[[torch.Tensor], torch.Tensor]


COLUMNS = (
    "experiment",
    "seed",
    "layer",
    "name",
    "reset_to",
    "images",
    "trained_accuracy",
    "accuracy",
    "drop",
    "relative_drop",
)


@dataclass(frozen=True)
class Cell:
    """Accuracy on all images with `layer` (numbered from 1) reset to `reset_to`."""

    layer: int
    name: str
    reset_to: str
    correct: int


def trained_network(run: Path, classes: int, channels: int) -> tuple[nn.Module, dict[str, Any]]:
    """Return the final network of a run directory, and the content of its run.json."""
    facts = read_json(run / "run.json")
    settings = facts["settings"]
    generator = stream(facts["seed"], "initialisation")
    network = build_network(
        settings["architecture"],
        classes,
        channels,
        settings["width"],
        generator,
        settings["initialisation"],
    )
    network.load_state_dict(load_file(run / "final.safetensors"))
    return network, facts


def snapshot_weights(snapshot: Snapshot) -> dict[str, Weights]:
    """Return the weights of every convolution of a snapshot."""
    return {
        layer.name: tuple(
            torch.from_numpy(snapshot.arrays[f"{layer.name}.{part}"]) for part in ("weight", "bias")
        )
        for layer in snapshot.layers
    }


def fresh_weights(network: nn.Module, settings: Mapping[str, Any], seed: int) -> dict[str, Weights]:
    """Draw weights for every convolution as at initialisation, independent of the run's own."""
    layers = deepcopy(conv_layers(network))
    initialise_layers(
        layers.values(),
        settings["architecture"],
        settings["width"],
        settings["initialisation"],
        stream(seed, "reinitialisation"),
    )
    return {name: (layer.weight.detach(), layer.bias.detach()) for name, layer in layers.items()}


def _apply(steps: Sequence[Step], activation: torch.Tensor) -> torch.Tensor:
    for step in steps:
        activation = step(activation)
    return activation


def _reset(layer: nn.Conv2d, weights: Weights) -> Step:
    """Return the convolution `layer` with other weights."""
    weight, bias = (tensor.to(layer.weight.device) for tensor in weights)
    if weight.shape != layer.weight.shape:
        raise InputError(
            f"weights of shape {tuple(weight.shape)} do not fit a layer of shape "
            f"{tuple(layer.weight.shape)}; the snapshot is of another network"
        )
    return lambda x: layer._conv_forward(x, weight, bias)


@torch.inference_mode()
def count_correct(
    network: nn.Module,
    batches: Iterator[tuple[torch.Tensor, torch.Tensor]],
    resets: Mapping[str, Mapping[str, Weights]],
) -> tuple[int, list[Cell]]:
    """Count correct predictions of the trained network, and of it with each layer reset in turn.

    `batches` yields float images (B, C, H, W) and labels (B,); `resets` maps a name, e.g. an epoch,
    to the weights of every convolution. Returns (correct of the trained network, one cell for each
    layer and reset).
    """
    network.eval()
    names, steps = zip(*forward_steps(network), strict=True)
    layers = conv_layers(network)
    # Step by step: what the layer at this place is reset to, by name of the reset.
    variants = [
        {key: _reset(layers[name], weights[name]) for key, weights in resets.items()}
        if name in layers
        else {}
        for name in names
    ]
    baseline = 0
    correct = {(name, key): 0 for name in layers for key in resets}
    for images, labels in batches:
        activation = images
        for place, (name, step) in enumerate(zip(names, steps, strict=True)):
            for key, variant in variants[place].items():
                logits = _apply(steps[place + 1 :], variant(activation))
                correct[name, key] += int((logits.argmax(1) == labels).sum())
            activation = step(activation)
        baseline += int((activation.argmax(1) == labels).sum())
    numbers = {name: number for number, name in enumerate(layers, 1)}
    cells = [Cell(numbers[name], name, key, count) for (name, key), count in correct.items()]
    return baseline, cells


def reinit_rows(
    baseline: int, cells: Sequence[Cell], images: int, origin: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Return one row of `COLUMNS` per cell; accuracies and drops are shares of `images`."""
    trained = baseline / images
    rows = []
    for cell in cells:
        accuracy = cell.correct / images
        drop = trained - accuracy
        rows.append(
            {
                "experiment": origin["experiment"],
                "seed": origin["seed"],
                "layer": cell.layer,
                "name": cell.name,
                "reset_to": cell.reset_to,
                "images": images,
                "trained_accuracy": trained,
                "accuracy": accuracy,
                "drop": drop,
                "relative_drop": drop / trained if trained else None,
            }
        )
    return rows
