"""What a run learns: its parts against plain computations, and what decides them."""

import numpy as np
import pytest
import torch
from conftest import make_dataset, run_of, task_of
from PIL import Image

from anatomy.data.dataset import channel_statistics
from anatomy.data.splits import split_indices
from anatomy.networks.build import build_network
from anatomy.runtime.errors import InputError
from anatomy.runtime.streams import stream

DATASET = make_dataset(train=100)
MEAN, STD = channel_statistics(DATASET.train_images)
DESCRIPTION = {"name": "shades", "classes": DATASET.classes, "mean": MEAN, "std": STD}
NOISE = {"label_noise": {"fraction": 0.5}, "pixel_shuffle": True}

GREEDY = """from torch import nn

def net(input_shape, classes, widths, more):
    layers = [nn.Flatten()]
    inputs = input_shape[0] * input_shape[1] * input_shape[2]
    more["bias"].append(False)
    widths.append(classes)
    while widths:
        layers.append(nn.Linear(inputs, widths[0], more["bias"][0]))
        inputs = widths.pop(0)
    return nn.Sequential(*layers)
"""


def pixels_of(part):
    """All images and labels of a part."""
    images, labels = part
    return torch.cat(list(images.plain(7))), labels


def same(first, second):
    return all(map(torch.equal, pixels_of(first), pixels_of(second)))


def test_parts_are_the_images_and_labels_of_the_split():
    task = task_of(DATASET, DESCRIPTION, validation_fraction=0.2, split_seed=3)
    images, labels = torch.from_numpy(DATASET.train_images), torch.from_numpy(DATASET.train_labels)
    train, validation = split_indices(100, 0.2, 3)
    assert same(task.train, (task.open("train", train), labels[train]))
    assert torch.equal(pixels_of(task.train)[0], images[train])
    assert torch.equal(pixels_of(task.validation)[0], images[validation])
    assert torch.equal(task.validation[1], labels[validation])
    assert torch.equal(pixels_of(task.test)[0], torch.from_numpy(DATASET.test_images))
    assert torch.equal(task.test[1], torch.from_numpy(DATASET.test_labels))
    assert (task.classes, task.input_shape) == (4, (3, 32, 32))
    mean, std = (torch.tensor(each)[:, None, None] for each in (MEAN, STD))
    assert torch.allclose(task.normalise(images[:5]), (images[:5] / 255 - mean) / std, atol=1e-5)


def test_without_validation_images_the_test_part_validates():
    task = task_of(DATASET, DESCRIPTION, validation_fraction=0)
    assert len(task.train_labels) == 100
    assert task.validation is task.test


def test_noise_is_what_the_network_sees_in_training_alone():
    """Labels and pixels against plain draws from the streams of the run."""
    task, clean = (task_of(DATASET, DESCRIPTION, 5, **changes) for changes in (NOISE, {}))
    images, labels = pixels_of(clean.train)
    draws = stream(5, "label noise")
    replaced = torch.rand(90, generator=draws) < 0.5
    expected = torch.where(replaced, torch.randint(4, (90,), generator=draws), labels)
    assert torch.equal(task.train_labels, expected)
    order = torch.rand(90, 32 * 32, generator=stream(5, "pixel shuffle")).argsort(1)
    moved = images.flatten(2).gather(2, order[:, None].expand(-1, 3, -1)).view_as(images)
    assert torch.equal(pixels_of(task.train)[0], moved)
    assert same(task.validation, clean.validation)
    assert same(task.test, clean.test)
    # Of a seed of its own, the noise is that of a run with this seed.
    assert same(task_of(DATASET, DESCRIPTION, 9, noise_seed=5, **NOISE).train, task.train)
    assert not same(task_of(DATASET, DESCRIPTION, 9, **NOISE).train, task.train)


def test_how_a_run_trains_changes_nothing_of_what_it_learns():
    tasks = [
        task_of(DATASET, DESCRIPTION, 1, **NOISE),
        task_of(DATASET, DESCRIPTION, 1, **NOISE, epochs=9, batch_size=7, optimiser={"kind": "adam"}),
        run_of(DATASET, DESCRIPTION, 1, **NOISE).task,
    ]
    for other in tasks[1:]:
        for part in ("train", "validation", "test"):
            assert same(getattr(tasks[0], part), getattr(other, part))


