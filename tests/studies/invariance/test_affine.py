"""Scale, translation and all together: against rotations, whole pixels and Pillow; and turned back."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from studies.invariance.plain_measure import deviations
from studies.invariance.small_networks import batches, images, in_unit_double, labels
from torch import nn

from anatomy.data.rotation import rotate
from anatomy.runtime.errors import InputError
from anatomy.studies.invariance.affine import Affine, affine_of
from anatomy.studies.invariance.measure import measure
from anatomy.studies.invariance.rotations import Rotations


def row(angle=0.0, scale=1.0, right=0.0, down=0.0):
    return torch.tensor([angle, scale, right, down], dtype=torch.float64)


@given(st.floats(-360, 360))
@settings(max_examples=20, deadline=None)
def test_a_turn_is_that_of_rotations(angle):
    pixels = images(3)
    turned = rotate(pixels, torch.tensor(angle, dtype=torch.float64))
    assert (Affine(2).apply(pixels, row(angle)).int() - turned.int()).abs().max() <= 1


@given(st.integers(-5, 5), st.integers(-5, 5))
@settings(max_examples=20, deadline=None)
def test_a_translation_moves_whole_pixels_and_black_moves_in(right, down):
    pixels = images(3)
    moved = Affine(2).apply(pixels, row(right=right / 12, down=down / 12))
    expected = nn.functional.pad(pixels, (right, -right, down, -down))
    assert torch.equal(moved, expected)


@pytest.mark.parametrize("scale", [0.5, 0.8, 1.25])
def test_a_scale_is_that_of_pillow(scale):
    """Of an affine map that reads at (p - centre) / s + centre."""
    pixels = images(4, 28)
    ours = Affine(2).apply(pixels, row(scale=scale))
    middle = 14 - 14 / scale
    for one, image in zip(ours, pixels, strict=True):
        read = (1 / scale, 0, middle, 0, 1 / scale, middle)
        theirs = Image.fromarray(image[0].numpy()).transform(
            (28, 28), Image.Transform.AFFINE, read, Image.Resampling.BILINEAR
        )
        assert np.abs(one[0].numpy().astype(int) - np.asarray(theirs).astype(int)).max() <= 1


def test_there_are_as_many_as_in_the_paper():
    counts = {kind: affine_of(kind).count for kind in ("scale", "translation", "combined")}
    assert counts == {"scale": 49, "translation": 49, "combined": 504}
    rows = affine_of("combined").draw(1, None)
    assert len({tuple(each) for each in rows.tolist()}) == len(rows) == 504
    assert rows[:, 1].min() == 0.5 and rows[:, 1].max() == 1.25
    assert rows[:, 2:].abs().max() == pytest.approx(0.15)
    # The middle one of an odd number leaves images as they are.
    assert torch.equal(Affine(1, 1, 3).apply(images(2), Affine(1, 1, 3).draw(2, None)[4]), images(2))


@pytest.mark.parametrize("kind", ["scale", "translation", "combined"])
def test_what_is_undone_is_what_it_was(kind):
    """In the middle of smooth images, where nothing was lost; also of maps of half the size."""
    affine = affine_of(kind)
    random = torch.rand(1, 1, 5, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    smooth = nn.functional.interpolate(random, size=64, mode="bicubic")
    half = nn.functional.avg_pool2d(smooth, 2)
    for each in affine.draw(1, None)[:: max(1, affine.count // 12)]:
        if each[1] <= 1:
            # A smaller image keeps its middle.
            back = affine.undo(affine.apply(smooth, each), each)
            assert (back - smooth)[..., 24:40, 24:40].abs().max() < 0.03
            maps = nn.functional.avg_pool2d(affine.apply(smooth, each), 2)
            assert (affine.undo(maps, each) - half)[..., 12:20, 12:20].abs().max() < 0.06


def test_one_transformation_and_an_unknown_kind_are_refused():
    with pytest.raises(InputError, match="needs 2 or more"):
        Affine()
    with pytest.raises(InputError, match="allowed: rotation, scale, translation, combined"):
        affine_of("shear")


def test_units_are_measured_under_any_transformation():
    network = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU()).double()
    affine, pixels = Affine(2, 3, 2), images()
    found = measure(network, batches(pixels, labels()), 3, {"map": "0"}, affine, in_unit_double, exact=True)
    with torch.no_grad():
        values = [
            network[0](in_unit_double(affine.apply(pixels, each))).mean((2, 3)).numpy()
            for each in affine.draw(40, None)
        ]
    v, b = deviations(np.stack(values))
    assert len(values) == 24
    np.testing.assert_allclose(found.transformation["mean"][-1], v, rtol=1e-12)
    np.testing.assert_allclose(found.sample["mean"][-1], b, rtol=1e-12)


def symmetric():
    """A convolution that turns with its image under quarter turns."""
    torch.manual_seed(0)
    conv = nn.Conv2d(1, 3, 3, padding=1).double()
    with torch.no_grad():
        conv.weight.copy_(sum(torch.rot90(conv.weight, k, (2, 3)) for k in range(4)) / 4)
    return nn.Sequential(conv, nn.Flatten(), nn.Linear(3 * 144, 2).double())


def test_maps_that_turn_with_the_image_are_the_same_turned_back():
    given = ({"map": "0", "out": "2"}, Rotations(4, 0), in_unit_double)
    aggregations = ("deviations", "same_equivariance")
    found = measure(symmetric(), batches(images(), labels()), 3, *given, aggregations, exact=True)
    straight, back = (found.transformation[name][-1] for name in aggregations)
    assert (back[:3] < 1e-12).all() and (straight[:3] > 1e-2).all()
    assert (found.sample["same_equivariance"][-1, :3] > 1e-2).all()
    # What is no map is not turned.
    np.testing.assert_array_equal(back[3:], straight[3:])
    assert (back[3:] > 1e-3).all()


def test_an_image_that_is_turned_back_needs_no_maps_turned():
    given = ({"map": "0"}, Rotations(4, 0, back=True), in_unit_double, ("same_equivariance",))
    found = measure(symmetric(), batches(images(), labels()), 3, *given)
    assert (found.transformation["same_equivariance"] == 0).all()
