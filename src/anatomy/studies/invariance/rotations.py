"""The rotations that images are measured under: equal steps of a whole turn, with a jitter from a stream.

Angles are r_k = -180 + 360 k / R degrees, k = 0 .. R - 1; an image is turned by one drawn uniformly from
(r_k - jitter, r_k + jitter), for each image and angle anew (Quiroga et al. 2019).
"""

from dataclasses import dataclass

import torch

from anatomy.data.rotation import rotate
from anatomy.runtime.errors import InputError
from anatomy.runtime.streams import stream

FEWEST = 2


@dataclass(frozen=True)
class Rotations:
    """`count` angles, a `jitter` in degrees, and the seed of its random stream.

    With `back` an image is turned and turned back: what is left are its lost corners and the blur of two
    interpolations, so that what a network still varies by is an artefact of rotating pixels. With `masked`
    all but the inscribed circle of an image is black, so that no rotation loses a corner.
    """

    count: int = 16
    jitter: float = 1.0
    seed: int = 0
    back: bool = False
    masked: bool = False

    def __post_init__(self) -> None:
        if self.count < FEWEST:
            raise InputError(
                f"angles: {self.count}; a deviation over rotations needs {FEWEST} or more angles"
            )
        if not 0 <= self.jitter < float("inf"):
            raise InputError(f"jitter: {self.jitter}; expected degrees of at least 0")

    @property
    def angles(self) -> torch.Tensor:
        """The angles (R,) in degrees, without jitter."""
        return -180 + torch.arange(self.count, dtype=torch.float64) * (360 / self.count)

    def generator(self) -> torch.Generator:
        """Return the stream of the jitter, at its beginning."""
        return stream(self.seed, "invariance jitter")

    def draw(self, images: int, generator: torch.Generator) -> torch.Tensor:
        """Return the angles of a batch: (R, B) with jitter, which moves on in its stream, or (R,) without.

        It does not matter into which batches images are split.
        """
        if not self.jitter:
            return self.angles
        uniform = torch.rand(images, self.count, generator=generator, dtype=torch.float64)
        return (self.angles + self.jitter * (2 * uniform - 1)).T

    def apply(self, images: torch.Tensor, angles: torch.Tensor) -> torch.Tensor:
        """Return images (B, C, H, W) turned by angles (B,), or by one () for all."""
        if self.masked:
            images = images * circle(*images.shape[2:], images.device)
        turned = rotate(images, angles)
        return rotate(turned, -angles) if self.back else turned

    def undo(self, maps: torch.Tensor, angles: torch.Tensor) -> torch.Tensor:
        """Return maps (B, C, H, W) turned back by angles, but where `back` has the image upright."""
        return maps if self.back else rotate(maps, -angles)


def circle(height: int, width: int, device: torch.device) -> torch.Tensor:
    """Return which pixels (H, W) have their centre in the largest circle about the middle of an image."""
    down, right = (torch.arange(side, device=device) - (side - 1) / 2 for side in (height, width))
    return down[:, None] ** 2 + right**2 <= (min(height, width) / 2) ** 2
