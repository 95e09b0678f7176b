"""Some classes of a data set, and small images enlarged: what the settings of a run ask of its data."""

import numpy as np
import pytest
import torch
from conftest import make_dataset

from anatomy.data.batches import open_images
from anatomy.data.image_files import ImageFiles, IndexedDataset
from anatomy.data.subset import chosen_classes, of_classes
from anatomy.data.upscaling import upscaled
from anatomy.runtime.errors import InputError


def image_files():
    """An index of five files, of two classes in each part."""
    parts = [
        ImageFiles.of("pictures", [f"{n}.png" for n in range(5)], [9] * 5, [0, 1, 1, 0, 1]) for _ in "ab"
    ]
    return IndexedDataset(*parts, classes=["cat", "dog"], resize=40, crop=32)


def test_classes_are_the_first_or_shuffled_by_a_seed():
    assert chosen_classes("shades", 6, 4, None).tolist() == [0, 1, 2, 3]
    shuffled = np.arange(6)
    np.random.RandomState(3).shuffle(shuffled)
    assert chosen_classes("shades", 6, 4, 3).tolist() == shuffled[:4].tolist()
    for count in (0, 7):
        with pytest.raises(
            InputError,
            match=rf"class_subset\.count: {count} classes are asked for, but data set shades has 6",
        ):
            chosen_classes("shades", 6, count, None)


@pytest.mark.parametrize("kind", [None, "plain"])
def test_images_of_other_classes_are_gone_and_labels_begin_with_zero(kind):
    whole = upscaled(make_dataset(train=20, test=9), kind)
    part = upscaled(of_classes(make_dataset(train=20, test=9), np.array([3, 1])), kind)
    assert part.classes == ["class 3", "class 1"]
    assert part.input_shape == whole.input_shape
    for name in ("train", "test"):
        labels = getattr(whole, f"{name}_labels")
        kept = np.flatnonzero((labels == 3) | (labels == 1))
        assert getattr(part, f"{name}_labels").tolist() == [0 if labels[index] == 3 else 1 for index in kept]
        images = [next(open_images(one, name, torch.device("cpu"), 0).plain(20)) for one in (part, whole)]
        assert torch.equal(images[0], images[1][kept])


def test_image_files_of_other_classes_are_gone():
    part = of_classes(image_files(), np.array([1]))
    assert [part.train.name(index) for index in range(len(part.train))] == ["1.png", "2.png", "4.png"]
    assert part.test_labels.tolist() == [0, 0, 0]


def test_a_subset_that_leaves_a_part_empty_is_refused():
    with pytest.raises(
        InputError, match=r"class_subset\.count: a subset of 1 classes leaves no image in the test part"
    ):
        of_classes(make_dataset(train=8, test=2), np.array([3]))


def test_images_are_enlarged_as_asked_for():
    dataset = make_dataset(train=4)
    assert upscaled(dataset, None) is dataset
    assert upscaled(dataset, "plain").input_shape == upscaled(dataset, "padded").input_shape == (3, 224, 224)
    with pytest.raises(InputError, match="upscaling plain is for small images; those of this data set"):
        upscaled(image_files(), "plain")
