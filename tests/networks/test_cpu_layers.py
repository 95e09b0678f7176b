"""Layers that train faster are torch's layers."""

import math
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from anatomy.networks import cpu_layers as layers
from anatomy.networks.cpu_layers import Conv2d, Dropout, Linear, random_mask

VECTOR_UNITS = torch.backends.cpu.get_cpu_capability()


def gradients(layer, images, direction):
    images = images.clone().requires_grad_()
    (layer(images) * direction).sum().backward()
    return [images.grad, *(parameter.grad for parameter in layer.parameters())]


def case(seed, shape, filters, kernel, **options):
    """torch's convolution and ours with the same weights, images of `shape`, and a gradient of outputs."""
    torch.manual_seed(seed)
    options = {**options, "dtype": torch.float64}
    theirs, ours = (layer(shape[1], filters, kernel, **options) for layer in (nn.Conv2d, Conv2d))
    ours.load_state_dict(theirs.state_dict())
    images = torch.randn(shape, dtype=torch.float64)
    return theirs, ours, images, torch.randn_like(theirs(images))


@settings(deadline=None, max_examples=60)
@given(
    st.integers(1, 3),
    st.integers(1, 5),
    st.integers(1, 5),
    st.tuples(st.integers(1, 5), st.integers(1, 5)),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.tuples(st.integers(0, 2), st.integers(0, 2)),
    st.booleans(),
    st.integers(0, 9),
)
def test_gradients_are_torchs(batch, channels, filters, size, kernel, padding, bias, seed):
    if any(s + 2 * p < k for s, p, k in zip(size, padding, kernel, strict=True)):
        return
    theirs, ours, images, direction = case(
        seed, (batch, channels, *size), filters, kernel, padding=padding, bias=bias
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layers, "LEAST_WEIGHTS_PER_PIXEL", 0)
        patch.setattr(layers, "MOST_PIXELS", {(VECTOR_UNITS, torch.float64): 100})
        found = gradients(ours, images, direction)
    for expected, gradient in zip(gradients(theirs, images, direction), found, strict=True):
        assert gradient.shape == expected.shape
        assert torch.allclose(gradient, expected, rtol=1e-12, atol=1e-12)


def is_product(outputs):
    return "Convolve" in str(outputs.grad_fn)


def is_whole(outputs):
    return "Permute" in str(outputs.grad_fn)


def by_onednn(outputs):
    return "Multiply" in str(outputs.grad_fn)


@pytest.mark.parametrize(
    ("size", "channels", "options", "product"),
    [
        (3, 96, {"padding": 1}, True),
        (4, 128, {"padding": 1}, True),
        (4, 64, {"padding": 1}, False),
        (8, 256, {"padding": 1}, False),
        (2, 64, {"padding": 1, "stride": 2}, False),
        (4, 128, {"padding": 1, "groups": 2}, False),
        (4, 128, {"padding": 2, "dilation": 2}, False),
        (4, 128, {"padding": "same"}, False),
        (4, 128, {"padding": 1, "padding_mode": "circular"}, False),
    ],
)
def test_the_product_is_used_where_it_is_faster(size, channels, options, product, monkeypatch):
    monkeypatch.setattr(layers, "MOST_PIXELS", {(VECTOR_UNITS, torch.float32): 16})
    layer = Conv2d(channels, channels, 3, **options)
    images = torch.randn(2, channels, size, size)
    assert is_product(layer(images)) == product
    plain = nn.Conv2d(channels, channels, 3, **options)
    plain.load_state_dict(layer.state_dict())
    assert torch.equal(layer(images), plain(images))


