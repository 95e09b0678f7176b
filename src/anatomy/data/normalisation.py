"""Pixels as the numbers that a network sees: mean and standard deviation, and the map."""

from collections.abc import Mapping
from typing import Any

import torch


class Normaliser:
    """Maps uint8 images to float32: (x / 255 - mean) / std per channel."""

    def __init__(self, mean: list[float], std: list[float], device: torch.device):
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


def pixel_statistics(pixels: str, description: Mapping[str, Any]) -> tuple[list, list]:
    """Return the (mean, std) per channel to normalise with: of the data, or for [0, 1] or [-1, 1]."""
    if pixels == "unit":
        return [0.0] * description["channels"], [1.0] * description["channels"]
    if pixels == "symmetric":
        return [0.5] * description["channels"], [0.5] * description["channels"]
    return description["mean"], description["std"]
