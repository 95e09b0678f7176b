"""Noise of the paper's controls: wrong labels (figure 6) and shuffled pixels (figure 20)."""

import torch

CHUNK = 1000  # permutations drawn at a time, so that the random keys stay small


def noisy_labels(
    labels: torch.Tensor, classes: int, share: float, kind: str, generator: torch.Generator
) -> torch.Tensor:
    """Replace each label (N,) with probability `share`.

    `uniform` draws the new label from all classes, so that one in `classes` stays right (Zhang et al.
    2017); `wrong` draws it from the other classes, so that none does (the authors' code).
    """
    replaced = torch.rand(len(labels), generator=generator) < share
    if kind == "uniform":
        new = torch.randint(classes, labels.shape, generator=generator)
    else:
        new = (labels + torch.randint(1, classes, labels.shape, generator=generator)) % classes
    return torch.where(replaced, new, labels)


class PixelShuffle:
    """One permutation of the pixel positions for each image, the same for its channels and all epochs."""

    def __init__(self, images: int, pixels: int, generator: torch.Generator):
        """Draw a permutation of `pixels` positions for each of `images` images."""
        chunks = torch.arange(images).split(CHUNK)
        keys = (torch.rand(len(chunk), pixels, generator=generator) for chunk in chunks)
        kind = torch.int16 if pixels <= torch.iinfo(torch.int16).max else torch.int32
        self.order = torch.cat([key.argsort(1).to(kind) for key in keys])

    def to(self, device: torch.device) -> "PixelShuffle":
        """Move to `device`."""
        self.order = self.order.to(device)
        return self

    def __call__(self, batch: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
        """Return the images `batch` (B, C, H, W), which have numbers `index` (B,), with pixels moved."""
        order = self.order[index].long()[:, None].expand(-1, batch.shape[1], -1)
        return batch.flatten(2).gather(2, order).view_as(batch)
