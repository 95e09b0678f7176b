"""Data sets made, in seconds and without a download, from scikit-learn's 1,797 bundled 8x8 digits.

They stand in for the paper's data sets, and keep what matters to its claims:

- `digits-grey` for MNIST: bright strokes on black, so that only one kind of edge occurs;
- `digits-rgb` for CIFAR-10: colour images of natural statistics, with edges of both polarities.
"""

import numpy as np
from scipy.ndimage import zoom
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from hyperplanes.errors import InputError

CLASSES = tuple(str(digit) for digit in range(10))
BASE_TEST_SHARE = 0.25  # of the 1,797 digits, kept for the test set
CHUNK = 500  # images made at a time, so that the intermediate arrays stay in cache

# Size of a pixel of an 8x8 digit, in pixels of the image made from it: smallest, largest.
GREY_SCALE = (2.2, 2.9)
RGB_SCALE = (2.7, 3.3)
MAX_SHIFT = 1.0  # pixels; training shifts further, if its augmentation says so
MAX_ANGLE = 10.0  # degrees

LEAVES = 48  # discs per background
LEAF_RADIUS = (2.0, 24.0)  # pixels
LEAF_BRIGHTNESS = (0.35, 0.65)  # between dark and light ink
TINT_OF_CLASS = 0.10  # how far a class moves the colour of its images; 1 is from black to full
TINT_OF_IMAGE = 0.10  # standard deviation of an image's own tint: colour is only a hint
TINT_OF_LEAF = 0.06
NOISE = 0.03  # standard deviation per pixel and channel


def make_embedded(name: str, train: int, test: int, seed: int) -> dict[str, np.ndarray]:
    """Make the data set `name` with `train` and `test` images; equal arguments give equal bytes.

    Returns `train_images` and `test_images`, uint8 (N, C, H, W), and `train_labels` and
    `test_labels`, int64 (N,). Classes are balanced to within one image. The two sets are made from
    different handwritten digits.
    """
    if name not in EMBEDDED:
        raise InputError(f"no embedded data set {name!r}; there are: {', '.join(EMBEDDED)}")
    for key, size in (("train", train), ("test", test)):
        if size < 1:
            raise InputError(f"{key} is {size}; an embedded data set needs at least 1 image")
    if seed < 0:
        raise InputError(f"seed is {seed}; it must be 0 or more")

    digits, labels = load_digits(return_X_y=True)
    digits = digits.reshape(-1, 8, 8).astype(np.float32) / 16
    train_digits, test_digits, train_classes, test_classes = train_test_split(
        digits, labels, test_size=BASE_TEST_SHARE, stratify=labels, random_state=0
    )

    train_random, test_random = np.random.default_rng(seed).spawn(2)
    draw = EMBEDDED[name]
    train_images, train_labels = _make_split(draw, train_digits, train_classes, train, train_random)
    test_images, test_labels = _make_split(draw, test_digits, test_classes, test, test_random)
    return {
        "train_images": train_images,
        "train_labels": train_labels,
        "test_images": test_images,
        "test_labels": test_labels,
    }


def _make_split(draw, digits, classes, size, random):
    """Draw `size` images of the 8x8 `digits`, balanced over `classes`: images and labels."""
    labels = random.permutation(np.arange(size, dtype=np.int64) % len(CLASSES))
    chosen = np.empty(size, dtype=np.int64)
    for label in range(len(CLASSES)):
        members = np.flatnonzero(classes == label)
        chosen[labels == label] = random.choice(members, size=np.sum(labels == label))

    glyphs = _enlarge(digits)
    images = [
        draw(glyphs[chosen[start : start + CHUNK]], labels[start : start + CHUNK], random)
        for start in range(0, size, CHUNK)
    ]
    return np.concatenate(images), labels


def _enlarge(digits: np.ndarray, factor: int = 4) -> np.ndarray:
    """Enlarge (N, 8, 8) digits to (N, 8 * factor, 8 * factor), smooth, within [0, 1]."""
    return zoom(digits, (1, factor, factor), order=3, grid_mode=True, mode="nearest").clip(0, 1)


