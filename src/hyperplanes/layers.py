"""Layers that train faster on a CPU than torch's of the same names.

Convolutions: oneDNN computes the weight gradient on feature maps of a few pixels at half the speed of its
forward pass on some CPUs. There it is one matrix product: with X the matrix of patches (N * H * W, C * k * k)
and Y that of output gradients (N * H * W, F), the gradient of the weights is Y^T X.

Linear layers: MKL leaves the AVX-512 units of some CPUs unused, oneDNN does not.

Both take sums in another order than torch's; nothing else differs. Dropout draws fewer random numbers.
"""

from collections.abc import Sequence
from math import prod

import torch
from torch import nn
from torch.nn import functional

# The product of patches is faster up to so many pixels, by the CPU's vector units and the numbers' type, and
# from so many weights for each of them; measured with 8 to 512 channels on batches of 32 and 128.
MOST_PIXELS = {("AVX2", torch.float32): 16, ("AVX512", torch.bfloat16): 4}
LEAST_WEIGHTS = 1024 * 9

# oneDNN multiplies faster than MKL from so many weights of a linear layer; measured with batches of 8 to 256.
LEAST_LINEAR_WEIGHTS = {("AVX512", torch.float32): 2**17}


def patches(images: torch.Tensor, kernel: tuple[int, int], padding: tuple[int, int]) -> torch.Tensor:
    """Return the patch under the kernel at every place of the output: (N * H * W, kh * kw * C)."""
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


class Conv2d(nn.Conv2d):
    """torch's Conv2d, but for the weight gradient on small feature maps on a CPU."""

    def _conv_forward(
        self, images: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None
    ) -> torch.Tensor:
        if images.device.type == "cpu" and torch.is_grad_enabled():
            kind = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else images.dtype
            if self._is_small(images, kind):
                images, weight = images.to(kind), weight.to(kind)
                return _Convolve.apply(images, weight, None if bias is None else bias.to(kind), self.padding)
        return super()._conv_forward(images, weight, bias)

    def _is_small(self, images: torch.Tensor, kind: torch.dtype) -> bool:
        pixels = images.shape[2] * images.shape[3]
        return (
            pixels <= MOST_PIXELS.get((torch.backends.cpu.get_cpu_capability(), kind), 0)
            and self.weight.numel() >= LEAST_WEIGHTS * pixels
            and (self.stride, self.dilation, self.groups) == ((1, 1), (1, 1), 1)
            and (self.padding_mode, type(self.padding)) == ("zeros", tuple)
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
        of_inputs = None
        if ctx.needs_input_grad[0]:
            of_inputs = torch.ops.mkldnn._linear_pointwise(gradient, weight.t(), None, "none", [], "")
        return of_inputs, gradient.t() @ inputs, gradient.sum(0) if ctx.needs_input_grad[2] else None


class Linear(nn.Linear):
    """torch's Linear, but for the library that multiplies while a network trains on a CPU."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Outputs (N, out) of inputs (N, in)."""
        if self._is_faster_with_onednn(inputs):
            return _Multiply.apply(inputs, self.weight, self.bias)
        return super().forward(inputs)

    def _is_faster_with_onednn(self, inputs: torch.Tensor) -> bool:
        if inputs.device.type != "cpu" or not torch.is_grad_enabled() or torch.is_autocast_enabled("cpu"):
            return False
        least = LEAST_LINEAR_WEIGHTS.get((torch.backends.cpu.get_cpu_capability(), inputs.dtype))
        return least is not None and self.weight.numel() >= least and inputs.ndim == 2


def random_mask(shape: Sequence[int], share: float) -> torch.Tensor:
    """Draw booleans on the CPU, each of them False with probability `share`, from the global generator.

    One random byte decides if 256 times `share` is a whole number, 24 random bits otherwise.
    """
    if not (256.0 * share).is_integer():
        return torch.rand(shape) >= share
    count = prod(shape)
    # From the smallest number to no limit: all 64 bits are random.
    words = torch.empty(-(-count // 8), dtype=torch.int64).random_(torch.iinfo(torch.int64).min, None)
    return words.view(torch.uint8)[:count].view(shape) >= int(256 * share)


class Dropout(nn.Dropout):
    """torch's Dropout with masks that a CPU draws in an eighth of the time: the same distribution."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Set a share `p` of the inputs to zero in training, and scale the others by 1 / (1 - p)."""
        if not self.training or inputs.device.type != "cpu":
            return super().forward(inputs)
        return inputs * random_mask(inputs.shape, self.p).to(inputs.dtype).div_(1 - self.p)
