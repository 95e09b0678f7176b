"""Noise of labels and pixels: how much, what stays, and that it is a run's own."""

import pytest
import torch
from conftest import make_dataset, run_of
from hypothesis import given
from hypothesis import strategies as st

from anatomy.data.noise import KeyedPixelShuffle, PixelShuffle, noisy_labels
from anatomy.runtime.streams import stream


@given(classes=st.integers(2, 11), seed=st.integers(0, 1000))
def test_wrong_labels_are_never_right_and_reach_every_other_class(classes, seed):
    labels = torch.arange(200 * classes) % classes
    noisy = noisy_labels(labels, classes, 1.0, "wrong", stream(seed, "test"))
    assert not (noisy == labels).any()
    assert len(set(zip(labels.tolist(), noisy.tolist(), strict=True))) == classes * (classes - 1)


@pytest.mark.parametrize("fraction", [0.0, 0.25, 1.0])
@pytest.mark.parametrize("kind", ["uniform", "wrong"])
def test_fraction_of_changed_labels(fraction, kind):
    labels = torch.arange(40_000) % 10
    changed = (noisy_labels(labels, 10, fraction, kind, stream(0, "test")) != labels).float().mean().item()
    expected = fraction * (0.9 if kind == "uniform" else 1)
    assert changed == pytest.approx(expected, abs=0.015)
    if fraction in (0.0, 1.0) and kind == "wrong":
        assert changed == fraction


@given(size=st.integers(1, 12), channels=st.integers(1, 3), seed=st.integers(0, 1000))
def test_shuffled_images_keep_their_pixels_and_the_channels_together(size, channels, seed):
    images = torch.randint(0, 256, (7, channels, size, size), generator=stream(seed, "images"))
    shuffle = PixelShuffle(7, size * size, stream(seed, "shuffle"))
    index = torch.tensor([3, 0, 6])
    batch = shuffle(images[index], index)
    assert torch.equal(batch, shuffle(images[index], index))
    for before, after in zip(images[index], batch, strict=True):
        pixels = [sorted(zip(*x.flatten(1).tolist(), strict=True)) for x in (before, after)]
        assert pixels[0] == pixels[1]


def test_every_image_has_a_permutation_of_its_own():
    order = PixelShuffle(2500, 64, stream(0, "shuffle")).order
    assert len(torch.unique(order, dim=0)) == 2500
    assert torch.equal(order.sort(1).values, torch.arange(64, dtype=order.dtype).expand(2500, -1))
    # Each pixel goes to each position about equally often.
    counts = torch.stack([torch.bincount(column.long(), minlength=64) for column in order.T])
    assert counts.float().std().item() == pytest.approx((2500 / 64) ** 0.5, rel=0.1)


def run(seed=0, **changes):
    description = {
        "classes": list("abcd"),
        "channels": 3,
        "mean": [0.5] * 3,
        "std": [0.25] * 3,
    }
    return run_of(make_dataset(200), description, seed, **changes)


def test_noise_changes_training_alone_and_no_other_stream():
    clean, noisy = run(), run(label_noise={"fraction": 1, "kind": "wrong"})
    assert not (clean.task.train_labels == noisy.task.train_labels).any()
    assert torch.equal(clean.task.validation[0].pixels, noisy.task.validation[0].pixels)
    assert torch.equal(clean.task.validation[1], noisy.task.validation[1])
    for one, other in zip(clean.network.parameters(), noisy.network.parameters(), strict=True):
        assert torch.equal(one, other)
    again, other = (
        run(label_noise={"fraction": 1, "kind": "wrong"}),
        run(1, label_noise={"fraction": 1, "kind": "wrong"}),
    )
    assert torch.equal(noisy.task.train_labels, again.task.train_labels)
    assert not torch.equal(noisy.task.train_labels, other.task.train_labels)


def test_a_run_with_shuffled_pixels_sees_shuffled_images():
    settings = {
        "augmentation": {"shift": 0, "flip": False, "random_resized_crop": False},
        "optimiser": {"momentum": 0},
    }
    clean, shuffled = run(**settings), run(**settings, pixel_shuffle=True)
    seen = []
    shuffled.network.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].clone()))
    shuffled.advance()
    validation = torch.cat(seen)
    assert torch.equal(validation, shuffled.task.normalise(clean.task.validation[0].pixels))
    seen.clear()
    shuffled.advance()
    # The training batches come first; sorted values of an image do not depend on the order of its pixels.
    trained = torch.cat(seen)[: len(clean.task.train_labels)].flatten(1).sort(1).values
    whole = clean.task.normalise(clean.task.images.pixels).flatten(1).sort(1).values
    assert torch.equal(torch.unique(trained, dim=0), torch.unique(whole, dim=0))
    assert not torch.equal(torch.cat(seen)[0], clean.task.normalise(clean.task.images.pixels)[0])


@given(st.integers(0, 2**61))
def test_drawn_permutations_are_permutations_of_their_own(key):
    shuffle = KeyedPixelShuffle(50, key)
    positions = torch.arange(50).view(1, 1, 5, 10).repeat(3, 2, 1, 1)
    moved = shuffle(positions, torch.tensor([4, 0, 4]))
    assert torch.equal(moved[0], moved[2])
    assert torch.equal(moved[:, 0], moved[:, 1])
    assert not torch.equal(moved[0], moved[1])
    assert torch.equal(moved.flatten(2).sort(2).values, positions.flatten(2))
