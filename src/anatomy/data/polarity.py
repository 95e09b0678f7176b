"""Images of both polarities: half of them inverted, so that the inverse of every edge occurs as well."""

from dataclasses import replace

import numpy as np

from anatomy.data.dataset import PARTS, Dataset


def with_polarity(dataset: Dataset, polarity: str) -> Dataset:
    """Return a data set in which half of the images of each part are inverted (255 - x) for `both`.

    They are drawn at random, the same for equal numbers of images; of an odd number it is the smaller half.
    For `single` nothing is changed.
    """
    if polarity == "single":
        return dataset
    changed = {}
    for part, random in zip(PARTS, np.random.default_rng(0).spawn(len(PARTS)), strict=True):
        images = getattr(dataset, f"{part}_images").copy()
        inverted = random.permutation(len(images))[: len(images) // 2]
        images[inverted] = 255 - images[inverted]
        changed[f"{part}_images"] = images
    return replace(dataset, **changed)
