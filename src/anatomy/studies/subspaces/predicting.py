"""What a network says of images: its logits, and the inputs of its classifier."""

from collections.abc import Iterable

import torch
from torch import nn

from anatomy.data.batches import evaluation_batch
from anatomy.runtime.errors import InputError
from anatomy.studies.subspaces.evaluation import Predictions
from anatomy.training.evaluation import autocast
from anatomy.training.task import Task


def classifier_of(network: nn.Module) -> nn.Module:
    """Return the last layer with weights, a linear one or a convolution; `InputError` if there is none."""
    layers = [m for m in network.modules() if isinstance(m, nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d)]
    if not layers:
        raise InputError(f"this {type(network).__name__} has no linear layer or convolution that classifies")
    return layers[-1]


@torch.inference_mode()
def predict(network: nn.Module, batches: Iterable[torch.Tensor]) -> Predictions:
    """Return what a network says in evaluation of batches of inputs, in float32.

    `InputError` if there are none.
    """
    inputs: list[torch.Tensor] = []
    hook = classifier_of(network).register_forward_pre_hook(lambda _, given: inputs.append(given[0]))
    logits, features = [], []
    network.eval()
    try:
        for batch in batches:
            inputs.clear()
            logits.append(network(batch).float().cpu())
            features.append(inputs[-1].flatten(1).float().cpu())
    finally:
        hook.remove()
    if not logits:
        raise InputError("no batches to evaluate on; give at least one")
    return Predictions(torch.cat(logits).numpy(), torch.cat(features).numpy())


def predict_test(network: nn.Module, task: Task) -> Predictions:
    """Return what a network says of the test images of a run, at the run's precision."""
    images = task.test[0]
    batches = map(task.normalise, images.plain(evaluation_batch(images.shape)))
    with autocast(task.device, task.settings.precision):
        return predict(network, batches)
