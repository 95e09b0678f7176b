"""V, B and M against all activations kept in numpy, closed forms, and what makes no difference."""

import gc
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from studies.invariance.plain_measure import AGGREGATE, activations, deviations
from studies.invariance.small_networks import NAMES, batches, images, in_unit, in_unit_double, labels, small
from torch import nn

from anatomy.runtime.errors import InputError
from anatomy.studies.invariance import units
from anatomy.studies.invariance.measure import measure
from anatomy.studies.invariance.moments import Moments, Spread
from anatomy.studies.invariance.published import measure_as_published, window_weights
from anatomy.studies.invariance.quotient import invariance, status, stratified
from anatomy.studies.invariance.rotations import Rotations, circle


def of(network, pixels, classes, rotations, normalise=in_unit, names=NAMES, size=16, **options):
    groups = int(classes.max()) + 1
    return measure(network, batches(pixels, classes, size), groups, names, rotations, normalise, **options)


@pytest.mark.parametrize(("double", "tolerance"), [(True, 1e-12), (False, 1e-4)])
@pytest.mark.parametrize("aggregation", AGGREGATE)
def test_it_equals_numpy_with_all_activations_kept(aggregation, double, tolerance):
    network, rotations = small(double), Rotations(6, 1.0, 3)
    normalise = in_unit_double if double else in_unit
    found = of(network, images(), labels(), rotations, normalise, aggregations=[aggregation], exact=double)
    values = activations(network, images(), [*NAMES.values()], rotations, normalise, AGGREGATE[aggregation])
    for row, chosen in enumerate([labels().numpy() == c for c in range(3)] + [np.full(40, True)]):
        v, b = deviations(values[:, chosen])
        np.testing.assert_allclose(found.transformation[aggregation][row], v, rtol=tolerance)
        np.testing.assert_allclose(found.sample[aggregation][row], b, rtol=tolerance)
    assert found.images.tolist() == [14, 13, 13]
    last = values[..., -3:].argmax(-1) == labels().numpy()
    assert found.correct.tolist() == [[int(last[k, labels() == c].sum()) for k in range(6)] for c in range(3)]


@pytest.mark.parametrize("shape", [(7, 3, 5, 4), (7, 3, 6), (1, 2, 3, 3), (0, 3, 5, 4), (3, 2, 0, 4)])
@pytest.mark.parametrize("piece", [1, 130, 10_000])
@pytest.mark.parametrize("last", [False, True])
def test_sums_in_float64_are_numpys_whatever_the_pieces(shape, piece, last, monkeypatch):
    monkeypatch.setattr(units, "PIECE", piece)
    maps = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    if last:
        maps = maps.movedim(1, -1).contiguous().movedim(-1, 1)
    pixels = tuple(range(2, len(shape)))
    found, expected = units.exact_sum(maps, pixels), maps.numpy().astype(np.float64).sum(pixels)
    assert found.dtype == torch.float64
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-13)


def test_deviations_of_pixels_are_averaged_over_the_map():
    network, rotations = small(True), Rotations(4, 1.0, 0)
    found = of(
        network, images(), labels(), rotations, in_unit_double, aggregations=["deviations", "max"], exact=True
    )
    flat = activations(
        network, images(), ["c1", "c2", "fc"], rotations, in_unit_double, lambda m: m.reshape(len(m), -1)
    )
    v, b = deviations(flat)
    ends = 4 * 144, 4 * 144 + 6 * 36
    for own, whole in ((found.transformation, v), (found.sample, b)):
        parts = whole[: ends[0]].reshape(4, -1).mean(1), whole[ends[0] : ends[1]].reshape(6, -1).mean(1)
        np.testing.assert_allclose(
            own["deviations"][-1], np.concatenate([*parts, whole[ends[1] :]]), rtol=1e-12
        )
    np.testing.assert_array_equal(found.sample["deviations"][:, -3:], found.sample["max"][:, -3:])


def test_sum_and_mean_of_maps_have_the_same_invariance():
    found = of(small(True), images(), labels(), Rotations(4), in_unit_double, aggregations=["sum", "mean"])
    one, other = (invariance(found.transformation[a], found.sample[a]) for a in ("sum", "mean"))
    np.testing.assert_allclose(one, other, rtol=1e-12)


@pytest.mark.parametrize("size", [1, 7, 40])
def test_batches_make_no_difference(size):
    network = small(True)
    one = of(network, images(), labels(), Rotations(4), in_unit_double, exact=True)
    other = of(network, images(), labels(), Rotations(4), in_unit_double, exact=True, size=size)
    np.testing.assert_allclose(one.transformation["mean"], other.transformation["mean"], rtol=1e-12)
    np.testing.assert_allclose(one.sample["mean"], other.sample["mean"], rtol=1e-12)


def test_the_same_seed_is_the_same_bits_and_another_is_not():
    first, again, other = (
        of(small(), images(), labels(), Rotations(4, 1.0, seed)).transformation["mean"] for seed in (0, 0, 1)
    )
    assert (first == again).all() and not (first == other).all()


