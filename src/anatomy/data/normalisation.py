"""Pixels as the numbers that a network sees: mean and standard deviation, and the map."""

from collections.abc import Sequence

import torch

# Mean and standard deviation per channel, of pixels in [0, 1].
Statistics = tuple[Sequence[float], Sequence[float]]


class Normaliser:
    """Maps uint8 images to float32: (x / 255 - mean) / std per channel."""

    def __init__(self, mean: Sequence[float], std: Sequence[float], device: torch.device):
        """Take mean and standard deviation per channel of pixels in [0, 1]."""
        self.scale = 1 / (255 * torch.tensor(std, device=device)[:, None, None])
        self.shift = -torch.tensor(mean, device=device)[:, None, None] / torch.tensor(
            std, device=device
        ).reshape(-1, 1, 1)

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """Return float32 images (N, C, H, W), channels last in memory."""
        return torch.addcmul(self.shift, images.float(), self.scale).contiguous(
            memory_format=torch.channels_last
        )


def pixel_statistics(pixels: str, channels: int, statistics: Statistics | None = None) -> Statistics:
    """Return the (mean, std) per channel to normalise with: for [0, 1] or [-1, 1], or those of the data.

    `statistics` are those of the data, which `standardised` pixels need.
    """
    if pixels == "unit":
        return [0.0] * channels, [1.0] * channels
    if pixels == "symmetric":
        return [0.5] * channels, [0.5] * channels
    return statistics
