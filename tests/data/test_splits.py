"""Splits of training images as the authors' options describe them."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from anatomy.data.splits import split_from_end, split_indices, split_of
from anatomy.runtime.errors import InputError


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("images", [60_000, 50_000])
@pytest.mark.parametrize("fraction", [0, 0.1, 0.2, 0.35, 0.5, 0.9, 0.99])
def test_split_holds_out_the_end_of_the_list(images, fraction, shuffle):
    train, validation = split_of(torch.zeros(images), fraction, 5, (shuffle, False))
    held_out = int(np.floor(images * fraction))
    batches = [-(-len(part) // 128) for part in (train, validation if held_out else [])]
    assert batches == [-(-(images - held_out) // 128), -(-held_out // 128)]
    if not held_out:
        assert validation is None
    elif shuffle:
        assert torch.equal(torch.cat([train, validation]).sort().values, torch.arange(images))
        assert abs(validation.double().mean() / images - 0.5) < 3 / np.sqrt(12 * held_out)
    else:
        assert (train[-1], validation[0]) == (images - held_out - 1, images - held_out)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=60), st.floats(0, 0.99), st.booleans())
def test_stratified_split_takes_the_same_fraction_of_every_class(labels, fraction, shuffle):
    labels = torch.tensor(labels)
    train, validation = split_from_end(labels, fraction, 0, shuffle, True)
    assert sorted([*train.tolist(), *validation.tolist()]) == list(range(len(labels)))
    assert len(validation) == int(np.floor(len(labels) * fraction))
    for label in labels.unique():
        count, held_out = (labels == label).sum(), (labels[validation] == label).sum()
        assert abs(held_out - count * fraction) < 1
        if not shuffle and held_out:
            last_train = torch.cat([torch.tensor([-1]), train[labels[train] == label]])[-1]
            assert last_train < validation[labels[validation] == label][0]


def test_images_are_held_out_at_random_unless_it_is_said_how():
    labels = torch.arange(50) % 3
    for one, other in zip(split_of(labels, 0.2, 4), split_indices(50, 0.2, 4), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("published", [None, (True, True), (False, False)])
def test_a_fraction_of_zero_trains_on_all_images_and_validates_on_the_test_part(published):
    train, validation = split_of(torch.zeros(7), 0, 0, published)
    assert torch.equal(train, torch.arange(7))
    assert validation is None


@pytest.mark.parametrize(("fraction", "held_out"), [(0.01, 0), (0.99, 10)])
def test_a_split_without_images_is_refused(fraction, held_out):
    with pytest.raises(InputError, match=f"validation_fraction {fraction} holds out {held_out} of 10 images"):
        split_of(torch.zeros(10), fraction, 0)