def test_the_network_is_as_it_was():
    network = small().train()
    before = [p.clone() for p in network.parameters()]
    of(network, images(), labels(), Rotations(2))
    assert network.training and all(map(torch.equal, before, network.parameters()))


def test_a_constant_network_is_dead_and_counts_as_one():
    """Exactly, although sums of its values over maps and images round."""
    network = small(True)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            parameter.fill_(0.0 if name.endswith("weight") else 5 / 37)
    found = of(network, images(), labels(), Rotations(5), in_unit_double, exact=True, size=40)
    v, b = found.transformation["mean"], found.sample["mean"]
    assert (v == 0).all() and (b == 0).all()
    assert (invariance(v, b) == 1).all() and (status(v, b) == "dead").all()


def test_pooling_over_a_symmetric_kernel_is_invariant_under_quarter_turns():
    conv = nn.Conv2d(1, 3, 3, padding=1).double()
    with torch.no_grad():
        kernel = conv.weight
        conv.weight.copy_(sum(torch.rot90(kernel, k, (2, 3)) for k in range(4)) / 4)
    network = nn.Sequential(conv, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    names = {"pooled": "3", "map": "0"}
    found = of(network, images(), labels(), Rotations(4, 0), in_unit_double, names, exact=True)
    assert (invariance(found.transformation["mean"], found.sample["mean"]) < 1e-12).all()
    tilted = of(network, images(), labels(), Rotations(8, 0), in_unit_double, names, exact=True)
    assert (invariance(tilted.transformation["mean"], tilted.sample["mean"])[-1] > 0.01).any()


def c4(n):
    """Expected standard deviation of n normal values over the true one."""
    return math.sqrt(2 / (n - 1)) * math.exp(math.lgamma(n / 2) - math.lgamma((n - 1) / 2))


class Independent(nn.Module):
    """Normal numbers that do not depend on the input."""

    def forward(self, inputs):
        return torch.randn(len(inputs), 200, generator=self.generator, dtype=torch.float64)


def test_independent_outputs_have_the_expected_quotient_of_small_samples():
    network = Independent()
    network.generator = torch.Generator().manual_seed(0)
    pixels = images(1000, 4)
    found = measure(network, batches(pixels, labels(1000, 1), 100), 1, {"all": ""}, Rotations(16, 0), in_unit)
    mean = invariance(found.transformation["mean"], found.sample["mean"])[-1].mean()
    expected = c4(16) / c4(1000)
    assert expected == pytest.approx(0.9837, abs=2e-4)
    assert mean == pytest.approx(expected, abs=0.001)


def test_by_hand():
    """Two images of one pixel, two angles: outputs 1, 2 and 5, 8."""

    class Table(nn.Module):
        calls = 0

        def forward(self, inputs):
            self.calls += 1
            # The first call only tells the shapes.
            return torch.tensor([[[1.0]], [[1.0], [5.0]], [[2.0], [8.0]]][self.calls - 1])

    found = measure(Table(), [(images(2), labels(2, 1))], 1, {"x": ""}, Rotations(2, 0), in_unit)
    root = math.sqrt(2)
    assert found.transformation["mean"][-1] == pytest.approx((1 / root + 3 / root) / 2)
    assert found.sample["mean"][-1] == pytest.approx((4 / root + 6 / root) / 2)


def test_what_varies_with_rotation_alone_is_infinite():
    v, b = np.array([0.0, 1.0, 2.0, np.nan]), np.array([0.0, 0.0, 4.0, 1.0])
    np.testing.assert_array_equal(invariance(v, b), [1, np.inf, 0.5, np.nan])
    assert status(v, b).tolist() == ["dead", "infinite", "defined", "not finite"]
    assert stratified(np.array([[1.0, np.inf], [3.0, 1.0]])).tolist() == [2, np.inf]


def test_nan_activations_are_seen_in_their_unit_alone():
    network = small()
    with torch.no_grad():
        network.c2.bias[2] = torch.nan
    network = nn.Sequential(network.c1, network.act, network.pool, network.c2)
    found = of(network, images(), labels(), Rotations(2), names={"c2": "3"})
    bad = status(found.transformation["mean"], found.sample["mean"]) == "not finite"
    assert bad[:, 2].all() and bad.sum() == 4


@given(
    st.lists(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=2), min_size=2, max_size=20),
    st.integers(1, 5),
    st.floats(-1e6, 1e6),
)
@settings(max_examples=60, deadline=None)
def test_merged_moments_are_those_of_all_values(rows, size, offset):
    values = torch.tensor(rows, dtype=torch.float64) + offset
    groups = torch.arange(len(values)) % 2
    member = nn.functional.one_hot(groups, 2).T.double()
    whole = Moments.none(2, 2, values.device)
    for part in torch.arange(len(values)).split(size):
        whole.add(Moments.of(values[part], groups[part], member[:, part]))
    scale = 1e-9 * (1 + abs(offset))
    for group in range(2):
        own = values[groups == group].numpy()
        if len(own) > 1:
            np.testing.assert_allclose(whole.deviation()[group], own.std(0, ddof=1), rtol=1e-9, atol=scale)
        else:
            assert whole.deviation()[group].isnan().all()
    np.testing.assert_allclose(
        whole.merged().deviation()[0], values.numpy().std(0, ddof=1), rtol=1e-9, atol=scale
    )
    spread = Spread()
    for row in values:
        spread.add(row[None])
    np.testing.assert_allclose(spread.deviation()[0], values.numpy().std(0, ddof=1), rtol=1e-9, atol=scale)


