"""Batches of a single image, which batch normalisation after global pooling cannot be trained on."""

import pytest
import torch
from conftest import make_dataset, task_of

from anatomy.runtime.errors import InputError
from anatomy.training.run import begin_run

DESCRIPTION = {"name": "shades", "mean": [0.4] * 3, "std": [0.2] * 3}


def begun(**changes):
    """A run on 81 images of 16 px, one of which is left by batches of 20."""
    return begin_run(task_of(make_dataset(train=90, size=16), DESCRIPTION, **{"width": 0.5, **changes}))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"batch_size": 1},
        {"batch_size": 27, "subspace": {"kind": "line", "num_samples": 27}},
        {"batch_size": 20, "subspace": {"kind": "line"}},
    ],
)
def test_they_are_refused_before_the_first_step(changes):
    with pytest.raises(InputError, match=r"^batch_size: .* one of the 81 training images, .* change it$"):
        begun(architecture="vgg_like", **changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"architecture": "vgg_like", "batch_size": 27},
        {"architecture": "vgg_like", "batch_size": 27, "subspace": {"kind": "line", "num_samples": 9}},
        # The last batch, of 9 images, has parts no smaller than those of others.
        {"architecture": "vgg_like", "batch_size": 24, "subspace": {"kind": "line", "num_samples": 8}},
        {"architecture": "vgg_like", "batch_norm": {"frozen_after": 0}},
        {"architecture": "cifar_resnet_8"},
        {"architecture": "simple_conv"},
    ],
)
def test_others_are_trained(changes):
    state = torch.get_rng_state()
    run = begun(epochs=1, **changes)
    assert torch.equal(torch.get_rng_state(), state)
    run.advance()
    run.advance()
    assert run.finished
