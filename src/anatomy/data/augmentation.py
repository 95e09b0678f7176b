"""Random shifts, flips and rotations of whole batches of uint8 images, on the device that holds them."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import torch
from torch.nn import functional

from anatomy.data.rotation import rotate


@dataclass(frozen=True)
class Draws:
    """The random numbers of one epoch: for each training image two offsets, a flip and an angle, (N,) each.

    Angles are in degrees; there are none where nothing is rotated.
    """

    top: torch.Tensor
    left: torch.Tensor
    flip: torch.Tensor
    angle: torch.Tensor | None = None

    @classmethod
    def sample(cls, images: int, shift: int, flip: bool, generator: torch.Generator) -> "Draws":
        """Draw offsets uniformly from 0 to 2 * shift, and flips with probability one half."""
        offsets = torch.randint(0, 2 * shift + 1, (2, images), generator=generator)
        flips = torch.rand(images, generator=generator) < 0.5 if flip else torch.zeros(images) > 0
        return cls(*offsets, flips)

    @classmethod
    def none(cls, images: int) -> "Draws":
        """Return a buffer for the draws of so many images."""
        return cls(*torch.zeros(2, images, dtype=torch.int64), torch.zeros(images, dtype=torch.bool))

    def rotated(self, most: float, generator: torch.Generator) -> "Draws":
        """Return these with angles drawn uniformly from -most to most degrees."""
        uniform = torch.rand(len(self.top), generator=generator)
        return replace(self, angle=most * (2 * uniform - 1))

    def to(self, device: torch.device) -> "Draws":
        """Move to `device`."""
        return self._each(lambda numbers: numbers.to(device))

    def copy_(self, other: "Draws") -> None:
        """Take the draws of `other`, in place."""
        for one in fields(self):
            if (numbers := getattr(self, one.name)) is not None:
                numbers.copy_(getattr(other, one.name))

    def of(self, index: torch.Tensor) -> "Draws":
        """Return those of the images of `index` (B,), in its order."""
        return self._each(lambda numbers: numbers[index])

    def _each(self, change: Callable[[torch.Tensor], torch.Tensor]) -> "Draws":
        """Return these with all numbers changed."""
        values = (getattr(self, one.name) for one in fields(self))
        return Draws(*(None if value is None else change(value) for value in values))


class Augmenter:
    """Crops a shifted window out of images that were padded with black once, flips and rotates it.

    Equals torchvision's RandomCrop(size, padding=shift) and RandomHorizontalFlip for the same
    offsets and flips, and Pillow's bilinear rotation, followed by scaling to [0, 1] and normalisation.
    The padding is black before normalisation, as there.
    """

    def __init__(self, images: torch.Tensor, shift: int):
        """Take uint8 images (N, C, H, W) on any device; `shift` is in pixels."""
        padded = functional.pad(images, (shift,) * 4)
        # windows[n, top, left] is the image n shifted by (top - shift, left - shift): a view.
        n, c, h, w = images.shape
        sn, sc, sh, sw = padded.stride()
        span = 2 * shift + 1
        self.windows = padded.as_strided((n, span, span, c, h, w), (sn, sh, sw, sc, sh, sw))

    def batch(self, index: torch.Tensor, draws: Draws) -> torch.Tensor:
        """Return the augmented uint8 images (B, C, H, W) of `index` (B,)."""
        crops = self.windows[index, draws.top[index], draws.left[index]]
        images = torch.where(draws.flip[index, None, None, None], crops.flip(-1), crops)
        return images if draws.angle is None else rotate(images, draws.angle[index])


def augmented(images: torch.Tensor, shift: int, draws: Draws) -> torch.Tensor:
    """Return uint8 images (B, C, H, W), each augmented with its own of `draws`."""
    return Augmenter(images, shift).batch(torch.arange(len(images), device=images.device), draws)
