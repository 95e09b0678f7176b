"""Pixels and points as the numbers that a network sees: mean and standard deviation, and the map."""

from collections.abc import Callable, Sequence

import torch

from anatomy.data.description import Statistics


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


class PointNormaliser:
    """Maps float32 points to (x - mean) / std for each coordinate."""

    def __init__(self, mean: Sequence[float], std: Sequence[float], device: torch.device):
        """Take mean and standard deviation of each of d coordinates."""
        self.mean, self.std = (torch.tensor(values, device=device) for values in (mean, std))

    def __call__(self, points: torch.Tensor) -> torch.Tensor:
        """Return float32 points (N, d)."""
        return (points - self.mean) / self.std


def raw_images(images: torch.Tensor) -> torch.Tensor:
    """Return uint8 images as the same numbers in float32 (N, C, H, W), 0 to 255, channels last in memory."""
    return images.float().contiguous(memory_format=torch.channels_last)


def raw_points(points: torch.Tensor) -> torch.Tensor:
    """Return float32 points (N, d) as they are, but a copy: a network may change its inputs."""
    return points.clone()


# Maps inputs of a data set to those of a network.
Normalisation = Callable[[torch.Tensor], torch.Tensor]

# Mean and standard deviation of every channel for [0, 1] and for [-1, 1].
FIXED = {"unit": (0.0, 1.0), "symmetric": (0.5, 0.5)}


def normalisation(
    pixels: str, input_shape: tuple[int, ...], statistics: Statistics, device: torch.device
) -> Normalisation:
    """Return the map for a value of the key `pixels`, of images (C, H, W) or points (d,).

    `standardised` is so by `statistics`; points are that or `raw`.
    """
    of_points = len(input_shape) == 1
    if pixels == "raw":
        return raw_points if of_points else raw_images
    if pixels == "standardised":
        return (PointNormaliser if of_points else Normaliser)(*statistics, device)
    mean, std = ([value] * input_shape[0] for value in FIXED[pixels])
    return Normaliser(mean, std, device)
