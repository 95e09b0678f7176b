"""Layers that train faster on a CPU than torch's of the same names.

Convolutions with an odd kernel k and padding (k - 1) / 2, of maps no larger than the padding and one pixel:
every pixel of the output sees every pixel of the input, each through a weight of its own, so that the layer
is one matrix product. Of 36 products of a 3 x 3 kernel with a map of 2 x 2 pixels, 20 are with the padding.

Convolutions of other small maps: oneDNN computes the weight gradient at half the speed of its forward pass on
some CPUs. There it is one matrix product: with X the matrix of patches (N * H * W, C * k * k) and Y that of
output gradients (N * H * W, F), the gradient of the weights is Y^T X.

Linear layers: MKL leaves the AVX-512 units of some CPUs unused, oneDNN does not.

All take sums in another order than torch's, and in bf16 round other partial sums; nothing else differs.
Dropout draws fewer random numbers.

`torch.func` cannot look into the first three; `plain` gives a network with torch's own layers and the same
parameters.
"""

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from itertools import chain, product
from math import inf, prod

import torch
from torch import nn
from torch.nn import functional

# Where each way is faster, by the CPU's vector units and the type of the numbers. Measured on AMD CPUs with 8
# to 512 channels and batches of 32 and 128; linear layers with 64 to 25,088 inputs and batches of 8 to 256.
# A convolution as one matrix: from so many weights.
LEAST_WHOLE_WEIGHTS = {
    ("AVX2", torch.float32): 64 * 64 * 9,
    ("AVX512", torch.float32): 64 * 64 * 9,
    ("AVX512", torch.bfloat16): 64 * 64 * 9,
}
# The product of patches: up to so many pixels, from so many weights for each of them.
MOST_PIXELS = {("AVX2", torch.float32): 16}
LEAST_WEIGHTS_PER_PIXEL = 1024 * 9
# oneDNN's product instead of MKL's: from so many weights.
LEAST_LINEAR_WEIGHTS = {("AVX512", torch.float32): 2**17}


def _trains_on_cpu(tensor: torch.Tensor) -> bool:
    """Tell whether a layer's outputs for `tensor` are computed on a CPU and for gradients."""
    return tensor.device.type == "cpu" and torch.is_grad_enabled()


def _dtype(tensor: torch.Tensor) -> torch.dtype:
    """Return the type of the numbers that a CPU multiplies for `tensor`."""
    return torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else tensor.dtype


def _limit(table: Mapping[tuple[str, torch.dtype], int], tensor: torch.Tensor, otherwise: float) -> float:
    """Return the entry of one of the tables above for this CPU and `tensor`."""
    return table.get((torch.backends.cpu.get_cpu_capability(), _dtype(tensor)), otherwise)


def patches(images: torch.Tensor, kernel: tuple[int, int], padding: tuple[int, int]) -> torch.Tensor:
    """Return the patch under the kernel at every position of the output: (N * H * W, kh * kw * C)."""
    (high, wide), (vertical, horizontal) = kernel, padding
    # Channels last: neighbouring numbers of a patch are neighbours in memory.
    padded = functional.pad(
        images.permute(0, 2, 3, 1), (0, 0, horizontal, horizontal, vertical, vertical)
    ).contiguous()
    windows = padded.unfold(1, high, 1).unfold(2, wide, 1)
    return windows.permute(0, 1, 2, 4, 5, 3).reshape(-1, high * wide * images.shape[1])


class _Convolve(torch.autograd.Function):
    """A convolution of stride 1 whose weight gradient is a matrix product."""

    @staticmethod
    def forward(ctx, images, weight, bias, padding):
        ctx.save_for_backward(images, weight)
        ctx.padding = padding
        return functional.conv2d(images, weight, bias, padding=padding)

    @staticmethod
    def backward(ctx, gradient):
        images, weight = ctx.saved_tensors
        filters, channels, *kernel = weight.shape
        # Asked for the gradient of the bias, oneDNN would compute that of the weights as well.
        needs = [ctx.needs_input_grad[0], False, False]
        of_images, _, _ = torch.ops.aten.convolution_backward(
            gradient, images, weight, None, [1, 1], ctx.padding, [1, 1], False, [0, 0], 1, needs
        )
        rows = gradient.permute(0, 2, 3, 1).reshape(-1, filters)
        of_bias = rows.sum(0) if ctx.needs_input_grad[2] else None
        of_weight = (rows.t() @ patches(images, kernel, ctx.padding)).view(filters, *kernel, channels)
        return of_images, of_weight.permute(0, 3, 1, 2), of_bias, None


class _WholeMatrix(torch.autograd.Function):
    """Weights (F, C, k, k) as the matrix (H * W * F, H * W * C) from all pixels of a map to all."""

    @staticmethod
    def forward(ctx, weight, size, dtype):
        ctx.shape, ctx.size, ctx.dtype = weight.shape, size, weight.dtype
        filters, channels, *_ = weight.shape
        kernel = weight.permute(0, 2, 3, 1)
        matrix = weight.new_empty(prod(size), filters, *size, channels, dtype=dtype)
        for part, (rows, columns) in zip(matrix, _windows(weight.shape, size), strict=True):
            part.copy_(kernel[:, rows, columns])
        return matrix.view(prod(size) * filters, -1)

    @staticmethod
    def backward(ctx, gradient):
        filters, channels, *kernel = ctx.shape
        # In the type of the weights: a gradient is the sum over all pixels of the output that see the weight.
        of_kernel = gradient.new_zeros(filters, *kernel, channels, dtype=ctx.dtype)
        parts = gradient.view(-1, filters, *ctx.size, channels)
        for part, (rows, columns) in zip(parts, _windows(ctx.shape, ctx.size), strict=True):
            of_kernel[:, rows, columns] += part
        return of_kernel.permute(0, 3, 1, 2), None, None