@settings(deadline=None, max_examples=60)
@given(
    st.integers(1, 3),
    st.integers(1, 5),
    st.integers(1, 5),
    st.tuples(st.integers(0, 3), st.integers(0, 3)),
    st.data(),
    st.booleans(),
    st.integers(0, 9),
)
def test_a_small_map_seen_whole_gives_torchs_outputs_and_gradients(
    batch, channels, filters, padding, data, bias, seed
):
    size = [data.draw(st.integers(1, p + 1)) for p in padding]
    kernel = [2 * p + 1 for p in padding]
    theirs, ours, images, direction = case(
        seed, (batch, channels, *size), filters, kernel, padding=padding, bias=bias
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layers, "LEAST_WHOLE_WEIGHTS", {(VECTOR_UNITS, torch.float64): 0})
        outputs = ours(images)
        found = [outputs, *gradients(ours, images, direction)]
    assert is_whole(outputs)
    for expected, other in zip([theirs(images), *gradients(theirs, images, direction)], found, strict=True):
        assert other.shape == expected.shape
        assert torch.allclose(other, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("size", "options", "whole"),
    [
        (1, {"padding": 1}, True),
        (2, {"padding": 1}, True),
        (3, {"padding": 1}, False),
        (2, {"padding": 0}, False),
        (2, {"padding": 2}, False),
        (2, {"padding": 1, "stride": 2}, False),
        (2, {"padding": 1, "groups": 2}, False),
        (2, {"padding": 2, "dilation": 2}, False),
        (2, {"padding": "same"}, False),
        (2, {"padding": 1, "padding_mode": "circular"}, False),
    ],
)
def test_only_a_small_map_is_seen_whole(size, options, whole, monkeypatch):
    monkeypatch.setattr(layers, "LEAST_WHOLE_WEIGHTS", {(VECTOR_UNITS, torch.float64): 0})
    layer = Conv2d(4, 4, 1 if options["padding"] == 0 else 3, dtype=torch.float64, **options)
    plain = nn.Conv2d(4, 4, layer.kernel_size, dtype=torch.float64, **options)
    plain.load_state_dict(layer.state_dict())
    images = torch.randn(2, 4, size, size, dtype=torch.float64)
    outputs = layer(images)
    assert is_whole(outputs) == whole
    assert torch.allclose(outputs, plain(images), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("units", "size", "bf16", "way"),
    [
        ("AVX2", 4, False, "product"),
        ("AVX2", 2, False, "whole"),
        ("AVX2", 2, True, "torch's"),
        ("AVX512", 2, False, "whole"),
        ("AVX512", 2, True, "whole"),
        ("AVX512", 4, False, "torch's"),
        ("AVX512", 4, True, "torch's"),
        ("DEFAULT", 2, False, "torch's"),
    ],
)
def test_a_way_is_taken_on_cpus_on_which_it_was_measured(units, size, bf16, way, monkeypatch):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: units)
    layer, images = Conv2d(128, 128, 3, padding=1), torch.randn(2, 128, size, size)
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        outputs = layer(images)
    assert (is_product(outputs), is_whole(outputs)) == (way == "product", way == "whole")
    with torch.no_grad():
        plain = nn.functional.conv2d(images, layer.weight, layer.bias, padding=1)
        assert torch.equal(layer(images), plain)


@pytest.mark.parametrize("bias", [True, False])
def test_a_map_seen_whole_in_bfloat16_is_as_exact_as_its_numbers(bias, monkeypatch):
    monkeypatch.setattr(layers, "LEAST_WHOLE_WEIGHTS", {(VECTOR_UNITS, torch.bfloat16): 0})
    torch.manual_seed(0)
    ours = Conv2d(64, 64, 3, padding=1, bias=bias)
    exact = nn.Conv2d(64, 64, 3, padding=1, bias=bias, dtype=torch.float64)
    exact.load_state_dict({name: value.bfloat16() for name, value in ours.state_dict().items()})
    images = torch.randn(8, 64, 2, 2).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        logits = ours(images)
        assert is_whole(logits)
        assert logits.dtype == torch.bfloat16
        direction = torch.randn_like(logits)
        found = [logits, *gradients(ours, images, direction)]
    expected = [exact(images.double()), *gradients(exact, images.double(), direction.double())]
    assert [tensor.dtype for tensor in found[2:]] == [torch.float32] * len(list(ours.parameters()))
    for one, other in zip(expected, found, strict=True):
        assert other.shape == one.shape
        # Eight bits of precision.
        assert (one - other).abs().max() <= 2**-8 * one.abs().max()


def second_derivatives(layer, images, direction):
    images = images.clone().requires_grad_()
    wanted = [images, *layer.parameters()]
    first = torch.autograd.grad((layer(images).square() * direction).sum(), wanted, create_graph=True)
    return torch.autograd.grad(sum(gradient.square().sum() for gradient in first), wanted)


