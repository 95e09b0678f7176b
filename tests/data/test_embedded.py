"""Embedded data sets: what they hold, and that it depends on their arguments alone."""

import hashlib
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from pictures import ARRAYS, refusal
from sklearn.datasets import load_digits

from anatomy.data.sources import embedded
from anatomy.data.sources.embedded import class_names, make_embedded

VARIANTS = {
    "digits-grey": (1, 28, 28),
    "digits-rgb": (3, 32, 32),
    "digits-rgb-100": (3, 32, 32),
    "digits-rgb-large": (3, 64, 64),
}
CLASS_COUNTS = {"digits-grey": 10, "digits-rgb": 10, "digits-rgb-100": 100, "digits-rgb-large": 20}
TRAIN, TEST = 205, 23
# SHA-256 of all bytes, the arrays in the order of their names.
SHA256 = {
    "digits-grey": "37176d64a13bc3d05da39cc4b54eded4b308cf1ede11fc1912ceafc2d9d62ab8",
    "digits-rgb": "eb15227a3e980f16cb718405437157b5ad404ecebe076a9ab574067cca394d94",
}


@cache
def digits(name, seed):
    return make_embedded(name, TRAIN, TEST, seed)


@pytest.mark.parametrize("name", VARIANTS)
def test_embedded_images_and_labels_have_the_promised_shapes_and_types(name):
    made = digits(name, 0)
    assert sorted(made) == sorted(ARRAYS)
    for part, size in (("train", TRAIN), ("test", TEST)):
        images, labels = made[f"{part}_images"], made[f"{part}_labels"]
        assert (images.shape, images.dtype) == ((size, *VARIANTS[name]), np.uint8)
        assert (labels.shape, labels.dtype) == ((size,), np.int64)
        counts = np.bincount(labels, minlength=CLASS_COUNTS[name])
        assert len(counts) == CLASS_COUNTS[name] == len(class_names(name))
        assert counts.max() - counts.min() <= 1
        assert len(np.unique(images, axis=0)) == size


@pytest.mark.parametrize("name", VARIANTS)
def test_embedded_bytes_depend_on_the_arguments_only(name):
    again, other = make_embedded(name, TRAIN, TEST, 0), digits(name, 1)
    for key, array in digits(name, 0).items():
        assert again[key].tobytes() == array.tobytes()
        assert other[key].tobytes() != array.tobytes()


@pytest.mark.parametrize("name", SHA256)
def test_embedded_bytes_are_those_of_earlier_versions(name):
    content = b"".join(digits(name, 0)[key].tobytes() for key in sorted(ARRAYS))
    assert hashlib.sha256(content).hexdigest() == SHA256[name]


@pytest.mark.parametrize("name", VARIANTS)
def test_embedded_train_and_test_come_from_different_handwritten_digits(monkeypatch, name):
    drawn_from, labelled = [], []
    make_split = embedded._make_split

    def spy(variant, base, numerals, *rest):
        drawn_from.append({digit.tobytes() for digit in base})
        labelled.append({(digit.tobytes(), label) for digit, label in zip(base, numerals, strict=True)})
        return make_split(variant, base, numerals, *rest)

    monkeypatch.setattr(embedded, "_make_split", spy)
    make_embedded(name, 10, 10, 0)
    train, test = drawn_from
    assert not train & test
    bundled = load_digits()
    scaled = bundled.images.astype(np.float32) / 16
    every = {(digit.tobytes(), label) for digit, label in zip(scaled, bundled.target, strict=True)}
    assert labelled[0] | labelled[1] == every


# Degrees of the colour circle.
HUES = {"red": 0, "orange": 36, "lime": 72, "green": 108, "jade": 144, "cyan": 180}
HUES |= {"azure": 216, "indigo": 252, "purple": 288, "rose": 324}


@pytest.mark.parametrize("name", ["digits-rgb-100", "digits-rgb-large"])
def test_embedded_classes_are_digit_and_hue(name):
    names = [class_name.split() for class_name in class_names(name)]
    hues = list(dict.fromkeys(hue for _, hue in names))
    assert names == [[str(digit), hue] for digit in range(10) for hue in hues]

    made = make_embedded(name, 4 * CLASS_COUNTS[name], 1, 0)
    colour = made["train_images"].mean((2, 3))
    colour = colour - colour.mean(1, keepdims=True)
    is_hue = made["train_labels"] % len(hues)
    red, green, blue = np.array([colour[is_hue == hue].mean(0) for hue in range(len(hues))]).T
    degrees = np.rad2deg(np.arctan2(np.sqrt(3) * (green - blue), 2 * red - green - blue))
    off = (degrees - [HUES[hue] for hue in hues] + 180) % 360 - 180
    assert np.abs(off).max() < 10


@pytest.mark.parametrize("name", VARIANTS)
def test_embedded_images_show_the_digit_of_their_label(monkeypatch, name):
    monkeypatch.setattr(embedded, "_enlarge", lambda base: base)
    made = []

    def draw(glyphs, labels, random):
        made.append((glyphs, labels))
        return np.zeros((len(glyphs), 1, 1, 1), np.uint8)

    variant = replace(embedded.EMBEDDED[name], draw=draw)
    monkeypatch.setitem(embedded.EMBEDDED, name, variant)
    make_embedded(name, 300, 100, 0)
    bundled = load_digits()
    numeral = {
        d.tobytes(): n for d, n in zip(bundled.images.astype(np.float32) / 16, bundled.target, strict=True)
    }
    for glyphs, labels in made:
        shown = [str(numeral[glyph.tobytes()]) for glyph in glyphs]
        assert shown == [class_names(name)[label].split()[0] for label in labels]


@pytest.mark.parametrize("seed", [0, 1])
def test_polarity_both_inverts_half_of_the_images_and_changes_nothing_else(seed):
    single, both = (make_embedded("digits-grey", TRAIN, TEST, seed, p) for p in ("single", "both"))
    masks = []
    for part in ("train", "test"):
        assert single[f"{part}_labels"].tobytes() == both[f"{part}_labels"].tobytes()
        one, other = single[f"{part}_images"], both[f"{part}_images"]
        equal, inverted = (one == other).all((1, 2, 3)), (255 - one == other).all((1, 2, 3))
        assert (equal ^ inverted).all()
        assert inverted.sum() == len(one) // 2
        masks.append(inverted)
    # At random: neither every second image nor one half of the set.
    assert 0.2 < (masks[0][1:] == masks[0][:-1]).mean() < 0.8


def test_polarity_single_is_what_no_polarity_gives():
    single = make_embedded("digits-grey", TRAIN, TEST, 0, polarity="single")
    assert all(single[key].tobytes() == array.tobytes() for key, array in digits("digits-grey", 0).items())


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("digits-rgb", 10, 10, 0, "both"), ["polarity", "digits-rgb", "digits-grey"]),
        (("digits-grey", 10, 10, 0, "half"), ["polarity", "'half'", "single, both"]),
        (("digits-blue", 10, 10, 0), ["digits-blue", "digits-grey", "digits-rgb"]),
        (("digits-grey", 0, 10, 0), ["train", "0"]),
        (("digits-grey", 10, -3, 0), ["test", "-3"]),
        (("digits-grey", 10, 10, -1), ["seed", "-1"]),
    ],
)
def test_embedded_refuses_bad_arguments_naming_the_value(arguments, named):
    message = refusal(make_embedded, *arguments)
    assert all(word in message for word in named)
