"""Rotated batches against Pillow, image by image, and rotation as an augmentation of a run."""

import numpy as np
import pytest
import torch
from conftest import make_dataset, run_of, settings_of, task_of
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from anatomy.data.augmentation import Augmenter, Draws, augmented
from anatomy.data.dataset import channel_statistics
from anatomy.data.rotation import rotate
from anatomy.runtime.errors import InputError
from anatomy.runtime.streams import stream

DATASET = make_dataset(train=60)
MEAN, STD = channel_statistics(DATASET.train_images)
DESCRIPTION = {"name": "shades", "classes": DATASET.classes, "mean": MEAN, "std": STD}


def pillow(images, angles):
    """Each image (C, H, W), grey or RGB, rotated by Pillow."""
    rotated = []
    for image, angle in zip(images.numpy(), angles.tolist(), strict=True):
        picture = Image.fromarray(image[0] if len(image) == 1 else image.transpose(1, 2, 0))
        values = np.array(picture.rotate(angle, Image.Resampling.BILINEAR))
        rotated.append(values[None] if len(image) == 1 else values.transpose(2, 0, 1))
    return torch.from_numpy(np.stack(rotated))


def levels_apart(first, second):
    return (first.int() - second.int()).abs().max().item()


@settings(deadline=None, max_examples=150)
@given(
    channels=st.sampled_from([1, 3]),
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    angles=st.lists(
        st.floats(-400, 400, width=32) | st.integers(-24, 24).map(lambda part: part * 15.0),
        min_size=1,
        max_size=6,
    ),
    seed=st.integers(0, 1000),
)
def test_rotated_images_are_pillows_to_one_level(channels, height, width, angles, seed):
    shape = (len(angles), channels, height, width)
    images = torch.randint(0, 256, shape, generator=stream(seed, "images"), dtype=torch.uint8)
    angles = torch.tensor(angles)
    expected, each = pillow(images, angles), rotate(images, angles)
    assert each.dtype == torch.uint8
    assert levels_apart(each, expected) <= 1
    # One angle for all of a batch.
    together = rotate(images, angles[0])
    assert (together.dtype, together.shape) == (torch.uint8, images.shape)
    assert levels_apart(together, pillow(images, angles[:1].expand(len(images)))) <= 1


@pytest.mark.parametrize("size", [7, 8, 28, 224])
def test_nothing_is_lost_by_no_and_by_quarter_turns_and_flat_images_stay_flat(size):
    images = torch.randint(0, 256, (4, 3, size, size), generator=stream(size, "x"), dtype=torch.uint8)
    for turns in range(-4, 5):
        expected = images.rot90(turns, (2, 3))
        angles = torch.full((4,), 90.0 * turns)
        assert torch.equal(rotate(images, angles), expected)
        assert torch.equal(rotate(images, angles[0]), expected)
    for level in (1, 100, 254, 255):
        flat = torch.full((3, 1, size, size), level, dtype=torch.uint8)
        turned = rotate(flat, torch.tensor([10.0, 33.3, 77.0]))
        assert set(turned.unique().tolist()) <= {0, level}
        assert set(rotate(flat, torch.tensor(33.3)).unique().tolist()) <= {0, level}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_precision_of_angles_and_of_the_network_changes_nothing(dtype, precision):
    images = torch.randint(0, 256, (5, 3, 32, 32), generator=stream(0, "x"), dtype=torch.uint8)
    angles = torch.tensor([0.5, 12.25, -63.5, 140.0, -179.0], dtype=dtype)
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
        turned = rotate(images, angles)
        together = rotate(images, angles[1])
    assert levels_apart(turned, pillow(images, angles)) <= 1
    assert levels_apart(together, pillow(images, angles[1].expand(5))) <= 1


def test_an_image_is_shifted_and_flipped_and_then_rotated():
    images = torch.randint(0, 256, (6, 3, 9, 9), generator=stream(1, "x"), dtype=torch.uint8)
    plain = Draws.sample(6, 2, True, stream(0, "augmentation", 1))
    draws = plain.rotated(50, stream(0, "rotation", 1))
    assert draws.angle.abs().max() <= 50
    index = torch.tensor([4, 0, 3])
    before = Augmenter(images, 2).batch(index, plain)
    after = Augmenter(images, 2).batch(index, draws)
    assert levels_apart(after, pillow(before, draws.angle[index])) <= 1
    assert torch.equal(augmented(images[index], 2, draws.of(index)), after)


def test_angles_are_uniform_and_have_a_stream_of_their_own():
    dataset = make_dataset(train=5000, size=2)
    task = task_of(dataset, DESCRIPTION, 3, augmentation={"shift": 2, "rotate": 30})
    plain = task_of(dataset, DESCRIPTION, 3)
    for epoch in (1, 2):
        draws, without = task.draws(epoch), plain.draws(epoch)
        assert without.angle is None
        for name in ("top", "left", "flip"):
            assert torch.equal(getattr(draws, name), getattr(without, name))
        uniform = torch.rand(len(task.train_labels), generator=stream(3, "rotation", epoch))
        assert torch.allclose(draws.angle, uniform * 60 - 30, atol=1e-4)
    quantiles = task.draws(1).angle.sort().values / 30
    assert (quantiles - torch.linspace(-1, 1, len(quantiles))).abs().max() < 0.06


def test_shift_and_flip_are_the_draws_of_before():
    """Of the stream of the epoch: two offsets of each image, then its flip."""
    draws = task_of(DATASET, DESCRIPTION, 5, augmentation={"shift": 3}).draws(7)
    generator = stream(5, "augmentation", 7)
    top, left = torch.randint(0, 7, (2, 54), generator=generator)
    assert torch.equal(draws.top, top)
    assert torch.equal(draws.left, left)
    assert torch.equal(draws.flip, torch.rand(54, generator=generator) < 0.5)


def test_a_run_sees_rotated_images_in_training_alone():
    changes = {"augmentation": {"shift": 0, "flip": False, "rotate": 180}, "order": "stored"}
    run = run_of(DATASET, DESCRIPTION, **changes)
    seen = []
    run.network.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].clone()))
    run.advance()
    images, _ = run.task.validation
    assert torch.equal(torch.cat(seen), run.task.normalise(images.pixels))
    for epoch in (1, 2):
        seen.clear()
        run.advance()
        angles = run.task.draws(epoch).angle
        expected = run.task.normalise(pillow(run.task.images.pixels, angles))
        level = 1 / (255 * min(STD))
        assert (torch.cat(seen)[: len(expected)] - expected).abs().max() <= 1.01 * level


def test_a_task_says_whether_its_images_change():
    still = {"shift": 0, "flip": False}
    assert not task_of(DATASET, DESCRIPTION, augmentation=still).is_augmented
    for change in ({"shift": 1}, {"flip": True}, {"rotate": 5}):
        assert task_of(DATASET, DESCRIPTION, augmentation={**still, **change}).is_augmented


def test_angles_that_are_none_are_refused():
    for angle in (-1, 180.5):
        with pytest.raises(InputError, match=r"augmentation\.rotate: .* is not allowed; expected at"):
            settings_of(augmentation={"rotate": angle})
