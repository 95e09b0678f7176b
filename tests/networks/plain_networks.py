"""The networks of the three studies in plain torch, written from their descriptions alone."""

from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional


class PlainBlock(nn.Module):
    """A basic block, or a bottleneck; `drop` is a mask (N, C, H, W) on the branch."""

    def __init__(self, before, channels, stride, bottleneck):
        super().__init__()
        after = 4 * channels if bottleneck else channels
        shapes = (
            [(before, channels, 1, 1), (channels, channels, 3, stride), (channels, after, 1, 1)]
            if bottleneck
            else [(before, channels, 3, stride), (channels, channels, 3, 1)]
        )
        self.units = nn.ModuleList()
        for one, other, kernel, step in shapes:
            convolution = nn.Conv2d(one, other, kernel, step, (kernel - 1) // 2, bias=False)
            self.units.append(nn.ModuleList([convolution, nn.BatchNorm2d(other)]))
        self.shortcut = None
        if stride == 2 or before != after:
            self.shortcut = nn.ModuleList(
                [nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after)]
            )

    def forward(self, x):
        branch = x
        for index, (convolution, norm) in enumerate(self.units):
            branch = norm(convolution(functional.relu(branch) if index else branch))
        if self.shortcut is not None:
            x = self.shortcut[1](self.shortcut[0](x))
        self.sum = branch + x
        return functional.relu(self.sum)


class PlainResNet(nn.Module):
    def __init__(self, channels, classes, base, depths, bottleneck=False, pool=False, convolutional=False):
        super().__init__()
        self.stem, self.norm = nn.Conv2d(channels, base, 3, 1, 1, bias=False), nn.BatchNorm2d(base)
        before, self.blocks, self.pool = base, nn.ModuleList(), pool
        for stage, depth in enumerate(depths):
            for index in range(depth):
                stride = 2 if stage > 0 and index == 0 else 1
                self.blocks.append(PlainBlock(before, base * 2**stage, stride, bottleneck))
                before = base * 2**stage * (4 if bottleneck else 1)
        self.last = nn.Conv2d(before, classes, 1, bias=False) if convolutional else nn.Linear(before, classes)

    def forward(self, x):
        x = functional.relu(self.norm(self.stem(x)))
        if self.pool:
            x = functional.max_pool2d(x, 3, 2, 1)
        for block in self.blocks:
            x = block(x)
        x = x.mean((2, 3))
        return (
            self.last(x[:, :, None, None])[:, :, 0, 0] if isinstance(self.last, nn.Conv2d) else self.last(x)
        )


class PlainSimpleConv(nn.Module):
    def __init__(self, channels, classes, f, k, features):
        super().__init__()
        widths = [channels, f, f, 2 * f, 2 * f, 4 * f]
        self.convolutions = nn.ModuleList(nn.Conv2d(one, other, 3, 1, 1) for one, other in pairwise(widths))
        self.fc1, self.fc2 = nn.Linear(features, k), nn.Linear(k, classes)

    def forward(self, x):
        self.seen = {}
        for number, convolution in enumerate(self.convolutions, 1):
            self.seen[f"c{number}"] = x = convolution(x)
            self.seen[f"c{number}act"] = x = functional.relu(x)
            if number in (2, 4):
                self.seen[f"mp{number // 2}"] = x = functional.max_pool2d(x, 2)
        self.seen["fc1"] = x = self.fc1(x.flatten(1))
        self.seen["fc1act"] = x = functional.relu(x)
        self.seen["fc2"] = x = self.fc2(x)
        self.seen["fc2act"] = x = functional.log_softmax(x, 1)
        return x


class PlainAllConvolutional(nn.Module):
    def __init__(self, channels, classes, f, published):
        super().__init__()
        widths = [channels, f, f, f, 2 * f, 2 * f, 2 * f, 2 * f, 2 * f]
        self.units, self.published = nn.ModuleList(), published
        for index, (one, other) in enumerate(pairwise(widths)):
            kernel, padding = (1, int(published)) if index == 7 else (3, 1)
            stride = 2 if index in (2, 5) else 1
            convolution = nn.Conv2d(one, other, kernel, stride, padding)
            self.units.append(nn.ModuleList([convolution, nn.BatchNorm2d(other)]))
        self.last = nn.Conv2d(2 * f, classes, 1)

    def forward(self, x):
        self.seen = {}
        for index, (convolution, norm) in enumerate(self.units):
            self.seen[f"c{index}"] = x = norm(convolution(x))
            self.seen[f"c{index}act"] = x = functional.relu(x)
        self.seen["cc"] = x = self.last(x)
        if self.published:
            self.seen["ccact"] = x = functional.relu(x)
        self.seen["ap"] = x = x.mean((2, 3))
        self.seen["smax"] = x = functional.log_softmax(x, 1)
        return x


class PlainVGGLike(nn.Module):
    def __init__(self, channels, classes, f, k, features, published):
        super().__init__()
        self.units, self.published = nn.ModuleList(), published
        before = channels
        for stage in range(4):
            for _ in range(2):
                convolution = nn.Conv2d(before, f * 2**stage, 3, 1, 1)
                self.units.append(nn.ModuleList([convolution, nn.BatchNorm2d(f * 2**stage)]))
                before = f * 2**stage
        self.fc1, self.norm, self.fc2 = nn.Linear(features, k), nn.BatchNorm1d(k), nn.Linear(k, classes)

    def forward(self, x):
        self.seen = {}
        for index, (convolution, norm) in enumerate(self.units):
            stage, part = divmod(index, 2)
            self.seen[f"c{stage}_{part}"] = x = convolution(x)
            activation = functional.elu(x)
            x = norm(activation)
            self.seen[f"c{stage}_{part}act"] = activation if self.published else x
            if part:
                self.seen[f"mp{stage}"] = x = functional.max_pool2d(x, 2)
        self.seen["fc1"] = x = self.fc1(x.flatten(1))
        self.seen["fc1act"] = x = functional.relu(self.norm(x))
        self.seen["fc2"] = x = self.fc2(x)
        self.seen["fc2act"] = x = functional.log_softmax(x, 1)
        return x


class PlainConvolutions(nn.Module):
    """LeNet5 and the small CNN: convolutions without padding, ReLU and pooling, linear layers."""

    def __init__(self, widths, kernel, units):
        super().__init__()
        self.convolutions = nn.ModuleList(nn.Conv2d(one, other, kernel) for one, other in pairwise(widths))
        self.linear = nn.ModuleList(nn.Linear(*pair) for pair in pairwise(units))

    def forward(self, x):
        for convolution in self.convolutions:
            x = functional.max_pool2d(functional.relu(convolution(x)), 2)
        x = x.flatten(1)
        for index, layer in enumerate(self.linear):
            x = layer(functional.relu(x) if index else x)
        return x


class PlainFNN(nn.Module):
    def __init__(self, units, activation, log):
        super().__init__()
        self.linear = nn.ModuleList(nn.Linear(*pair) for pair in pairwise(units))
        self.activation, self.log = activation, log

    def forward(self, x):
        x = x.flatten(1)
        for index, layer in enumerate(self.linear):
            x = layer(self.activation(x) if index else x)
        return functional.log_softmax(x, 1) if self.log else x


def take_state(plain, network):
    """Load the tensors of a network, in their order, which is that in which data meets them."""
    ours = network.state_dict()
    theirs = plain.state_dict()
    assert len(ours) == len(theirs)
    with torch.no_grad():
        for (name, into), (other, tensor) in zip(theirs.items(), ours.items(), strict=True):
            assert into.shape == tensor.shape, (name, other)
            into.copy_(tensor)
    return plain
