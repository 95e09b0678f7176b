"""Small images enlarged batch by batch on the device, byte for byte as Pillow's bilinear resize."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat

import numpy as np
import torch
from torch.nn import functional

from anatomy.data.augmentation import Draws, augmented
from anatomy.data.dataset import Dataset, InMemory, count_values, statistics_of_counts
from anatomy.data.description import Statistics
from anatomy.data.image_files import IndexedDataset
from anatomy.runtime.errors import InputError

# Pillow's weights are whole multiples of 2^-22.
PRECISION_BITS = 22
MEASURED_AT_ONCE = 256
# Size in pixels and black border of each kind of upscaling.
UPSCALING = {"plain": (224, 0), "padded": (112, 56)}


def _bilinear_weights(before: int, after: int) -> tuple[np.ndarray, np.ndarray]:
    """Return for each of `after` pixels of a row the pixels it is a mean of, and their weights.

    Both are (after, taps), the weights in units of 2^-22. When a row shrinks, more than two pixels count.
    """
    scale = before / after
    support = max(scale, 1.0)
    centres = (np.arange(after) + 0.5) * scale
    first = np.maximum((centres - support + 0.5).astype(int), 0)
    last = np.minimum((centres + support + 0.5).astype(int), before)
    positions = first[:, None] + np.arange((last - first).max())
    weights = np.maximum(1 - np.abs((positions - centres[:, None] + 0.5) / support), 0)
    weights[positions >= last[:, None]] = 0
    weights /= weights.sum(1, keepdims=True)
    whole = np.floor(weights * 2**PRECISION_BITS + 0.5).astype(np.int32)
    return np.minimum(positions, before - 1), whole


class Resize:
    """Scales uint8 images to `size` by `size` pixels and adds a black border of `border` pixels."""

    def __init__(self, image_shape: tuple[int, int, int], size: int, border: int, device: torch.device):
        """Take the (C, H, W) of the images that will come."""
        self.border = border
        # Width first, as Pillow: it rounds to whole grey levels in between.
        self.passes = []
        for axis, before in ((-1, image_shape[2]), (-2, image_shape[1])):
            positions, weights = map(torch.from_numpy, _bilinear_weights(before, size))
            if before != size:
                self.passes.append((axis, positions.T.to(device), weights.T.to(device)))

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """Return uint8 images (B, C, side, side) of uint8 images (B, C, H, W)."""
        for axis, positions, weights in self.passes:
            total = torch.full((), 1 << (PRECISION_BITS - 1), dtype=torch.int32, device=images.device)
            for position, weight in zip(positions, weights, strict=True):
                pixels = images.index_select(axis, position).int()
                total = total + pixels * (weight if axis == -1 else weight[:, None])
            images = (total >> PRECISION_BITS).to(torch.uint8)
        # Black, as the padding of the authors' code, whatever the normalisation.
        return functional.pad(images, (self.border,) * 4)


@dataclass(frozen=True)
class UpscaledDataset:
    """A data set of small images that networks see at `size` pixels inside a black border of `border`."""

    small: Dataset
    size: int
    border: int

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of every image, once enlarged."""
        side = self.size + 2 * self.border
        return self.small.input_shape[0], side, side

    @property
    def train_labels(self) -> np.ndarray:
        """Class indices of the training images, int64 (N,)."""
        return self.small.train_labels

    @property
    def test_labels(self) -> np.ndarray:
        """Class indices of the test images, int64 (N,)."""
        return self.small.test_labels

    @property
    def classes(self) -> Sequence[str]:
        """Names of the classes."""
        return self.small.classes

    def statistics(self) -> Statistics:
        """Return mean and standard deviation per channel of the enlarged training images in [0, 1]."""
        images = UpscaledImages(torch.from_numpy(self.small.train_images), self.size, self.border)
        counts = np.zeros((self.input_shape[0], 256), np.int64)
        for batch in images.plain(MEASURED_AT_ONCE):
            counts += count_values(batch.numpy())
        return statistics_of_counts(counts)


def upscaled(
    dataset: InMemory | IndexedDataset, kind: str | None
) -> InMemory | IndexedDataset | UpscaledDataset:
    """Return `dataset`, its images enlarged if `kind` is one of `UPSCALING`; `InputError` for image files."""
    if kind is None:
        return dataset
    if isinstance(dataset, IndexedDataset):
        raise InputError(
            f"upscaling {kind} is for small images; those of this data set are read from files at "
            f"{dataset.crop} pixels"
        )
    return UpscaledDataset(dataset, *UPSCALING[kind])


class UpscaledImages:
    """Small images that lie on the device and are enlarged when they are needed; `shape` is (C, H, W)."""

    def __init__(self, images: torch.Tensor, size: int, border: int, shift: int = 0):
        """Take small uint8 images (N, C, H, W) on any device; `shift` is the largest one, in pixels."""
        self.images, self.shift = images, shift
        self.resize = Resize(images.shape[1:], size, border, images.device)
        self.shape = images.shape[1], size + 2 * border, size + 2 * border

    def plain(self, size: int) -> Iterator[torch.Tensor]:
        """Yield all images in their order, `size` at a time: uint8 (B, C, H, W)."""
        return map(self.resize, self.images.split(size))

    def read(self, batches: Sequence[torch.Tensor], crops: int | None) -> Iterator[tuple[()]]:
        """Yield what `augment` needs to be given for each batch: nothing, for all is at hand."""
        if crops is not None:
            raise InputError("augmentation.random_resized_crop does not go with images that are upscaled")
        return repeat((), len(batches))

    def augment(self, index: torch.Tensor, draws: Draws) -> torch.Tensor:
        """Return the enlarged, then augmented images of a batch of indices (B,): uint8 (B, C, H, W)."""
        return augmented(self.resize(self.images[index]), self.shift, draws.of(index))
