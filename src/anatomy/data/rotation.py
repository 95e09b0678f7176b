"""Rotation of batches of images on their device, of uint8 ones equal to Pillow's bilinear `Image.rotate`.

Counter-clockwise by a, Pillow reads the pixel at (x, y) from the centre of the image at

    (x cos a - y sin a,  x sin a + y cos a)

by bilinear interpolation that continues the border, is black outside the image, and rounds down. Images of
floating-point numbers are the same but not rounded.
"""

import torch
from torch.nn import functional

# More than float32 loses of a grey level, so that rounding down does not take a whole one for the one below.
ROUNDING = 2**-7


def rotate(images: torch.Tensor, angles: torch.Tensor) -> torch.Tensor:
    """Return images (B, C, H, W) rotated counter-clockwise about their centres; black, 0, moves in.

    `angles` are in degrees: (B,), one for each image, or (), one for all, which is several times as fast.
    Images are uint8, and equal to Pillow to one grey level, or of floating-point numbers, which are computed
    in their own precision. Nothing here waits for the device.
    """
    x, y, inside = _sources(angles[..., None, None], *images.shape[2:])
    if angles.ndim == 0:
        return _together(images, x, y, inside)
    height, width = images.shape[2:]
    pixels = _numbers(images)
    grid = torch.stack([x * (2 / width) - 1, y * (2 / height) - 1], -1).to(pixels.dtype)
    read = functional.grid_sample(pixels, grid, padding_mode="border", align_corners=False)
    return _levels(read, images.dtype) * inside[:, None]


def _sources(angles: torch.Tensor, height: int, width: int) -> tuple[torch.Tensor, ...]:
    """Return where each pixel is read for angles (..., 1, 1), and whether that is inside: (..., H, W) each.

    x and y are in pixels from the upper left corner. In float64 and in Pillow's order of operations, for
    rounding decides whether a pixel on the edge is inside. Sine and cosine are rounded as there, so that
    quarter turns are exact.
    """
    radians = torch.deg2rad(angles.double() % 360)
    cosine, sine = (function(radians).round(decimals=15) for function in (torch.cos, torch.sin))
    right, down = (
        torch.arange(side, dtype=torch.float64, device=angles.device) + 0.5 for side in (width, height)
    )
    down = down[:, None]
    middle = width / 2, height / 2
    x = cosine * right - sine * down + (sine * middle[1] - cosine * middle[0] + middle[0])
    y = sine * right + cosine * down + (-sine * middle[0] - cosine * middle[1] + middle[1])
    return x, y, (x >= 0) & (x < width) & (y >= 0) & (y < height)


def _numbers(images: torch.Tensor) -> torch.Tensor:
    """Return images as numbers to interpolate: grey levels in float32, others as they are."""
    return images if images.is_floating_point() else images.float()


def _levels(values: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Return interpolated values, which are changed, of this type: grey levels are rounded down."""
    return values if dtype.is_floating_point else values.add_(ROUNDING).to(dtype)


def _together(images: torch.Tensor, x: torch.Tensor, y: torch.Tensor, inside: torch.Tensor) -> torch.Tensor:
    """Read all images at the same x and y (H, W): each pixel as a weighted sum of the same four."""
    height, width = images.shape[2:]
    (rows, of_rows), (columns, of_columns) = _neighbours(y, height), _neighbours(x, width)
    corners = rows[:, :, None] * width + columns[:, None]
    pixels = _numbers(images.reshape(-1, height * width).T.contiguous())
    weights = of_rows.to(pixels.dtype)[:, :, None] * of_columns.to(pixels.dtype)[:, None]
    read = functional.embedding_bag(
        corners.flatten(1), pixels, mode="sum", per_sample_weights=weights.flatten(1)
    )
    return (_levels(read, images.dtype) * inside.view(-1, 1)).T.reshape(images.shape)


def _neighbours(position: torch.Tensor, side: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the two pixels of a line of `side` around each of P positions, and their weights: (P, 2)."""
    before = (position.flatten() - 0.5).floor()
    fraction = position.flatten() - 0.5 - before
    pixels = torch.stack([before, before + 1], 1).clamp(0, side - 1).long()
    return pixels, torch.stack([1 - fraction, fraction], 1)
