"""A run that trains a subspace: random points of it in every step.

The network that is measured and kept is the mid-point, with the running statistics of one pass over the
training images as they are without augmentation. Training goes on with those that it had.
"""

from collections.abc import Iterator, Sequence
from functools import partial

import torch
from torch import nn

from anatomy.checkpoints.snapshots import CORNER
from anatomy.data.batches import Images
from anatomy.data.noise import ShuffledImages
from anatomy.networks.batch_norm import recalibrate
from anatomy.networks.folding import FOLDED_LAYER
from anatomy.networks.forward import conv_layers
from anatomy.networks.subspace import CORNERS, Subspace, draw_pairs, draw_points, middle
from anatomy.runtime.signals import checked
from anatomy.runtime.streams import stream
from anatomy.training.evaluation import autocast
from anatomy.training.run import Run


class SubspaceRun(Run):
    """One seed of one experiment with the key `subspace`; corners have initialisations of their own.

    The first corner's is that of the run without the key.
    """

    def build_trained(self) -> nn.Module:
        """Return the corners; `InputError` if the subspace asks for what the network has not."""
        own = self.settings.subspace
        self.corner_count = CORNERS.get(own.kind, own.corners)
        corners = [self.prepared(self.initial_corner(index)) for index in range(self.corner_count)]
        self.subspace = Subspace(self.network, corners, own.kind, own.layerwise)
        if own.beta:
            self.subspace.require_convolutions()
        # As a graph demands, these stay where they are.
        shape = own.num_samples, self.subspace.rows, self.corner_count
        self.points = torch.zeros(shape, dtype=torch.float64, device=self.device)
        self.pair = torch.zeros(self.corner_count, self.corner_count, dtype=torch.float64, device=self.device)
        self.drawn: Iterator[tuple[torch.Tensor, torch.Tensor]] = iter(())
        # Buffers with which training goes on, while the network is the mid-point.
        self.kept_buffers: list[torch.Tensor] | None = None
        self.recalibrated = False
        return self.subspace.corners

    def initial_corner(self, index: int) -> nn.Module:
        """The network that a corner begins with, not folded."""
        if index == 0:
            return self.initial_network()
        network = self.task.new_network(stream(self.seed, "corner", index))
        self.start.load(network)
        return network

    def start_epoch(self, epoch: int) -> torch.Tensor:
        """As for a network; draw the points of its steps as well."""
        if self.kept_buffers is not None:
            for buffer, kept in zip(self.network.buffers(), self.kept_buffers, strict=True):
                buffer.copy_(kept)
            self.kept_buffers, self.recalibrated = None, False
        own, steps = self.settings.subspace, self.steps_per_epoch
        of_points = stream(self.seed, "points", epoch)
        points = draw_points(
            own.kind, self.corner_count, steps * own.num_samples, self.subspace.rows, of_points
        )
        pairs = draw_pairs(self.corner_count, steps, stream(self.seed, "pairs", epoch))
        self.drawn = zip(points.split(own.num_samples), pairs, strict=True)
        return super().start_epoch(epoch)

    def prepare_step(self) -> None:
        """Take the points of the next step, and the corners that it keeps apart."""
        points, pair = next(self.drawn)
        self.points.copy_(points)
        self.pair.copy_(pair)

    def learn(self, inputs: torch.Tensor, target: torch.Tensor) -> None:
        """Replace the gradients of the corners by those on a batch of inputs and their labels (B,)."""
        self.optimiser.zero_grad(set_to_none=True)
        # No part of the last, short batch is smaller than those of others, which batch norm might not take.
        count = max(1, len(target) * len(self.points) // self.settings.batch_size)
        parts = list(zip(inputs.tensor_split(count), target.tensor_split(count), strict=True))

        def loss(index: int) -> torch.Tensor:
            return self.batch_loss(*parts[index]) * (len(parts[index][1]) / len(target))

        self.subspace.backward(self.points[:count], loss)
        if beta := self.settings.subspace.beta:
            self.subspace.keep_apart(beta, self.pair)

    def move_to_middle(self) -> None:
        """Let the network be the mid-point until training goes on."""
        if self.kept_buffers is None:
            self.kept_buffers = [buffer.clone() for buffer in self.network.buffers()]
            self.subspace.move(middle(self.settings.subspace.kind, self.corner_count))

    def settle(self) -> None:
        """Let the network be the mid-point, with running statistics of its own."""
        self.move_to_middle()
        if not self.recalibrated:
            images, normalise = self.task.train[0], self.task.normalise
            with autocast(self.device, self.settings.precision):
                batches = checked(images.plain(self.settings.batch_size))
                recalibrate(self.network, map(normalise, batches))
            self.recalibrated = True

    def measure(
        self, images: Images | ShuffledImages, labels: torch.Tensor, top: Sequence[int] = (1,)
    ) -> tuple[float, ...]:
        """As for a network, of the mid-point."""
        self.settle()
        return super().measure(images, labels, top)

    def convolutions(self) -> dict[str, torch.Tensor]:
        """Return weights and biases of all convolutions of the mid-point, and of the corners."""
        self.move_to_middle()
        return {
            **super().convolutions(),
            **{
                f"{CORNER}{index}.{name}.{part}": parameter
                for index, corner in enumerate(self.subspace.corners)
                for name, layer in conv_layers(corner).items()
                for part, parameter in layer.named_parameters()
            },
        }

    def whole_state_dict(self) -> dict[str, torch.Tensor]:
        """Return the mid-point as it is now, and the corners, unfolded."""
        self.settle()
        self.optimiser.zero_grad(set_to_none=True)
        corners = [
            self.unfolded(dict(corner.named_parameters()), partial(self.initial_corner, index))
            for index, corner in enumerate(self.subspace.corners)
        ]
        state = self.network.state_dict()
        weights = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
        if self.folded:
            name = f"{FOLDED_LAYER}.weight"
            scales = middle(self.settings.subspace.kind, self.corner_count).tolist()
            weights[name] = sum(c * corner[name] for c, corner in zip(scales, corners, strict=True))
        of_corners = {
            f"{CORNER}{index}.{name}": tensor
            for index, corner in enumerate(corners)
            for name, tensor in corner.items()
        }
        return {**weights, **of_corners}

    def weights(self) -> dict[str, torch.Tensor]:
        """Return the parameters of the corners, and the buffers with which training goes on."""
        buffers = dict(self.network.named_buffers())
        if self.kept_buffers is not None:
            buffers = dict(zip(buffers, self.kept_buffers, strict=True))
        corners = self.subspace.corners.named_parameters()
        return {
            **{f"network.{name}": buffer for name, buffer in buffers.items()},
            **{f"{CORNER}{name}": parameter.detach() for name, parameter in corners},
        }

    @torch.no_grad()
    def load_weights(self, tensors: dict[str, torch.Tensor]) -> None:
        """Take the corners and buffers of a `state`."""
        for name, buffer in self.network.named_buffers():
            buffer.copy_(tensors[f"network.{name}"])
        for name, parameter in self.subspace.corners.named_parameters():
            parameter.copy_(tensors[f"{CORNER}{name}"])
        self.kept_buffers, self.recalibrated = None, False
