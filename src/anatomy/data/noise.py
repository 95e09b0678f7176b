"""Noise of the paper's controls: wrong labels (figure 6) and shuffled pixels (figure 20)."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import floor

import torch

from anatomy.data.batches import Images
from anatomy.runtime.streams import stream, stream_seed

CHUNK = 1000  # permutations drawn at a time, so that the random keys stay small
MOST_POSITIONS = 1 << 31  # of all permutations together, that are kept in memory: 4 to 8 GiB


def noisy_labels(
    labels: torch.Tensor,
    classes: int,
    fraction: float,
    kind: str,
    generator: torch.Generator,
    exact: bool = False,
) -> torch.Tensor:
    """Replace each label (N,) with probability `fraction`; `exact` replaces the floor of N * `fraction`.

    `uniform` draws the new label from all classes, so that one in `classes` stays right (Zhang et al.
    2017); `wrong` draws it from the other classes, so that none does (the authors' code). With equal
    generators the labels replaced at a larger fraction are those at a smaller one, and more.
    """
    if exact:
        # A fraction is meant as it is written: 0.29 of 100 labels are 29, though 0.29 * 100 is less.
        count = floor(Fraction(str(fraction)) * len(labels))
        replaced = torch.randperm(len(labels), generator=generator).argsort() < count
    else:
        replaced = torch.rand(len(labels), generator=generator) < fraction
    if kind == "uniform":
        new = torch.randint(classes, labels.shape, generator=generator)
    else:
        new = (labels + torch.randint(1, classes, labels.shape, generator=generator)) % classes
    return torch.where(replaced, new, labels)


def permuted_labels(
    labels: torch.Tensor, groups: Sequence[Sequence[int]], generator: torch.Generator
) -> torch.Tensor:
    """Return labels (N,) with those of each group of classes permuted at random among themselves.

    Labels of classes that are in no group stay.
    """
    permuted = labels.clone()
    for group in groups:
        members = torch.isin(labels, torch.tensor(group, dtype=labels.dtype)).nonzero().flatten()
        permuted[members] = labels[members[torch.randperm(len(members), generator=generator)]]
    return permuted


class PixelShuffle:
    """One permutation of the pixel positions for each image, the same for its channels and all epochs."""

    def __init__(self, images: int, pixels: int, generator: torch.Generator):
        """Draw a permutation of `pixels` positions for each of `images` images."""
        chunks = torch.arange(images).split(CHUNK)
        keys = (torch.rand(len(chunk), pixels, generator=generator) for chunk in chunks)
        dtype = torch.int16 if pixels <= torch.iinfo(torch.int16).max else torch.int32
        self.order = torch.cat([key.argsort(1).to(dtype) for key in keys])

    def to(self, device: torch.device) -> "PixelShuffle":
        """Move to `device`."""
        self.order = self.order.to(device)
        return self

    def __call__(self, batch: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
        """Return the images `batch` (B, C, H, W), which have indices `index` (B,), with pixels moved."""
        order = self.order[index].long()[:, None].expand(-1, batch.shape[1], -1)
        return batch.flatten(2).gather(2, order).view_as(batch)


class KeyedPixelShuffle:
    """As `PixelShuffle`, for images so large that their permutations do not fit into memory.

    The permutation of an image is drawn anew whenever it is needed: its pixels are sorted by the
    SplitMix64 hash of (key, image, pixel), which every device computes alike.
    """

    def __init__(self, pixels: int, key: int):
        """Take the number of `pixels` of an image and the key of the run."""
        self.positions = torch.arange(pixels)
        self.key = key

    def to(self, device: torch.device) -> "KeyedPixelShuffle":
        """Move to `device`."""
        self.positions = self.positions.to(device)
        return self

    def __call__(self, batch: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
        """Return the images `batch` (B, C, H, W), which have indices `index` (B,), with pixels moved."""
        numbers = self.key + index[:, None] * len(self.positions) + self.positions
        order = _splitmix64(numbers).argsort(dim=1, stable=True)
        return batch.flatten(2).gather(2, order[:, None].expand(-1, batch.shape[1], -1)).view_as(batch)


def _splitmix64(numbers: torch.Tensor) -> torch.Tensor:
    """Return the SplitMix64 hash (Steele et al. 2014) of int64 numbers, which wrap around."""
    mixed = numbers * _signed(0x9E3779B97F4A7C15)
    mixed = (mixed ^ _shifted(mixed, 30)) * _signed(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ _shifted(mixed, 27)) * _signed(0x94D049BB133111EB)
    return mixed ^ _shifted(mixed, 31)


def _signed(value: int) -> int:
    """Return the int64 with the bits of an unsigned one."""
    return value - (1 << 64) if value >> 63 else value


def _shifted(numbers: torch.Tensor, bits: int) -> torch.Tensor:
    """Shift int64 to the right as if they had no sign."""
    return (numbers >> bits) & ((1 << (64 - bits)) - 1)


def pixel_shuffle(images: int, pixels: int, seed: int) -> PixelShuffle | KeyedPixelShuffle:
    """Return the permutations of `images` images of `pixels` pixels each, for one seed."""
    if images * pixels <= MOST_POSITIONS:
        return PixelShuffle(images, pixels, stream(seed, "pixel shuffle"))
    return KeyedPixelShuffle(pixels, stream_seed(seed, "pixel shuffle") >> 1)


class ShuffledImages:
    """Training images with their pixels moved, to be evaluated; `shape` is (C, H, W)."""

    def __init__(self, images: Images, shuffle: PixelShuffle | KeyedPixelShuffle):
        """Take the images of a run and their permutations."""
        self.images, self.shuffle, self.shape = images, shuffle, images.shape

    def plain(self, size: int) -> Iterator[torch.Tensor]:
        """Yield all images in their order, `size` at a time: uint8 (B, C, H, W)."""
        first = 0
        for batch in self.images.plain(size):
            index = torch.arange(first, first + len(batch), device=batch.device)
            yield self.shuffle(batch, index)
            first += len(batch)