def _place(glyphs, size, scales, random) -> np.ndarray:
    """Turn, scale and shift each glyph on an empty canvas: ink in [0, 1], (N, size, size).

    `scales` bounds the pixels of the canvas per pixel of an 8x8 digit.
    """
    count, side = glyphs.shape[:2]
    angle = np.deg2rad(random.uniform(-MAX_ANGLE, MAX_ANGLE, (count, 1, 1)))
    step = side / 8 / random.uniform(*scales, (count, 1, 1))  # of the glyph, per canvas pixel
    shift_y, shift_x = random.uniform(-MAX_SHIFT, MAX_SHIFT, (2, count, 1, 1))

    offset = np.arange(size) - (size - 1) / 2
    y, x = offset[:, None] - shift_y, offset[None, :] - shift_x
    middle = (side - 1) / 2
    source_y = middle + step * (np.cos(angle) * y - np.sin(angle) * x)
    source_x = middle + step * (np.sin(angle) * y + np.cos(angle) * x)
    ink = _sample(glyphs, source_y, source_x)
    return ((ink - 0.25) / 0.4).clip(0, 1)  # enlarging blurs: make the strokes crisp again


def _sample(images: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Read (N, S, S) images at positions y, x (N, H, W) in pixels: bilinear, zero outside."""
    side = images.shape[-1]
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    y, x = np.clip(y + 1, 0, side + 1), np.clip(x + 1, 0, side + 1)
    top, left = (np.minimum(at.astype(np.intp), side) for at in (y, x))
    down, right = y - top, x - left
    image = np.arange(len(images))[:, None, None]
    above = padded[image, top, left] * (1 - right) + padded[image, top, left + 1] * right
    below = padded[image, top + 1, left] * (1 - right) + padded[image, top + 1, left + 1] * right
    return above * (1 - down) + below * down


def _dead_leaves(count: int, size: int, random: np.random.Generator) -> np.ndarray:
    """Cover `count` squares with random discs: at each pixel, the number of the topmost disc.

    Radii follow the power law (density ~ radius^-3) whose pictures have the statistics of natural
    images: flat regions, sharp edges, the same look at every scale. Returns (count, size, size).
    """
    smallest, largest = LEAF_RADIUS
    uniform = random.random((LEAVES, count))
    radius = (smallest**-2 - uniform * (smallest**-2 - largest**-2)) ** -0.5
    centre_y, centre_x = random.uniform(0, size, (2, LEAVES, count))

    pixel = np.arange(size, dtype=np.float32)
    top = np.zeros((count, size, size), dtype=np.int8)  # disc 0 is what the others leave bare
    for leaf in range(1, LEAVES):
        from_y = (pixel - centre_y[leaf, :, None].astype(np.float32)) ** 2
        from_x = (pixel - centre_x[leaf, :, None].astype(np.float32)) ** 2
        square = (radius[leaf, :, None, None] ** 2).astype(np.float32)
        top[from_y[:, :, None] + from_x[:, None, :] < square] = leaf
    return top


def _class_tints() -> np.ndarray:
    """A colour shift per class, (10, 3): hues around the colour circle, no change of brightness."""
    hue = 2 * np.pi * (np.arange(len(CLASSES)) / len(CLASSES))[:, None]
    return np.cos(hue - 2 * np.pi * np.arange(3) / 3)


def _to_uint8(images: np.ndarray) -> np.ndarray:
    """Images in [0, 1] as bytes."""
    return np.rint(images.clip(0, 1) * 255).astype(np.uint8)


def _draw_grey(glyphs, _labels, random) -> np.ndarray:
    """Bright digits on black: uint8 (N, 1, 28, 28)."""
    return _to_uint8(_place(glyphs, 28, GREY_SCALE, random)[:, None])


def _draw_rgb(glyphs, labels, random) -> np.ndarray:
    """Dark or light digits on tinted dead leaves: uint8 (N, 3, 32, 32)."""
    count, size = len(glyphs), 32
    tint = TINT_OF_CLASS * _class_tints()[labels] + random.normal(0, TINT_OF_IMAGE, (count, 3))
    leaf_colour = random.uniform(*LEAF_BRIGHTNESS, (count, LEAVES, 1)) + tint[:, None]
    leaf_colour = leaf_colour + random.normal(0, TINT_OF_LEAF, (count, LEAVES, 3))
    top = _dead_leaves(count, size, random)
    background = leaf_colour[np.arange(count)[:, None, None], top].transpose(0, 3, 1, 2)

    light = random.random((count, 1)) < 0.5
    ink_colour = np.where(light, 0.9, 0.1) + random.normal(0, 0.08, (count, 3))
    ink = _place(glyphs, size, RGB_SCALE, random)[:, None]
    images = background + ink * (ink_colour[:, :, None, None] - background)
    return _to_uint8(images + random.normal(0, NOISE, images.shape))


EMBEDDED = {"digits-grey": _draw_grey, "digits-rgb": _draw_rgb}
