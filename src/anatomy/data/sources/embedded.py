"""Data sets made, in seconds and without a download, from scikit-learn's 1,797 bundled 8x8 digits.

They stand in for the paper's data sets, and keep what matters to its claims:

- `digits-grey` for MNIST: bright strokes on black, so that edges of only one polarity occur;
- `digits-rgb` for CIFAR-10: colour images of natural statistics, with edges of both polarities;
- `digits-rgb-100` for CIFAR-100: light digits on such clutter, 100 classes of digit and hue;
- `digits-rgb-large` for ImageNet: four times the pixels, enough for AlexNet, 20 classes of digit and hue.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from scipy.ndimage import zoom
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from anatomy.data.dataset import Dataset, write_dataset
from anatomy.data.sources import described
from anatomy.data.subset import given_statistics, selected
from anatomy.runtime.errors import InputError
from anatomy.runtime.settings import Settings

DIGITS = 10
POLARITIES = ("single", "both")
TEST_FRACTION = 0.25  # of the 1,797 digits, kept for the test set
CHUNK = 500  # images made at a time, so that the intermediate arrays stay in cache

GREY_SIZE = 28  # pixels
GREY_SCALE = (2.2, 2.9)  # size of a pixel of an 8x8 digit in pixels of the image: smallest, largest
MAX_SHIFT = 1.0  # pixels; training shifts further, if its augmentation says so
MAX_ANGLE = 10.0  # degrees

LEAVES = 48  # discs per background
TINT_OF_LEAF = 0.06  # standard deviation of a leaf's own tint; 1 is from black to full
NOISE = 0.03  # standard deviation per pixel and channel


@dataclass(frozen=True)
class Scene:
    """How RGB digits are drawn; lengths in pixels, tints as fractions of the way from black to full."""

    size: int = 32
    scale: tuple[float, float] = (2.7, 3.3)  # of a digit, as GREY_SCALE
    shift: float = MAX_SHIFT
    leaf_radius: tuple[float, float] = (2.0, 24.0)
    leaf_brightness: tuple[float, float] = (0.35, 0.65)  # between dark and light ink
    hues: int = 10
    tint_of_class: float = 0.10  # how far the hue of its class moves the colour of an image
    tint_of_image: float = 0.10  # standard deviation of an image's own tint
    light: float = 0.5  # fraction of images with light ink, the others have dark ink


@dataclass(frozen=True)
class Variant:
    """`draw` makes images of glyphs and labels; label = digit * number of hues + hue."""

    draw: Callable[..., np.ndarray]
    hues: tuple[str, ...] = ("",)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes in the order of the labels, e.g. `7` or `7 red`."""
        return tuple(f"{digit} {hue}".strip() for digit in range(DIGITS) for hue in self.hues)


def class_names(name: str) -> tuple[str, ...]:
    """Return the names of the classes of variant `name`, in the order of the labels."""
    return _variant(name).classes


def _variant(name: str) -> Variant:
    if name not in EMBEDDED:
        raise InputError(f"no embedded data set {name!r}; there are: {', '.join(EMBEDDED)}")
    return EMBEDDED[name]


def make_embedded(
    name: str, train: int, test: int, seed: int, polarity: str = "single"
) -> dict[str, np.ndarray]:
    """Make the data set `name` with `train` and `test` images; equal arguments give equal bytes.

    Returns `train_images` and `test_images`, uint8 (N, C, H, W), and `train_labels` and
    `test_labels`, int64 (N,). Classes are balanced to within one image. The two sets are made from
    different handwritten digits. With polarity `both`, half of the images of each set, drawn at
    random, are inverted (255 - x) and nothing else differs; only `digits-grey` has a choice.
    """
    variant = _variant(name)
    if polarity not in POLARITIES:
        raise InputError(f"polarity is {polarity!r}; allowed: {', '.join(POLARITIES)}")
    if polarity == "both" and name != "digits-grey":
        raise InputError(f"polarity is 'both' but {name} has both as it is; it needs digits-grey")
    for key, size in (("train", train), ("test", test)):
        if size < 1:
            raise InputError(f"{key} is {size}; an embedded data set needs at least 1 image")
    if seed < 0:
        raise InputError(f"seed is {seed}; it must be 0 or more")

    digits, labels = load_digits(return_X_y=True)
    digits = digits.reshape(-1, 8, 8).astype(np.float32) / 16
    train_digits, test_digits, train_classes, test_classes = train_test_split(
        digits, labels, test_size=TEST_FRACTION, stratify=labels, random_state=0
    )

    train_random, test_random, *inversion_random = np.random.default_rng(seed).spawn(4)
    train_images, train_labels = _make_split(variant, train_digits, train_classes, train, train_random)
    test_images, test_labels = _make_split(variant, test_digits, test_classes, test, test_random)
    if polarity == "both":
        for images, random in zip((train_images, test_images), inversion_random, strict=True):
            _invert_half(images, random)
    return {
        "train_images": train_images,
        "train_labels": train_labels,
        "test_images": test_images,
        "test_labels": test_labels,
    }


def prepare(name: str, settings: Settings, folder: Path) -> None:
    """Make a data set of the `variant` of its settings."""
    arrays = make_embedded(settings.variant, settings.train, settings.test, settings.seed, settings.polarity)
    dataset = Dataset(**arrays, classes=class_names(settings.variant))
    dataset = selected(dataset, name, settings)
    write_dataset(dataset, folder, name, described(settings), given_statistics(settings))


