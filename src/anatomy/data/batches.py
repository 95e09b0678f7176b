"""Inputs of a data set as batches on the device: all resident there, or read from their files in time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from math import prod

import numpy as np
import torch
from torch.utils.data import DataLoader

from anatomy.data.augmentation import Augmenter, Draws, augmented
from anatomy.data.dataset import InMemory, PointDataset, inputs_of
from anatomy.data.decoding import centre_crop, pixels, random_box, resized_crop
from anatomy.data.image_files import CHANNELS, ImageFiles, IndexedDataset
from anatomy.data.upscaling import UpscaledDataset, UpscaledImages
from anatomy.runtime.errors import InputError
from anatomy.runtime.signals import outlive

# Bounds the memory of an evaluation: 500 images up to 70 px, 49 at 224 px.
EVALUATION_BATCH = 500
EVALUATION_PIXELS = 2_500_000


def evaluation_batch(input_shape: tuple[int, ...], most: int = EVALUATION_BATCH) -> int:
    """Return how many images of (C, H, W), or points of (d,), are evaluated at a time, at most `most`."""
    return max(1, min(most, EVALUATION_PIXELS // prod(input_shape[1:])))


class ResidentImages:
    """Images that all lie on the device, for data sets of small images; `shape` is (C, H, W)."""

    def __init__(self, images: torch.Tensor, shift: int = 0):
        """Take uint8 images (N, C, H, W) on any device; `shift` is the largest one, in pixels."""
        self.augmenter = Augmenter(images, shift)
        self.pixels = self.augmenter.windows[:, shift, shift]
        self.shape = tuple(images.shape[1:])

    def plain(self, size: int) -> Iterator[torch.Tensor]:
        """Yield all images in their order, `size` at a time: uint8 (B, C, H, W)."""
        yield from self.pixels.split(size)

    def read(self, batches: Sequence[torch.Tensor], crops: int | None) -> Iterator[tuple[()]]:
        """Yield what `augment` needs to be given for each batch: nothing, for all is at hand."""
        if crops is not None:
            raise InputError(
                "augmentation.random_resized_crop cuts from images of any size; it needs a data set of "
                "image files (source: images)"
            )
        yield from repeat((), len(batches))

    def augment(self, index: torch.Tensor, draws: Draws) -> torch.Tensor:
        """Return the augmented images of a batch of image indices (B,): uint8 (B, C, H, W)."""
        return self.augmenter.batch(index, draws)


class ResidentPoints:
    """Points that all lie on the device, and are never augmented; `shape` is (d,)."""

    def __init__(self, points: torch.Tensor):
        """Take float32 points (N, d) on any device."""
        self.points, self.shape = points, tuple(points.shape[1:])

    def plain(self, size: int) -> Iterator[torch.Tensor]:
        """Yield all points in their order, `size` at a time: float32 (B, d)."""
        yield from self.points.split(size)

    def read(self, batches: Sequence[torch.Tensor], crops: int | None) -> Iterator[tuple[()]]:
        """Yield what `augment` needs to be given for each batch: nothing, for all is at hand."""
        return repeat((), len(batches))

    def augment(self, index: torch.Tensor, draws: Draws) -> torch.Tensor:
        """Return the points of a batch of indices (B,) as they are: float32 (B, d)."""
        return self.points[index]


@dataclass(frozen=True)
class _Reader:
    """Reads a batch of images, cropped; worker processes hold a copy each."""

    files: ImageFiles
    resize: int
    crop: int
    crops: int | None

    def __getitem__(self, indices: np.ndarray) -> np.ndarray | InputError:
        # Raised in a worker, the error would arrive wrapped in a traceback.
        try:
            return np.stack([self.image(int(index)) for index in indices])
        except InputError as error:
            return error

    def image(self, index: int) -> np.ndarray:
        """Return image `index` as uint8 (C, crop, crop)."""
        image = self.files.read(index)
        if self.crops is None:
            return pixels(centre_crop(image, self.resize, self.crop))
        # A stream for each image, so that it does not matter who reads it, when, or after which other.
        stream = np.random.Generator(np.random.Philox(key=self.crops, counter=[0, 0, 0, index]))
        return pixels(resized_crop(image, random_box(*image.size, stream), self.crop))


class StreamedImages:
    """Images read from their files batch by batch, a few batches ahead of their use.

    `shape` is that of the cropped images, (C, H, W).
    """

    def __init__(
        self,
        files: ImageFiles,
        chosen: torch.Tensor,
        crop: tuple[int, int],
        device: torch.device,
        workers: int,
        shift: int = 0,
    ):
        """Take the indices (N,) of the files to use, (resize, crop) in pixels, and the largest shift.

        `workers` processes read, each at most two batches ahead; with 0 this process reads.
        """
        self.files, self.chosen, self.crop = files, chosen, crop
        self.shape = CHANNELS, crop[1], crop[1]
        self.device, self.workers, self.shift = device, workers, shift

    def plain(self, size: int) -> Iterator[torch.Tensor]:
        """Yield all images in their order, `size` at a time: uint8 (B, C, H, W)."""
        yield from self._read(torch.arange(len(self.chosen)).split(size))

    def read(self, batches: Sequence[torch.Tensor], crops: int | None) -> Iterator[tuple[torch.Tensor]]:
        """Yield the images of each batch of image indices (B,), for `augment`.

        `crops` seeds crops of random size; None takes the centre.
        """
        return ((images,) for images in self._read(batches, crops))

    def augment(self, index: torch.Tensor, draws: Draws, images: torch.Tensor) -> torch.Tensor:
        """Return augmented those that were read for a batch of image indices (B,): uint8 (B, C, H, W)."""
        return augmented(images, self.shift, draws.of(index))

    def _read(self, batches: Sequence[torch.Tensor], crops: int | None = None) -> Iterator[torch.Tensor]:
        loader = DataLoader(
            _Reader(self.files, *self.crop, crops),
            sampler=[self.chosen[index.cpu()].numpy() for index in batches],
            batch_size=None,
            num_workers=self.workers,
            pin_memory=self.device.type == "cuda",
            # The loader draws a number even if nothing here is random; the global generator is dropout's.
            generator=torch.Generator(),
            worker_init_fn=_begin_worker,
        )
        for images in loader:
            if isinstance(images, InputError):
                raise images
            yield images.to(self.device, non_blocking=True)


def _begin_worker(_) -> None:
    """Prepare a worker process."""
    outlive()


# Points stand wherever images do.
Images = ResidentImages | StreamedImages | UpscaledImages | ResidentPoints


def open_images(
    dataset: InMemory | IndexedDataset | UpscaledDataset,
    part: str,
    device: torch.device,
    workers: int,
    chosen: torch.Tensor | None = None,
    shift: int = 0,
) -> Images:
    """Return the images of `part` (train or test) as batches on the device; `chosen` (N,) of them.

    Image files are read by `workers` processes as they are needed, pixels and points are moved there at once.
    """
    if isinstance(dataset, IndexedDataset):
        files: ImageFiles = getattr(dataset, part)
        chosen = torch.arange(len(files)) if chosen is None else chosen
        return StreamedImages(files, chosen, (dataset.resize, dataset.crop), device, workers, shift)
    small = dataset.small if isinstance(dataset, UpscaledDataset) else dataset
    images = torch.from_numpy(inputs_of(small, part))
    images = (images if chosen is None else images[chosen]).to(device)
    if isinstance(dataset, PointDataset):
        return ResidentPoints(images)
    if isinstance(dataset, UpscaledDataset):
        return UpscaledImages(images, dataset.size, dataset.border, shift)
    return ResidentImages(images, shift)
