"""Accuracy of a trained network after one layer is reset (section 3.3).

Layers before the reset one give the same activations as in the trained network, so they are computed
once per batch of images and shared by all resets: the same operations on the same numbers. The layers
after it are computed for several resets at once, as one larger batch. A reset to the weights that the
trained network has is not computed at all: its predictions are those of the trained network.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.func import functional_call

from anatomy.networks.forward import forward_steps, holds, layer_geometry
from anatomy.networks.layouts import CONVOLUTION, LINEAR
from anatomy.runtime.errors import InputError
from anatomy.studies.arrangements.reinitialisation.predictions import TOP_FIVE, TRAINED, Key, Predictions
from anatomy.studies.arrangements.reinitialisation.weights import LayerWeights, Weights, check_weights

MEBIBYTE = 2**20
# Bounds the activations of a batch under several resets, in MiB, by type of device.
MEMORY = {"cpu": 512, "cuda": 8192}


@dataclass(frozen=True)
class Cell:
    """Predictions with `layer` (numbered from 1) reset to `reset_to`.

    `correct` images are right; `lost` are right before the reset only, `gained` after it only. `same`
    says that the reset leaves the network as it is.
    """

    layer: int
    name: str
    layer_type: str
    reset_to: str
    correct: int
    lost: int
    gained: int
    same: bool


@dataclass(frozen=True)
class Step:
    """A step of the forward pass, and what to reset in it.

    `resets` maps (layer, name of the reset) to the tensors that replace some of the step's own. `bytes`
    bounds what one image takes while this step or a later one is computed. A step that `changes_input` does
    so in place.
    """

    module: nn.Module
    resets: Mapping[Key, Mapping[str, torch.Tensor]]
    bytes: int
    changes_input: bool

    def replacements(self, key: Key) -> dict[str, torch.Tensor]:
        """Return the tensors of one reset, in the memory order of those that they replace."""
        return {
            name: torch.empty_like(self.module.get_parameter(name), requires_grad=False).copy_(tensor)
            for name, tensor in self.resets[key].items()
        }


def _footprints(modules: Sequence[nn.Module], image: torch.Tensor) -> list[tuple[int, bool]]:
    """Return the bytes of the activations that each step holds at once for `image` (1, C, H, W).

    That is the input of the step, and the largest input and output of a module without children. And whether
    the step changes its input in place.
    """
    largest = 0

    def measure(_: nn.Module, inputs: Sequence[Any], output: Any) -> None:
        nonlocal largest
        tensors = [tensor for tensor in (*inputs, output) if isinstance(tensor, torch.Tensor)]
        largest = max(largest, sum(tensor.nbytes for tensor in tensors))

    found = []
    for module in modules:
        leaves = [leaf for leaf in module.modules() if not any(leaf.children())]
        hooks = [leaf.register_forward_hook(measure) for leaf in leaves]
        given, version, before, largest = image, image._version, image.nbytes, 0
        try:
            image = module(given)
        finally:
            for hook in hooks:
                hook.remove()
        found.append((largest + (before if module not in leaves else 0), given._version != version))
    return found


class Resetter:
    """A trained network, and everything that its layers are reset to, one layer at a time."""

    def __init__(
        self,
        network: nn.Module,
        resets: Mapping[str, LayerWeights],
        image_shape: tuple[int, int, int],
        linear: bool = False,
    ):
        """Take a network on its device; `resets` maps a name, e.g. an epoch, to weights of its layers.

        A reset need not hold every linear layer. `InputError` for weights that do not fit or are not
        finite, and for images (C, H, W) that the network cannot take.
        """
        network.eval()
        for key, weights in resets.items():
            check_weights(weights, network, f"reset to {key}")
        self.layers = _layers_met(network, image_shape, linear)
        # What each reset has weights for, of layers that are not reset too.
        self.names = {key: set(weights) for key, weights in resets.items()}
        self.same: set[Key] = set()
        names, modules = zip(*forward_steps(network), strict=True)
        parameter = next(network.parameters())
        # In inference mode, a caller's as well, tensors do not tell what changes them.
        with torch.inference_mode(False), torch.no_grad():
            image = torch.zeros(1, *image_shape, device=parameter.device, dtype=parameter.dtype)
            sizes, changes = zip(*_footprints(modules, image), strict=True)
        self.steps = [
            Step(module, dict(self._resets_within(name, resets)), max(sizes[index:]), changes[index])
            for index, (name, module) in enumerate(zip(names, modules, strict=True))
        ]

    def _resets_within(
        self, step: str, resets: Mapping[str, LayerWeights]
    ) -> Iterator[tuple[Key, dict[str, torch.Tensor]]]:
        """Yield what replaces tensors of the step `step`; its layers have its name as prefix."""
        for name, layer in self.layers.items():
            if not holds(step, name):
                continue
            inside = name.removeprefix(step).removeprefix(".")
            prefix = f"{inside}." if inside else ""
            for key, weights in resets.items():
                if name not in weights:
                    continue
                parts = _on_device(layer, weights[name])
                if all(torch.equal(tensor, getattr(layer, part)) for part, tensor in parts.items()):
                    self.same.add((name, key))
                else:
                    yield (name, key), {f"{prefix}{part}": tensor for part, tensor in parts.items()}

    def batch_size(self, most: int, memory: int) -> int:
        """Return how many images go through at a time, at most `most`, within `memory` MiB."""
        return max(1, min(most, memory * MEBIBYTE // self.steps[0].bytes))

    @torch.inference_mode()
    def logits(
        self, images: torch.Tensor, memory: int, skip: Collection[Key] = ()
    ) -> Iterator[tuple[Key, torch.Tensor]]:
        """Yield the logits (B, classes) of float images (B, C, H, W) under each reset, and under none.

        Those of the trained network come last, under `TRAINED`; resets of `skip` are left out. `memory`
        in MiB decides how many resets of a layer go through the layers after it as one batch. A network that
        changes its inputs in place changes `images`.
        """
        activation = images
        for index, step in enumerate(self.steps):
            keys = [key for key in step.resets if key not in skip]
            together = max(1, memory * MEBIBYTE // (step.bytes * len(images)))
            for start in range(0, len(keys), together):
                group = keys[start : start + together]
                reset = [
                    functional_call(
                        step.module,
                        step.replacements(key),
                        (activation.clone() if step.changes_input else activation,),
                    )
                    for key in group
                ]
                batch = torch.cat(reset) if len(reset) > 1 else reset[0]
                del reset
                for later in self.steps[index + 1 :]:
                    batch = later.module(batch)
                yield from zip(group, batch.split(len(images)), strict=True)
            activation = step.module(activation)
        yield TRAINED, activation

    def evaluate(
        self, first: int, images: torch.Tensor, labels: torch.Tensor, predictions: Predictions, memory: int
    ) -> None:
        """Add to `predictions` which of a batch are predicted correctly, under each reset and under none.

        `images` (B, C, H, W) are floats, `labels` (B,); `first` is the index of the first image. What
        is known already is not computed.
        """
        known = {key for step in self.steps for key in step.resets if predictions.has(first, key)}
        for key, logits in self.logits(images, memory, known):
            if key == TRAINED:
                likeliest = logits.topk(min(5, logits.shape[1])).indices
                predictions.add(first, TOP_FIVE, (likeliest == labels[:, None]).any(1).cpu().numpy())
            predictions.add(first, key, (logits.argmax(1) == labels).cpu().numpy())

    def cells(self, predictions: Predictions) -> list[Cell]:
        """Return one cell per layer and reset, from the predictions of all images."""
        cells = []
        for position, (name, layer) in enumerate(self.layers.items(), 1):
            layer_type = LINEAR if isinstance(layer, nn.Linear) else CONVOLUTION
            for key, names in self.names.items():
                if name in names:
                    same = (name, key) in self.same
                    key_of_cell = TRAINED if same else (name, key)
                    correct, changes = (
                        predictions.correct(key_of_cell),
                        predictions.lost_and_gained(key_of_cell),
                    )
                    cells.append(Cell(position, name, layer_type, key, correct, *changes, same))
        return cells


def _layers_met(network: nn.Module, image_shape: tuple[int, int, int], linear: bool) -> dict[str, nn.Module]:
    """Return the convolutions in the order in which an image meets them, and then the linear layers.

    Those that it does not meet are left out. `InputError` if there are none, or if images do not fit.
    """
    types = (nn.Conv2d, nn.Linear) if linear else (nn.Conv2d,)
    names = [layer.name for cls in types for layer in layer_geometry(network, image_shape, (cls,))]
    if not names:
        hint = "" if linear else "; give --with-linear to reset its linear layers"
        raise InputError(f"the network has no convolutions{hint}")
    return {name: network.get_submodule(name) for name in names}


def _on_device(layer: nn.Module, weights: Weights) -> dict[str, torch.Tensor]:
    """Return weight and bias on the device and in the precision of `layer`; not copied if they are there."""
    parts = dict(zip(("weight", "bias"), weights, strict=True))
    return {part: tensor.to(layer.weight) for part, tensor in parts.items() if tensor is not None}


def count_correct(
    resetter: Resetter,
    batches: Iterable[tuple[torch.Tensor, torch.Tensor]],
    predictions: Predictions | None = None,
    memory: int = MEMORY["cpu"],
) -> tuple[int, list[Cell]]:
    """Count right predictions of the trained network, and of it with each layer reset in turn.

    `batches` yields float images (B, C, H, W) and labels (B,), of the images that are not in `predictions`
    yet. Returns (correct of the trained network, cells).
    """
    predictions = Predictions() if predictions is None else predictions
    first = predictions.images
    for images, labels in batches:
        resetter.evaluate(first, images, labels, predictions, memory)
        first += len(images)
    return predictions.correct(TRAINED), resetter.cells(predictions)
