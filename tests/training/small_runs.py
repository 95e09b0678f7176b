"""Runs of a small network of a user's own, and the same training written the ordinary way."""

import sys
from pathlib import Path

import torch
from conftest import make_dataset, run_of

from anatomy.data.dataset import channel_statistics
from anatomy.runtime.streams import stream

NETS = """
from collections import OrderedDict

from torch import nn


class Small(nn.Sequential):
    def __init__(self, classes, input_shape, log_softmax=False):
        layers = OrderedDict(
            conv=nn.Conv2d(input_shape[0], 4, 3),
            norm=nn.BatchNorm2d(4),
            relu=nn.ReLU(),
            pool=nn.AdaptiveAvgPool2d(2),
            flatten=nn.Flatten(),
            head=nn.Linear(16, classes),
        )
        if log_softmax:
            layers["logs"] = nn.LogSoftmax(1)
        super().__init__(layers)


class Mlp(nn.Sequential):
    def __init__(self, classes, input_shape, hidden=(10, 10), activation="ReLU"):
        sizes = [input_shape[0] * input_shape[1] * input_shape[2], *hidden]
        layers = [nn.Flatten()]
        for before, after in zip(sizes, sizes[1:]):
            layers += [nn.Linear(before, after), getattr(nn, activation)()]
        super().__init__(*layers, nn.Linear(sizes[-1], classes))
"""


def write_nets(monkeypatch):
    """Put the networks above into `nets.py` in the working directory."""
    # Each test has one of its own.
    monkeypatch.delitem(sys.modules, "nets", raising=False)
    Path("nets.py").write_text(NETS)


PLAIN = {"shift": 0, "flip": False}


def small_run(seed=0, size=8, **changes):
    """A run of `nets:Small` on 96 images without augmentation; `nets.py` lies in the working directory."""
    dataset = make_dataset(size=size)
    mean, std = channel_statistics(dataset.train_images)
    description = {"name": "shades", "classes": dataset.classes, "channels": 3, "mean": mean, "std": std}
    settings = {"architecture": "nets:Small", "width": 1.0, "epochs": 4, "augmentation": PLAIN}
    return run_of(dataset, description, seed, **{**settings, **changes})


def trained(run):
    """The run after its last epoch."""
    while not run.finished:
        run.advance()
    return run


def plain_training(run, loss, optimiser_of, rates, before_epoch=lambda network, epoch: None):
    """Train the network that `run` begins with: `rates` has one for each epoch. Return it and mean losses.

    `optimiser_of` makes the optimiser of a network; `before_epoch` is called in training mode.
    """
    network, task = run.initial_network(), run.task
    inputs = task.normalise(task.images.pixels)
    optimiser, losses = optimiser_of(network), []
    for epoch, rate in enumerate(rates, 1):
        network.train()
        before_epoch(network, epoch)
        for group in optimiser.param_groups:
            group["lr"] = rate
        order = torch.randperm(len(inputs), generator=stream(task.seed, "order", epoch))
        total = 0.0
        for index in order.split(run.settings.batch_size):
            value = loss(network(inputs[index]), task.train_labels[index])
            optimiser.zero_grad()
            value.backward()
            optimiser.step()
            total += value.item() * len(index)
        losses.append(total / len(inputs))
    return network, losses
