"""The plain reference, given the random numbers of a run: what both must agree on."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader

import reference
from anatomy.data.augmentation import Draws
from anatomy.data.dataset import Dataset
from anatomy.data.splits import split_indices
from anatomy.networks.cpu_layers import random_mask
from anatomy.runtime.streams import stream, stream_seed
from anatomy.training.run import Run
from reference import transforms


@contextmanager
def double_precision() -> Iterator[None]:
    """Make float64 the type of every network and image that is built in this context."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


class DrawnPictures(reference.Pictures):
    """Pictures that torchvision crops and flips as `draws` say."""

    def __init__(self, images, labels, draws: Draws, shift: int, transform):
        super().__init__(images, labels, transform)
        self.draws, self.shift = draws, shift

    def picture(self, index: int):
        """Image `index`, padded, cropped and flipped."""
        picture = super().picture(index)
        width, height = picture.size
        padded = transforms.functional.pad(picture, self.shift)
        top, left = int(self.draws.top[index]), int(self.draws.left[index])
        picture = transforms.functional.crop(padded, top, left, height, width)
        return transforms.functional.hflip(picture) if self.draws.flip[index] else picture


class DrawnDropout(nn.Dropout):
    """Dropout that keeps what a run keeps with the same random numbers."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Inputs with a fraction of zeros, the others scaled, in training."""
        kept = random_mask(inputs.shape, self.p) if self.training else 1 - self.p
        return inputs * kept / (1 - self.p)


def epoch_loader(run: Run, dataset: Dataset, description: Mapping[str, Any], epoch: int) -> DataLoader:
    """Return the batches of an epoch of `run`, made from `dataset` the ordinary way."""
    settings, seed = run.settings, run.seed
    train, _ = split_indices(len(dataset.train_labels), settings.validation_fraction, settings.split_seed)
    shift, flip = settings.augmentation.shift, settings.augmentation.flip
    pictures = DrawnPictures(
        dataset.train_images[train],
        dataset.train_labels[train],
        Draws.sample(len(train), shift, flip, stream(seed, "augmentation", epoch)),
        shift,
        reference.plain_transform(description["mean"], description["std"]),
    )
    order = torch.randperm(len(train), generator=stream(seed, "order", epoch)).tolist()
    # A generator of its own, because the loader draws from it and the global one is dropout's.
    return DataLoader(pictures, settings.batch_size, sampler=order, generator=torch.Generator())


def train_reference(
    run: Run, dataset: Dataset, description: Mapping[str, Any]
) -> Iterator[tuple[list[float], nn.Module]]:
    """Train the plain reference from the start of `run`, with its settings and its random numbers.

    Yields the losses of the steps of every epoch, and the network.
    """
    settings = run.settings
    network = reference.vgg(settings.architecture, run.task.classes, settings.width)
    network.load_state_dict(run.initial_network().state_dict())
    for index, layer in enumerate(network.classifier):
        if isinstance(layer, nn.Dropout):
            network.classifier[index] = DrawnDropout(layer.p)
    options, schedule = settings.optimiser, settings.schedule
    optimiser = torch.optim.SGD(
        network.parameters(),
        options.learning_rate,
        momentum=options.momentum,
        weight_decay=options.weight_decay,
    )
    scheduler = torch.optim.lr_scheduler.StepLR(optimiser, schedule.every, schedule.factor)
    for epoch in range(1, settings.epochs + 1):
        loader = epoch_loader(run, dataset, description, epoch)
        torch.manual_seed(stream_seed(run.seed, "dropout", epoch))
        losses = reference.train_epoch(network, optimiser, loader)
        scheduler.step()
        yield losses, network
