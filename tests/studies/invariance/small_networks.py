"""Small networks and images for the measure."""

from collections import OrderedDict

import numpy as np
import torch
from torch import nn


def small(double=False, seed=0):
    """A convolution, a second one after pooling, and a linear layer."""
    torch.manual_seed(seed)
    layers = OrderedDict(
        c1=nn.Conv2d(1, 4, 3, padding=1),
        act=nn.ReLU(inplace=True),
        pool=nn.MaxPool2d(2),
        c2=nn.Conv2d(4, 6, 3, padding=1),
        flatten=nn.Flatten(),
        fc=nn.Linear(6 * 6 * 6, 3),
    )
    network = nn.Sequential(layers)
    return network.double() if double else network


NAMES = {"first": "c1", "second": "c2", "out": "fc"}


def images(count=40, side=12, channels=1, seed=1):
    """Smooth uint8 images, black at the border as digits are."""
    random = np.random.default_rng(seed)
    whole = random.integers(0, 255, (count, channels, side, side), np.uint8)
    whole[:, :, :2] = whole[:, :, -2:] = whole[..., :2] = whole[..., -2:] = 0
    return torch.from_numpy(whole)


def labels(count=40, classes=3):
    return torch.arange(count) % classes


def in_unit(images):
    return images.float() / 255


def in_unit_double(images):
    return images.double() / 255


def batches(pixels, classes, size=16):
    return zip(pixels.split(size), classes.split(size), strict=True)
