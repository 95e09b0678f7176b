"""Convolutions that train faster on a CPU.

oneDNN computes the weight gradient of a convolution on feature maps of a few pixels at half the speed of
its forward pass on some CPUs. There it is one matrix product: with X the matrix of patches
(N * H * W, C * k * k) and Y that of output gradients (N * H * W, F), the gradient of the weights is Y^T X.
Sums are taken in another order; nothing else differs.
"""

import torch
from torch import nn
from torch.nn import functional

# The product is faster up to so many pixels, by the CPU's vector units and the type of the numbers, and from
# so many weights for each of them; measured with 8 to 512 channels on batches of 32 and 128.
MOST_PIXELS = {("AVX2", torch.float32): 16, ("AVX512", torch.bfloat16): 4}
LEAST_WEIGHTS = 1024 * 9


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