@pytest.mark.parametrize("way", ["LEAST_WHOLE_WEIGHTS", "MOST_PIXELS", "LEAST_LINEAR_WEIGHTS"])
def test_second_derivatives_are_torchs(way, monkeypatch):
    for name in ("LEAST_WHOLE_WEIGHTS", "MOST_PIXELS", "LEAST_LINEAR_WEIGHTS"):
        limit = 16 if name == "MOST_PIXELS" else 0
        monkeypatch.setattr(layers, name, {(VECTOR_UNITS, torch.float32): limit} if name == way else {})
    monkeypatch.setattr(layers, "LEAST_WEIGHTS_PER_PIXEL", 0)
    torch.manual_seed(0)
    if way == "LEAST_LINEAR_WEIGHTS":
        ours, exact, shape = Linear(5, 4), nn.Linear(5, 4, dtype=torch.float64), (3, 5)
        assert by_onednn(ours(torch.randn(3, 5)))
    else:
        ours, shape = Conv2d(3, 4, 3, padding=1), (2, 3, 2, 2)
        exact = nn.Conv2d(3, 4, 3, padding=1, dtype=torch.float64)
        assert (is_whole if way == "LEAST_WHOLE_WEIGHTS" else is_product)(ours(torch.randn(shape)))
    exact.load_state_dict(ours.state_dict())
    images = torch.randn(shape)
    direction = torch.randn_like(ours(images))
    found = second_derivatives(ours, images, direction)
    expected = second_derivatives(exact, images.double(), direction.double())
    for one, other in zip(expected, found, strict=True):
        assert torch.allclose(one, other.double(), rtol=1e-4, atol=1e-4 * one.abs().max().item())


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 9), st.integers(1, 40), st.integers(1, 40), st.booleans(), st.integers(0, 9))
def test_a_linear_layers_outputs_and_gradients_are_torchs(batch, before, after, bias, seed):
    torch.manual_seed(seed)
    ours, exact = Linear(before, after, bias=bias), nn.Linear(before, after, bias=bias, dtype=torch.float64)
    exact.load_state_dict(ours.state_dict())
    inputs = torch.randn(batch, before)
    direction = torch.randn(batch, after)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layers, "LEAST_LINEAR_WEIGHTS", {(VECTOR_UNITS, torch.float32): 0})
        outputs = ours(inputs)
        found = [outputs, *gradients(ours, inputs, direction)]
    assert by_onednn(outputs)
    expected = [exact(inputs.double()), *gradients(exact, inputs.double(), direction.double())]
    for one, other in zip(expected, found, strict=True):
        assert other.dtype == torch.float32
        # Sums of at most 40 products, each rounded to 24 bits.
        assert torch.allclose(one, other.double(), rtol=0, atol=1e-4)


def test_no_gradient_of_a_linear_layers_inputs_is_computed_in_vain():
    saved = torch.arange(12.0).view(4, 3), torch.zeros(2, 3)
    context = SimpleNamespace(saved_tensors=saved, needs_input_grad=(False, True, False))
    of_inputs, of_weight, of_bias = layers._Multiply.backward(context, torch.ones(4, 2))
    assert (of_inputs, of_bias) == (None, None)
    assert torch.equal(of_weight, saved[0].sum(0).expand(2, 3))


@pytest.mark.parametrize(
    ("units", "size", "dtype", "bf16", "onednn"),
    [
        ("AVX512", 512, torch.float32, False, True),
        ("AVX512", 256, torch.float32, False, False),
        ("AVX512", 512, torch.float64, False, False),
        ("AVX512", 512, torch.float32, True, False),
        ("AVX2", 512, torch.float32, False, False),
        ("DEFAULT", 512, torch.float32, False, False),
    ],
)
def test_onednn_multiplies_where_it_was_measured_to_be_faster(units, size, dtype, bf16, onednn, monkeypatch):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: units)
    layer, inputs = Linear(size, size, dtype=dtype), torch.randn(2, size, dtype=dtype)
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        assert by_onednn(layer(inputs)) == onednn
    plain = nn.Linear(size, size, dtype=dtype)
    plain.load_state_dict(layer.state_dict())
    with torch.no_grad():
        assert torch.equal(layer(inputs), plain(inputs))
    assert layer(inputs[None]).shape == (1, 2, size)


@pytest.mark.parametrize("fraction", [0.5, 0.25, 3 / 256, 0.3])
def test_a_random_mask_is_independent_from_element_to_element(fraction):
    torch.manual_seed(0)
    mask = random_mask((1000, 99), fraction)
    assert (mask.shape, mask.dtype) == ((1000, 99), torch.bool)
    kept = mask.flatten().double() - (1 - fraction)
    deviation = (fraction * (1 - fraction) / len(kept)) ** 0.5
    assert abs(kept.mean()) < 5 * deviation
    # Neighbours that come from one 64-bit number, and from the next one.
    for lag in (*range(1, 9), 64, 99):
        covariance = (kept[lag:] * kept[:-lag]).mean()
        assert abs(covariance) < 5 * fraction * (1 - fraction) / len(kept) ** 0.5


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_dropout_keeps_its_fraction_and_scales_the_rest(dtype):
    torch.manual_seed(0)
    inputs = torch.ones(200, 500, dtype=dtype, requires_grad=True)
    for fraction in (0.5, 0.2):
        layer = Dropout(fraction)
        outputs = layer(inputs)
        assert outputs.dtype == dtype
        # Five standard deviations of a fraction of 100,000.
        assert (outputs == 0).float().mean() == pytest.approx(fraction, abs=5 * math.sqrt(0.25 / 1e5))
        assert outputs[outputs != 0].unique().tolist() == [
            torch.tensor(1 / (1 - fraction), dtype=dtype).item()
        ]
        assert not torch.equal(outputs, layer(inputs))
        (gradient,) = torch.autograd.grad(outputs.sum(), inputs)
        assert torch.equal(gradient, outputs)
        assert torch.equal(layer.eval()(inputs), inputs)