@pytest.mark.parametrize(("kind", "size", "border"), [("plain", 224, 0), ("padded", 112, 56)])
def test_some_classes_are_enlarged_and_standardised_by_all(kind, size, border):
    subset = {"count": 2, "seed": 1}
    task = task_of(DATASET, DESCRIPTION, upscaling=kind, class_subset=subset)
    every = np.arange(4)
    np.random.RandomState(1).shuffle(every)

    def enlarged(images):
        found = [np.array(Image.fromarray(i.transpose(1, 2, 0)).resize((size, size), 2)) for i in images]
        around = ((0, 0), (0, 0), (border, border), (border, border))
        return np.pad(np.stack(found).transpose(0, 3, 1, 2), around)

    kept = np.isin(DATASET.test_labels, every[:2])
    images, labels = pixels_of(task.test)
    assert np.array_equal(images.numpy(), enlarged(DATASET.test_images[kept]))
    assert np.array_equal(every[:2][labels.numpy()], DATASET.test_labels[kept])
    assert (task.classes, task.input_shape) == (2, (3, 224, 224))
    whole = enlarged(DATASET.train_images) / 255
    mean, std = whole.mean((0, 2, 3)), whole.std((0, 2, 3))
    expected = (images[:2].numpy() / 255 - mean[:, None, None]) / std[:, None, None]
    assert np.allclose(task.normalise(images[:2]).numpy(), expected, atol=1e-4)


def test_statistics_can_be_given():
    task = task_of(DATASET, DESCRIPTION)
    other = type(task)(
        task.settings, DATASET, DESCRIPTION, 0, torch.device("cpu"), statistics=([0.0] * 3, [0.5] * 3)
    )
    white = torch.full((1, 3, 1, 1), 255, dtype=torch.uint8)
    assert torch.allclose(other.normalise(white), torch.tensor(2.0))


@pytest.mark.parametrize("value", [0, 77, 255])
def test_a_channel_of_one_value_cannot_be_standardised(value):
    images = DATASET.train_images.copy()
    images[:, 1] = value
    mean, std = channel_statistics(images)
    description = {**DESCRIPTION, "mean": mean, "std": std}
    with pytest.raises(InputError, match=r"channel 1 of 3, .* has one value .* `pixels: unit`"):
        task_of(DATASET, description)
    for pixels in ("unit", "symmetric"):
        task_of(DATASET, description, pixels=pixels)


def test_no_label_is_wrong_where_there_is_one_class():
    one = make_dataset(classes=1)
    description = {**DESCRIPTION, "classes": one.classes}
    for fraction, kind in ((0.0, "wrong"), (0.5, "uniform")):
        task_of(one, description, label_noise={"fraction": fraction, "kind": kind})
    with pytest.raises(InputError, match=r"label_noise\.kind: no label is wrong where there is one class"):
        task_of(one, description, label_noise={"fraction": 0.5, "kind": "wrong"})


def test_a_network_of_a_users_own_may_change_its_options(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "greedy_net.py").write_text(GREEDY)
    options = {"widths": [4, 5], "more": {"bias": [True]}}
    task = task_of(DATASET, DESCRIPTION, architecture="greedy_net:net", width=1.0, options=options)
    for _ in range(2):
        assert [len(layer.weight) for layer in task.initial_network()[1:]] == [4, 5, 4]
    assert task.settings.stored()["options"] == options


def test_a_crop_of_random_size_takes_the_place_of_the_shift():
    task = task_of(DATASET, DESCRIPTION, augmentation={"shift": 3, "random_resized_crop": True})
    assert (task.shift, task.settings.augmentation.shift) == (0, 3)


def test_networks_are_drawn_from_the_stream_that_is_asked_for():
    task = task_of(DATASET, DESCRIPTION, 4, initialisation={"kind": "normal", "std": 0.2})
    expected = build_network("vgg11", 4, 3, 0.0625, stream(4, "initialisation"), "normal", 0.2)
    other = task.new_network(stream(4, "another")).state_dict()
    for name, tensor in task.initial_network().state_dict().items():
        assert torch.equal(tensor, expected.state_dict()[name])
        if name.endswith("weight"):
            assert not torch.equal(tensor, other[name])