def _make_split(variant, digits, numerals, size, random):
    """Draw `size` images of the 8x8 `digits` of known `numerals`, balanced over the classes.

    Returns images and labels.
    """
    labels = random.permutation(np.arange(size, dtype=np.int64) % len(variant.classes))
    wanted = labels // len(variant.hues)
    chosen = np.empty(size, dtype=np.int64)
    for numeral in range(DIGITS):
        members = np.flatnonzero(numerals == numeral)
        chosen[wanted == numeral] = random.choice(members, size=np.sum(wanted == numeral))

    glyphs = _enlarge(digits)
    images = [
        variant.draw(glyphs[chosen[start : start + CHUNK]], labels[start : start + CHUNK], random)
        for start in range(0, size, CHUNK)
    ]
    return np.concatenate(images), labels


def _invert_half(images: np.ndarray, random: np.random.Generator) -> None:
    """Invert half of the images, uint8 (N, C, H, W), in place; of an odd number, the smaller half."""
    inverted = random.permutation(len(images))[: len(images) // 2]
    images[inverted] = 255 - images[inverted]


def _enlarge(digits: np.ndarray, factor: int = 4) -> np.ndarray:
    """Enlarge (N, 8, 8) digits to (N, 8 * factor, 8 * factor), smooth, within [0, 1]."""
    return zoom(digits, (1, factor, factor), order=3, grid_mode=True, mode="nearest").clip(0, 1)


def _draw_ink(glyphs, size, scale, shift, random) -> np.ndarray:
    """Turn, scale and shift each glyph on an empty canvas: ink in [0, 1], (N, size, size).

    `scale` bounds the pixels of the canvas per pixel of an 8x8 digit, `shift` is in its pixels.
    """
    count, side = glyphs.shape[:2]
    angle = np.deg2rad(random.uniform(-MAX_ANGLE, MAX_ANGLE, (count, 1, 1)))
    step = side / 8 / random.uniform(*scale, (count, 1, 1))  # of the glyph, per canvas pixel
    shift_y, shift_x = random.uniform(-shift, shift, (2, count, 1, 1))

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


def _dead_leaves(
    count: int, size: int, radii: tuple[float, float], random: np.random.Generator
) -> np.ndarray:
    """Cover `count` squares with random discs: at each pixel, the index of the topmost disc.

    Radii follow the power law (density ~ radius^-3) whose pictures have the statistics of natural
    images: flat regions, sharp edges, the same look at every scale. `radii` are the smallest and the
    largest, in pixels. Returns (count, size, size).
    """
    smallest, largest = radii
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


def _tints(turns: np.ndarray) -> np.ndarray:
    """Colour shifts (N, 3) of hues (N,), in turns of the colour circle; no change of brightness."""
    return np.cos(2 * np.pi * turns[:, None] - 2 * np.pi * np.arange(3) / 3)


def _to_uint8(images: np.ndarray) -> np.ndarray:
    """Images in [0, 1] as bytes."""
    return np.rint(images.clip(0, 1) * 255).astype(np.uint8)


def _draw_grey(glyphs, _labels, random) -> np.ndarray:
    """Bright digits on black: uint8 (N, 1, 28, 28)."""
    return _to_uint8(_draw_ink(glyphs, GREY_SIZE, GREY_SCALE, MAX_SHIFT, random)[:, None])


def _draw_rgb(glyphs, labels, random, scene: Scene) -> np.ndarray:
    """Dark or light digits on tinted dead leaves: uint8 (N, 3, scene.size, scene.size)."""
    count = len(glyphs)
    tint = scene.tint_of_class * _tints(labels % scene.hues / scene.hues)
    tint = tint + random.normal(0, scene.tint_of_image, (count, 3))
    leaf_colour = random.uniform(*scene.leaf_brightness, (count, LEAVES, 1)) + tint[:, None]
    leaf_colour = leaf_colour + random.normal(0, TINT_OF_LEAF, (count, LEAVES, 3))
    top = _dead_leaves(count, scene.size, scene.leaf_radius, random)
    background = leaf_colour[np.arange(count)[:, None, None], top].transpose(0, 3, 1, 2)

    light = random.random((count, 1)) < scene.light
    ink_colour = np.where(light, 0.9, 0.1) + random.normal(0, 0.08, (count, 3))
    ink = _draw_ink(glyphs, scene.size, scene.scale, scene.shift, random)[:, None]
    images = background + ink * (ink_colour[:, :, None, None] - background)
    return _to_uint8(images + random.normal(0, NOISE, images.shape))


def _rgb(class_hues: tuple[str, ...] = ("",), **scene) -> Variant:
    return Variant(partial(_draw_rgb, scene=Scene(**scene)), class_hues)


TEN_HUES = ("red", "orange", "lime", "green", "jade", "cyan", "azure", "indigo", "purple", "rose")
TWO_HUES = ("red", "cyan")
# Ink of either polarity hides a digit from every linear function of the pixels. Two hard tasks at once
# would keep a deep network on its first plateau for longer than a laptop has: where there are many classes
# all ink is light and only the clutter has edges of both polarities.
LIGHT_INK = {"light": 1.0, "tint_of_image": 0.0}

EMBEDDED = {
    "digits-grey": Variant(_draw_grey),
    # Each digit has a hue, too faint beside the images' own tints to be more than a hint.
    "digits-rgb": _rgb(),
    # The hue is part of the class: it is read from the background, the digit from the ink.
    "digits-rgb-100": _rgb(TEN_HUES, leaf_brightness=(0.3, 0.45), tint_of_class=0.2, **LIGHT_INK),
    "digits-rgb-large": _rgb(
        TWO_HUES,
        size=64,
        scale=(5.4, 6.6),
        shift=2.0,
        leaf_radius=(4.0, 48.0),
        leaf_brightness=(0.25, 0.5),
        hues=len(TWO_HUES),
        tint_of_class=0.15,
        **LIGHT_INK,
    ),
}
