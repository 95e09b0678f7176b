"""What a run learns: images and labels as its network sees them, made from settings and a seed alone."""

import math
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import torch
from torch import nn

from anatomy.data.batches import Images, open_images
from anatomy.data.dataset import Dataset
from anatomy.data.image_files import IndexedDataset
from anatomy.data.noise import KeyedPixelShuffle, PixelShuffle, ShuffledImages, noisy_labels, pixel_shuffle
from anatomy.data.normalisation import Normaliser, Statistics, pixel_statistics
from anatomy.data.splits import split_of
from anatomy.data.subset import chosen_classes, of_classes
from anatomy.data.upscaling import upscaled
from anatomy.networks.build import build_network
from anatomy.runtime.errors import InputError
from anatomy.runtime.settings import Settings
from anatomy.runtime.streams import stream

# Images, and their labels (N,) on the device.
Part = tuple[Images | ShuffledImages, torch.Tensor]

# Standard deviations that are 0 but for rounding; one pixel of a million images that is not black has more.
NO_SPREAD = 1e-8


def _require_spread(statistics: Statistics) -> None:
    """Raise `InputError` if pixels cannot be divided by their standard deviation."""
    for channel, std in enumerate(statistics[1]):
        if not std > NO_SPREAD:
            raise InputError(
                f"channel {channel} of {len(statistics[1])}, counted from 0, has one value in all training "
                "images, so that its pixels cannot be standardised; set `pixels: unit`"
            )


class Task:
    """The data of a run on a device, in its parts `train`, `validation` and `test`.

    A part is made when it is first asked for, and kept. `classes` counts them, `image_shape` is (C, H, W)
    of what the network sees, and `normalise` maps uint8 images to its inputs.
    """

    def __init__(
        self,
        settings: Settings,
        dataset: Dataset | IndexedDataset,
        description: Mapping[str, Any],
        seed: int,
        device: torch.device,
        workers: int = 0,
        statistics: Statistics | None = None,
    ):
        """Take a prepared data set and its description; `workers` processes read image files.

        Pixels that are standardised are so with `statistics`, mean and standard deviation per channel;
        None stands for those of the training images. `InputError` if settings and data do not go together.
        """
        self.settings, self.seed, self.device, self.workers = settings, seed, device, workers
        dataset = upscaled(dataset, settings.upscaling)
        if settings.pixels == "standardised" and statistics is None:
            enlarged = settings.upscaling is not None
            statistics = dataset.statistics() if enlarged else (description["mean"], description["std"])
        if settings.pixels == "standardised":
            _require_spread(statistics)
        self.normalise = Normaliser(
            *pixel_statistics(settings.pixels, dataset.image_shape[0], statistics), device
        )
        if (subset := settings.class_subset) is not None:
            every = len(dataset.classes)
            dataset = of_classes(
                dataset, chosen_classes(description["name"], every, subset.count, subset.seed)
            )
        self.dataset = dataset
        self.classes = len(dataset.classes)
        self.image_shape = dataset.image_shape

    @cached_property
    def split(self) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Indices of the images that train, and of those held out; None if the test images validate."""
        settings, split = self.settings, self.settings.split
        published = None if split is None else (split.shuffle, split.stratified)
        labels = torch.from_numpy(self.dataset.train_labels)
        return split_of(labels, settings.validation_fraction, settings.split_seed, published)

    @property
    def noise_seed(self) -> int:
        """The seed of label noise and of shuffled pixels."""
        return self.seed if self.settings.noise_seed is None else self.settings.noise_seed

    @cached_property
    def train_labels(self) -> torch.Tensor:
        """Labels (N,) of the training images, with their noise."""
        noise, generator = self.settings.label_noise, stream(self.noise_seed, "label noise")
        labels = torch.from_numpy(self.dataset.train_labels)[self.split[0]]
        return noisy_labels(labels, self.classes, noise.fraction, noise.kind, generator).to(self.device)

    @property
    def shift(self) -> int:
        """Largest shift of an augmented image, in pixels; a crop of random size takes its place."""
        augmentation = self.settings.augmentation
        return 0 if augmentation.random_resized_crop else augmentation.shift

    @cached_property
    def images(self) -> Images:
        """The training images as they are read and augmented, before their pixels are moved."""
        return self.open("train", self.split[0], self.shift)

    @cached_property
    def shuffle(self) -> PixelShuffle | KeyedPixelShuffle | None:
        """How the pixels of each training image are moved; None if they stay."""
        if not self.settings.pixel_shuffle:
            return None
        pixels = math.prod(self.image_shape[1:])
        return pixel_shuffle(len(self.split[0]), pixels, self.noise_seed).to(self.device)

    @property
    def train(self) -> Part:
        """Training images, not augmented, and their labels, both with their noise."""
        images = self.images if self.shuffle is None else ShuffledImages(self.images, self.shuffle)
        return images, self.train_labels

    @cached_property
    def validation(self) -> Part:
        """Images held out of training, and their labels; the test part if none are."""
        held_out = self.split[1]
        if held_out is None:
            return self.test
        labels = torch.from_numpy(self.dataset.train_labels)[held_out]
        return self.open("train", held_out), labels.to(self.device)

    @cached_property
    def test(self) -> Part:
        """Test images and their labels."""
        return self.open("test"), torch.from_numpy(self.dataset.test_labels).to(self.device)

    def open(self, part: str, chosen: torch.Tensor | None = None, shift: int = 0) -> Images:
        """Return images of the data set's part train or test, those with the indices `chosen` (N,).

        They can be augmented by a shift of at most `shift` pixels.
        """
        return open_images(self.dataset, part, self.device, self.workers, chosen, shift)

    def new_network(self, generator: torch.Generator) -> nn.Module:
        """Return a network of the run's architecture for these images and classes, on the CPU."""
        settings = self.settings
        return build_network(
            settings.architecture,
            self.classes,
            self.image_shape[0],
            settings.width,
            generator,
            settings.initialisation.kind,
            settings.initialisation.std,
            self.image_shape[1:],
            settings.copy_of("options"),
            settings.dropout,
        )

    def initial_network(self) -> nn.Module:
        """Return the network that the seed of the run initialises, on the CPU."""
        return self.new_network(stream(self.seed, "initialisation"))
