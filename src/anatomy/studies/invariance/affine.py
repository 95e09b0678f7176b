"""Scaled, displaced and turned images: the further transformations that units are measured under.

The pixel at p from the centre of the new image is read at R (p - t) / s of the old one: turned
counter-clockwise by an angle, enlarged by s, then moved by t, a fraction of the sides. Bilinear, the border
continued, black outside, grey levels rounded down, as rotations are. The ranges are those of the authors'
later paper, "Invariance Measures for Neural Networks" (arXiv 2310.17404).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.nn import functional

from anatomy.data.rotation import ROUNDING
from anatomy.runtime.errors import InputError

SMALLEST, LARGEST = 0.5, 1.25
FARTHEST = 0.15
FEWEST = 2
# What each kind takes unless it is told: steps of each parameter (angles, scales, displacements per axis).
STEPS = {"scale": (1, 49, 1), "translation": (1, 1, 7), "combined": (8, 7, 3)}


@dataclass(frozen=True)
class Affine:
    """All combinations of so many `angles`, `scales` and `displacements` along each axis.

    Angles are equal steps of a whole turn from -180 degrees on, scales equal steps from 0.5 to 1.25,
    displacements equal steps from -15 % to 15 % of a side; a single one is 0 degrees, 1, and none.
    """

    angles: int = 1
    scales: int = 1
    displacements: int = 1

    def __post_init__(self) -> None:
        if self.count < FEWEST:
            raise InputError(
                f"transformations: {self.count}; a deviation over transformations needs {FEWEST} or more"
            )

    @property
    def count(self) -> int:
        """The number R of transformations."""
        return self.angles * self.scales * self.displacements**2

    def generator(self) -> None:
        """Return no stream: these transformations are exact."""

    def draw(self, images: int, generator: None) -> torch.Tensor:
        """Return angle in degrees, scale, and displacement to the right and down, (R, 4), of all images."""
        angles = torch.zeros(1) if self.angles == 1 else torch.arange(self.angles) * (360 / self.angles) - 180
        scales = torch.ones(1) if self.scales == 1 else torch.linspace(SMALLEST, LARGEST, self.scales)
        moves = torch.linspace(-FARTHEST, FARTHEST, self.displacements)
        moves = torch.zeros(1) if self.displacements == 1 else moves
        return torch.cartesian_prod(angles.double(), scales.double(), moves.double(), moves.double())

    def apply(self, images: torch.Tensor, row: torch.Tensor) -> torch.Tensor:
        """Return images (B, C, H, W) transformed by one row of `draw`."""
        turn, scale, move = _parts(row)
        return resampled(images, turn / scale, move, before=True)

    def undo(self, maps: torch.Tensor, row: torch.Tensor) -> torch.Tensor:
        """Return maps (B, C, H, W), of any size, transformed back."""
        turn, scale, move = _parts(row)
        return resampled(maps, turn.T * scale, -move, before=False)


def _parts(row: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return of a row the matrix of its turn, its scale and its displacement."""
    radians = math.radians(row[0])
    # Rounded, so that quarter turns are exact.
    cosine, sine = round(math.cos(radians), 15), round(math.sin(radians), 15)
    turn = torch.tensor([[cosine, -sine], [sine, cosine]], dtype=torch.float64)
    return turn, row[1].cpu(), row[2:].cpu()


def resampled(images: torch.Tensor, matrix: torch.Tensor, move: torch.Tensor, before: bool) -> torch.Tensor:
    """Return images (B, C, H, W) whose pixel p from the centre is read at A (p - t), or A p - t.

    A (2, 2) is the matrix, t a displacement (2,) to the right and down in fractions of the sides, taken
    away `before` the matrix or after it.
    """
    height, width = images.shape[2:]
    right, down = (torch.arange(side, dtype=torch.float64) + 0.5 - side / 2 for side in (width, height))
    points = torch.stack(torch.meshgrid(right, down, indexing="xy"), -1)
    sides = torch.tensor([width, height], dtype=torch.float64)
    source = (points - move * sides) @ matrix.T if before else points @ matrix.T - move * sides
    # Rounded, so that a pixel on the edge is inside whatever the order of operations.
    source = (source / sides * 2).round(decimals=12)
    inside = ((source >= -1) & (source < 1)).all(-1).to(images.device)
    pixels = images if images.is_floating_point() else images.float()
    grid = source.to(pixels).expand(len(images), -1, -1, -1)
    read = functional.grid_sample(pixels, grid, padding_mode="border", align_corners=False)
    levels = read if images.is_floating_point() else read.add_(ROUNDING).to(images.dtype)
    return levels * inside


def affine_of(kind: str, steps: Sequence[int] | None = None) -> Affine:
    """Return the transformations of a kind, with other `steps` than the usual ones if they are given."""
    if kind not in STEPS:
        raise InputError(f"transformation {kind!r}; allowed: rotation, {', '.join(STEPS)}")
    return Affine(*(STEPS[kind] if steps is None else steps))
