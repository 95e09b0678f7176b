"""Runs that options of the authors' train.py describe, and the same trainings written the ordinary way."""

import csv

import numpy as np
import torch
from conftest import RUN_SCHEMA, SCRIPTS
from PIL import Image
from safetensors.torch import load_file
from torch.nn import functional

from anatomy.data.dataset import channel_statistics
from anatomy.networks.build import build_network
from anatomy.runtime.settings import Settings
from anatomy.runtime.streams import stream, stream_seed
from anatomy.studies.arrangements.hp_arrangements.data import open_named
from anatomy.studies.arrangements.hp_arrangements.options import hashes_of_code, parse_train
from anatomy.studies.arrangements.hp_arrangements.train import CommandLineRun
from anatomy.training.task import Task

CPU = torch.device("cpu")
PROGRAM = SCRIPTS / "hp_arrangements" / "train.py"


def parsed(*options):
    return parse_train(PROGRAM, [*map(str, options), "--threads", "1"])


def command_line_run(*options):
    """A run of LeNet on `shades`, unless options say otherwise."""
    defaults = ["--arch", "lenet", "--dataset", "shades", "--seed", "3", "--batch-size", "20"]
    options = parsed(*defaults, *options)
    return CommandLineRun(options, hashes_of_code(options), "cpu")


def prepared_run(*options):
    """The same, ready for its first epoch."""
    run = command_line_run(*options)
    return run.run(run.settings)


def seen(choice, test_only=False, **settings):
    """What a network sees of a choice of data."""
    dataset, description = open_named(choice, test_only)
    settings = Settings(settings, RUN_SCHEMA)
    return Task(settings, dataset, description, 0, CPU, statistics=choice.statistics(settings.upscaling))


def trained(*options):
    """Train to the end; return the run directory."""
    run = command_line_run(*options)
    run.train()
    return run.folder


def history(folder):
    with open(folder / "history.csv", newline="") as file:
        return list(csv.DictReader(file))


def plain_run(data, epochs, optimiser, network=None, first=1, shuffle_seed=None):
    """Train LeNet on images in their order, written the ordinary way; return network and optimiser."""
    mean, std = channel_statistics(data.train_images)
    images = (torch.from_numpy(data.train_images) / 255 - mean[0]) / std[0]
    labels = torch.from_numpy(data.train_labels)
    if network is None:
        network = build_network("lenet", 4, 1, 1.0, stream(3, "initialisation"), "published")
    optimiser = optimiser(network.parameters())
    for epoch in range(first, first + epochs):
        torch.manual_seed(stream_seed(3, "dropout", epoch))
        network.train()
        for batch in torch.arange(len(images)).split(20):
            optimiser.zero_grad()
            functional.cross_entropy(network(images[batch]), labels[batch]).backward()
            optimiser.step()
    return network, optimiser


def assert_close(folder, network, tolerance=1e-5):
    """Compare the final weights with a network; weights move by 0.01 and more."""
    for name, tensor in load_file(folder / "final.safetensors").items():
        assert (tensor - network.state_dict()[name]).abs().mean() < tolerance, name


def pillow(images, size, border):
    mode = images.transpose(0, 2, 3, 1) if images.shape[1] == 3 else images[:, 0]
    large = [np.asarray(Image.fromarray(one).resize((size, size), Image.Resampling.BILINEAR)) for one in mode]
    stacked = np.stack(large).reshape(len(images), size, size, -1).transpose(0, 3, 1, 2)
    return np.pad(stacked, ((0, 0), (0, 0), (border, border), (border, border)))