def test_memory_does_not_grow_with_the_number_of_images():
    network, pixels, held = small(), images(64), []

    def sequence():
        for _ in range(12):
            held.append(sum(o.nbytes for o in gc.get_objects() if type(o) is torch.Tensor))
            yield pixels, labels(64)

    measure(network, sequence(), 3, NAMES, Rotations(2), in_unit)
    assert held[1] > held[0] and len(set(held[2:])) == 1


def test_windows_of_the_authors_overlap():
    """2 % of a large test set enters V, and B leaves out the incomplete last batch."""
    in_v, in_b = window_weights(10_000)
    counted = torch.zeros(10_000)
    for window in range(156):
        counted[window : window + 64] += 1
    assert torch.equal(in_v.float(), counted) and int((in_v > 0).sum()) == 219
    assert in_b.sum() == 9984
    assert [w.tolist() for w in window_weights(3)] == [[1.0] * 3, [1.0] * 3]


def test_published_is_each_class_by_itself_in_windows():
    network, rotations = small(True), Rotations(3, 1.0, 0)
    pixels, classes = images(210), labels(210, 2)
    found = measure_as_published(network.float(), pixels, classes, 2, NAMES, rotations)
    for row, chosen in enumerate((classes == 0, classes == 1, torch.full((210,), True))):
        own = pixels[chosen]
        mean, std = own.double().mean() / 255, own.double().std(correction=0) / 255
        values = activations(
            network,
            own,
            [*NAMES.values()],
            rotations,
            lambda x, mean=mean, std=std: ((x / 255 - mean) / std).float(),
            AGGREGATE["mean"],
        )
        spread, batch = values.std(0, ddof=1), min(len(own), 64)
        windows = len(own) // batch
        v = np.mean([spread[i : i + batch].mean(0) for i in range(windows)], 0)
        b = values[:, : windows * batch].std(1, ddof=1).mean(0)
        np.testing.assert_allclose(found.transformation["mean"][row], v, rtol=1e-3)
        np.testing.assert_allclose(found.sample["mean"][row], b, rtol=1e-3)


def test_turning_back_is_less_than_turning():
    """Of smooth images well inside a black border what is left is a blur; of exact quarter turns nothing."""
    random = torch.rand(40, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    smooth = nn.functional.pad(nn.functional.interpolate(random, size=8, mode="bilinear"), (2, 2, 2, 2))
    pixels = (255 * smooth).to(torch.uint8)
    turned, back = (of(small(), pixels, labels(), Rotations(8, 0, back=back)) for back in (False, True))
    assert (back.transformation["mean"][-1, -3:] < 0.5 * turned.transformation["mean"][-1, -3:]).all()
    quarter = of(small(), pixels, labels(), Rotations(4, 0, back=True))
    assert (quarter.transformation["mean"] == 0).all()


def test_with_a_mask_corners_do_not_count():
    """And the brightness of an image stays, whatever the angle."""
    one, other = images(side=12), images(side=12)
    corners = circle(12, 12, one.device)
    assert corners.sum() == sum((x - 5.5) ** 2 + (y - 5.5) ** 2 <= 36 for x in range(12) for y in range(12))
    other[..., ~corners] = 200
    first, second = (of(small(), pixels, labels(), Rotations(4, 0, masked=True)) for pixels in (one, other))
    assert (first.transformation["mean"] == second.transformation["mean"]).all()
    smooth = torch.full((2, 1, 28, 28), 100, dtype=torch.uint8)
    bright = {
        masked: [
            Rotations(8, 0, masked=masked).apply(smooth, angle).float().mean()
            for angle in Rotations(8).angles
        ]
        for masked in (False, True)
    }
    spread = {masked: (max(values) - min(values)) / max(values) for masked, values in bright.items()}
    assert spread[True] < 0.02 < 0.1 < spread[False]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"names": {"c": "c2x"}}, "did you mean c2"),
        ({"aggregations": ["median"]}, "allowed: sum, mean, max, deviations"),
        ({"classes": torch.tensor([0] * 39 + [1])}, "class 1 has 1 images"),
        ({"network": nn.Sequential(nn.Flatten(0)), "names": {"x": "0"}}, "expected"),
    ],
)
def test_what_cannot_be_measured_is_refused(change, words):
    given_ = {"network": small(), "classes": labels(), "names": NAMES} | change
    network, classes = given_.pop("network"), given_.pop("classes")
    with pytest.raises(InputError, match=words):
        of(network, images(), classes, Rotations(2), **given_)


def test_one_angle_is_refused():
    with pytest.raises(InputError, match="2 or more angles"):
        Rotations(1)