def _windows(shape: Sequence[int], size: tuple[int, int]) -> Iterator[tuple[slice, slice]]:
    """Yield the weights of a kernel (F, C, k, k) through which each pixel of a map sees the whole map."""
    middle = shape[2] // 2, shape[3] // 2
    for pixel in product(*map(range, size)):
        yield tuple(slice(m - at, m - at + of) for m, at, of in zip(middle, pixel, size, strict=True))


class Conv2d(nn.Conv2d):
    """torch's Conv2d, but for how a CPU trains it on small feature maps."""

    def _conv_forward(
        self, images: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None
    ) -> torch.Tensor:
        if _trains_on_cpu(images) and self._is_plain():
            if self._is_seen_whole(images):
                return self._as_one_matrix(images.to(_dtype(images)), weight, bias)
            if self._is_small(images):
                return _Convolve.apply(images, weight, bias, self.padding)
        return super()._conv_forward(images, weight, bias)

    def _as_one_matrix(
        self, images: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None
    ) -> torch.Tensor:
        size = tuple(images.shape[2:])
        matrix = _WholeMatrix.apply(weight, size, images.dtype)
        repeated = None if bias is None else bias.repeat(size[0] * size[1]).to(images.dtype)
        outputs = multiply(images.permute(0, 2, 3, 1).flatten(1), matrix, repeated)
        return outputs.view(-1, *size, len(weight)).permute(0, 3, 1, 2)

    def _is_plain(self) -> bool:
        return (self.stride, self.dilation, self.groups) == ((1, 1), (1, 1), 1) and (
            (self.padding_mode, type(self.padding)) == ("zeros", tuple)
        )

    def _is_seen_whole(self, images: torch.Tensor) -> bool:
        return (
            self.weight.numel() >= _limit(LEAST_WHOLE_WEIGHTS, images, inf)
            and self.kernel_size == tuple(2 * padding + 1 for padding in self.padding)
            and all(size <= padding + 1 for size, padding in zip(images.shape[2:], self.padding, strict=True))
        )

    def _is_small(self, images: torch.Tensor) -> bool:
        pixels = images.shape[2] * images.shape[3]
        return (
            pixels <= _limit(MOST_PIXELS, images, 0)
            and self.weight.numel() >= LEAST_WEIGHTS_PER_PIXEL * pixels
        )


class _Multiply(torch.autograd.Function):
    """A linear layer whose outputs and input gradients are oneDNN's products."""

    @staticmethod
    def forward(ctx, inputs, weight, bias):
        ctx.save_for_backward(inputs, weight)
        return torch.ops.mkldnn._linear_pointwise(inputs, weight, bias, "none", [], "")

    @staticmethod
    def backward(ctx, gradient):
        inputs, weight = ctx.saved_tensors
        # As a function of autograd again, so that there are second derivatives.
        of_inputs = _Multiply.apply(gradient, weight.t(), None) if ctx.needs_input_grad[0] else None
        return of_inputs, gradient.t() @ inputs, gradient.sum(0) if ctx.needs_input_grad[2] else None


def multiply(inputs: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    """Outputs (..., out) of a linear layer for inputs (..., in), weights (out, in) and bias (out,).

    By oneDNN for inputs (N, in) where that is faster, while gradients are recorded on a CPU; else by torch.
    """
    least = _limit(LEAST_LINEAR_WEIGHTS, inputs, inf)
    if _trains_on_cpu(inputs) and inputs.ndim == 2 and weight.numel() >= least:
        return _Multiply.apply(inputs, weight, bias)
    return functional.linear(inputs, weight, bias)


class Linear(nn.Linear):
    """torch's Linear, but for the library that multiplies while a network trains on a CPU."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Outputs (..., out) of inputs (..., in)."""
        return multiply(inputs, self.weight, self.bias)


def random_mask(shape: Sequence[int], fraction: float) -> torch.Tensor:
    """Draw booleans on the CPU, False with probability `fraction` < 1, from the global generator.

    One random byte decides if 256 times `fraction` is a whole number, 24 random bits otherwise.
    """
    if not (256.0 * fraction).is_integer():
        return torch.rand(shape) >= fraction
    count = prod(shape)
    # From the smallest number to no limit: all 64 bits are random.
    words = torch.empty(-(-count // 8), dtype=torch.int64).random_(torch.iinfo(torch.int64).min, None)
    return words.view(torch.uint8)[:count].view(shape) >= int(256 * fraction)


class Dropout(nn.Dropout):
    """torch's Dropout with masks that a CPU draws in an eighth of the time: the same distribution."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Set a fraction `p` of the inputs to zero in training, and scale the others by 1 / (1 - p)."""
        if not self.training or inputs.device.type != "cpu":
            return super().forward(inputs)
        return inputs * random_mask(inputs.shape, self.p).to(inputs.dtype).div_(1 - self.p)


# What stands for each of these layers in `plain`.
_PLAIN = {Conv2d: nn.Conv2d, Linear: nn.Linear, Dropout: nn.Dropout}


def plain(network: nn.Module) -> nn.Module:
    """Return the same network with torch's own layers, for `torch.func`: vmap, jvp, grad, functional_call.

    Parameters and buffers are those of `network` itself, the same tensors; names and modes are the same, and
    no layer works in place. `network` is left as it is.
    """
    shared = {id(tensor): tensor for tensor in chain(network.parameters(), network.buffers())}
    copied = deepcopy(network, shared)
    for module in copied.modules():
        module.__class__ = _PLAIN.get(type(module), type(module))
        if hasattr(module, "inplace"):
            module.inplace = False
    return copied
