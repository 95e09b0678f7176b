"""What a run learns: images or points and labels as its network sees them, from settings and a seed alone."""

import math
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

import torch
from torch import nn

from anatomy.data.augmentation import Draws
from anatomy.data.batches import Images, open_images
from anatomy.data.dataset import InMemory, PointDataset
from anatomy.data.description import LEAST_STD, Statistics
from anatomy.data.image_files import IndexedDataset
from anatomy.data.noise import (
    KeyedPixelShuffle,
    PixelShuffle,
    ShuffledImages,
    noisy_labels,
    permuted_labels,
    pixel_shuffle,
)
from anatomy.data.normalisation import normalisation
from anatomy.data.splits import split_of
from anatomy.data.subset import chosen_classes, class_indices, of_classes
from anatomy.data.upscaling import UpscaledDataset, upscaled
from anatomy.networks.build import build_network
from anatomy.runtime.errors import InputError
from anatomy.runtime.run_checks import noise_problems, point_problems
from anatomy.runtime.settings import Settings
from anatomy.runtime.streams import stream

# Images, and their labels (N,) on the device.
Part = tuple[Images | ShuffledImages, torch.Tensor]


def _refuse(problems: Iterable[str]) -> None:
    """Raise `InputError` if there are problems."""
    if found := list(problems):
        raise InputError("; ".join(found))


def _require_spread(statistics: Statistics, noun: str) -> None:
    """Raise `InputError` if pixels, or points, cannot be divided by their standard deviation."""
    axis, pixels = ("coordinate", "raw") if noun == "points" else ("channel", "unit")
    for channel, std in enumerate(statistics[1]):
        if not std > LEAST_STD:
            raise InputError(
                f"{axis} {channel} of {len(statistics[1])}, counted from 0, has one value in all training "
                f"{noun}, so that {'they' if noun == 'points' else 'its pixels'} cannot be standardised; "
                f"set `pixels: {pixels}`"
            )


class Task:
    """The data of a run on a device, in its parts `train`, `validation` and `test`.

    A part is made when it is first asked for, and kept. `classes` counts them, `input_shape` is (C, H, W)
    of the images that the network sees, (d,) of points, and `normalise` maps uint8 images, or float32 points,
    to its inputs.
    """

    def __init__(
        self,
        settings: Settings,
        dataset: InMemory | IndexedDataset,
        description: Mapping[str, Any],
        seed: int,
        device: torch.device,
        workers: int = 0,
        statistics: Statistics | None = None,
    ):
        """Take a prepared data set and its description; `workers` processes read image files.

        Inputs that are standardised are so with `statistics`, mean and standard deviation per channel or
        coordinate; None stands for those of the description, or of the images once enlarged. `InputError` if
        settings and data do not go together.
        """
        self.settings, self.seed, self.device, self.workers = settings, seed, device, workers
        _refuse(noise_problems(settings))
        self.has_points = isinstance(dataset, PointDataset)
        if self.has_points:
            _refuse(point_problems(settings))
        whole = upscaled(dataset, settings.upscaling)
        if settings.pixels == "standardised":
            if statistics is None:
                measured = isinstance(whole, UpscaledDataset) and "mean" not in description.get("source", ())
                statistics = whole.statistics() if measured else (description["mean"], description["std"])
            _require_spread(statistics, "points" if self.has_points else "images")
        self.normalise = normalisation(settings.pixels, whole.input_shape, statistics, device)
        if (subset := settings.class_subset) is not None:
            every = len(dataset.classes)
            kept = chosen_classes(description["name"], every, subset.count, subset.seed)
            dataset = of_classes(dataset, kept)
        self.dataset = upscaled(dataset, settings.upscaling)
        self.classes = len(dataset.classes)
        self.input_shape = self.dataset.input_shape
        noise = settings.label_noise
        if self.classes == 1 and noise.kind == "wrong" and noise.fraction:
            raise InputError("label_noise.kind: no label is wrong where there is one class; remove the key")

    @cached_property
    def split(self) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Indices of the images that train, and of those held out; None if the test images validate."""
        settings, split = self.settings, self.settings.split
        published = None if split is None else (split.shuffle, split.stratified)
        labels = torch.from_numpy(self.dataset.train_labels)
        return split_of(labels, settings.validation_fraction, settings.split_seed, published)

    @property
    def noise_seed(self) -> int:
        """The seed of label noise, unless that has its own, and of shuffled pixels."""
        return self.seed if self.settings.noise_seed is None else self.settings.noise_seed

    @cached_property
    def train_labels(self) -> torch.Tensor:
        """Labels (N,) of the training images, with their noise."""
        noise = self.settings.label_noise
        generator = stream(self.noise_seed if noise.seed is None else noise.seed, "label noise")
        labels = torch.from_numpy(self.dataset.train_labels)[self.split[0]]
        if noise.kind == "permuted":
            labels = permuted_labels(labels, self.noise_groups, generator)
        else:
            labels = noisy_labels(labels, self.classes, noise.fraction, noise.kind, generator, noise.exact)
        return labels.to(self.device)

    @property
    def noise_groups(self) -> list[list[int]]:
        """Groups of classes within which labels are permuted; one of all classes if none are given."""
        if (groups := self.settings.label_noise.groups) is None:
            return [list(range(self.classes))]
        where = "label_noise.groups"
        # In one list, so that a class of two groups is refused.
        found = iter(class_indices([one for group in groups for one in group], self.dataset.classes, where))
        return [[int(next(found)) for _ in group] for group in groups]

    @property
    def shift(self) -> int:
        """Largest shift of an augmented image, in pixels; a crop of random size takes its place."""
        augmentation = self.settings.augmentation
        return 0 if augmentation.random_resized_crop else augmentation.shift

    @property
    def is_augmented(self) -> bool:
        """Whether training images change from epoch to epoch; points never do."""
        return not self.has_points and any(self.settings.augmentation.complete().values())

    def draws(self, epoch: int) -> Draws:
        """Return the random numbers that augment the training images in an epoch; points have none."""
        augmentation, images = self.settings.augmentation, len(self.split[0])
        if self.has_points:
            return Draws.none(0)
        # Drawn on the CPU, so that every type of device sees the same augmentation.
        generator = stream(self.seed, "augmentation", epoch)
        draws = Draws.sample(images, self.shift, augmentation.flip, generator)
        if not augmentation.rotate:
            return draws
        return draws.rotated(augmentation.rotate, stream(self.seed, "rotation", epoch))

    @cached_property
    def images(self) -> Images:
        """The training images as they are read and augmented, before their pixels are moved."""
        return self.open("train", self.split[0], self.shift)

    @cached_property
    def shuffle(self) -> PixelShuffle | KeyedPixelShuffle | None:
        """How the pixels of each training image are moved; None if they stay."""
        if not self.settings.pixel_shuffle:
            return None
        pixels = math.prod(self.input_shape[1:])
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
            self.input_shape[0],
            settings.width,
            generator,
            settings.initialisation.kind,
            settings.initialisation.std,
            self.input_shape[1:],
            settings.copy_of("options"),
            settings.dropout,
        )

    def initial_network(self) -> nn.Module:
        """Return the network that the seed of the run initialises, on the CPU."""
        return self.new_network(stream(self.seed, "initialisation"))
