"""Seeded training of one run, epoch by epoch."""

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from anatomy.checkpoints.safetensors_files import ArraysInFileOrder
from anatomy.checkpoints.snapshots import Snapshot
from anatomy.data.batches import Images
from anatomy.data.noise import ShuffledImages
from anatomy.networks.folding import FOLDED_LAYER, copy_decay, fold, foldable, unfold
from anatomy.networks.forward import conv_layers, is_sequential, layer_geometry
from anatomy.networks.sequential import pool_first
from anatomy.runtime.errors import InputError
from anatomy.runtime.progress import progress
from anatomy.runtime.settings import Settings, snapshot_epochs
from anatomy.runtime.streams import stream, stream_seed
from anatomy.training.evaluation import autocast, evaluate
from anatomy.training.gpu import GpuTimer, Graphed
from anatomy.training.history import EpochRecord, rates_of_steps
from anatomy.training.losses import loss_of
from anatomy.training.modules import LOSS
from anatomy.training.optimisers import build_optimiser, optimiser_state, restore_optimiser, set_rate
from anatomy.training.schedules import learning_rate
from anatomy.training.start import INITIALISATION, Start
from anatomy.training.task import Task


def _dtype_and_shape(tensor: torch.Tensor) -> tuple[str, tuple[int, ...]]:
    """Return numpy's name of the dtype of a tensor, and its shape."""
    return str(tensor.dtype).removeprefix("torch."), tuple(tensor.shape)


def require_snapshots(settings: Settings) -> None:
    """Raise `InputError` unless all `snapshots` are epochs of the run."""
    asked = () if settings.snapshots == "all" else settings.snapshots
    for epoch in asked:
        if type(epoch) is not int or not 0 <= epoch <= settings.epochs:
            raise InputError(f"snapshots: {epoch!r} is no epoch of the run; allowed: 0 to {settings.epochs}")


class Run:
    """One seed of one experiment: network, optimiser, data on the device, and its history.

    It begins with an initialisation of its own unless `start` has something else.
    """

    def __init__(self, task: Task, start: Start = INITIALISATION):
        """Take what the run learns; network and optimiser are made on the same device.

        `InputError` if snapshots of other epochs than those of the run are asked for.
        """
        self.task, self.start = task, start
        self.settings, self.seed, self.device = task.settings, task.seed, task.device
        require_snapshots(self.settings)
        network = self.initial_network()
        self.geometry = layer_geometry(network, task.input_shape)
        # Folding is exact for what SGD does to copies that differ by their initialisation alone.
        plain = self.settings.optimiser.kind == "sgd" and not start.slots
        self.folded = plain and foldable(network, task.input_shape)
        if self.folded:
            fold(network)
        if is_sequential(network):
            pool_first(network)
        self.network = network.to(self.device, memory_format=torch.channels_last)
        self.optimiser = build_optimiser(self.network, self.settings.optimiser, self.device)
        restore_optimiser(self.network, self.optimiser, start.slots)
        self.take_step = Graphed(self.step) if self.device.type == "cuda" else self.step
        self.history: list[EpochRecord] = []
        self.loss = loss_of(LOSS)
        # Accuracies that validation counts (top k), and the values of those after the first.
        self.top: tuple[int, ...] = (1,)
        self.further: list[float] = []
        # What changes between steps keeps its memory, as a graph demands.
        self.draws = task.draws(0).to(self.device)
        self.total_loss = torch.zeros((), device=self.device)
        self.total_correct = torch.zeros((), device=self.device)

    @property
    def epoch(self) -> int:
        """The last epoch in the history; before the first evaluation one less than the first."""
        return self.history[-1].epoch if self.history else self.start.epoch - 1

    @property
    def gpu_seconds(self) -> float | None:
        """Time that a GPU has spent on training so far; None on a CPU."""
        seconds = [record.gpu_seconds for record in self.history if record.gpu_seconds is not None]
        return round(sum(seconds), 3) if seconds else None

    @property
    def steps_per_epoch(self) -> int:
        """Number of batches of an epoch; the last, short one counts."""
        return math.ceil(len(self.task.train_labels) / self.settings.batch_size)

    @property
    def kept_epochs(self) -> list[int]:
        """The epochs whose weights are kept as snapshots."""
        return [epoch for epoch in snapshot_epochs(self.settings) if epoch >= self.start.epoch]

    def rate(self, epoch: int) -> float:
        """Learning rate during `epoch`."""
        return learning_rate(self.settings.optimiser.learning_rate, self.settings.schedule, epoch)

    def initial_network(self) -> nn.Module:
        """The network that the run begins with, not folded."""
        network = self.task.initial_network()
        self.start.load(network)
        return network

    def start_epoch(self, epoch: int) -> torch.Tensor:
        """Set learning rate, augmentation and dropout for `epoch`; return the order of its images (N,)."""
        count = len(self.task.train_labels)
        # Drawn on the CPU, so that every type of device sees the same order.
        order = torch.randperm(count, generator=stream(self.seed, "order", epoch))
        if self.settings.order == "stored":
            order = torch.arange(count)
        self.draws.copy_(self.task.draws(epoch))
        # The global generator belongs to dropout alone.
        torch.manual_seed(stream_seed(self.seed, "dropout", epoch))
        set_rate(self.optimiser, self.rate(epoch))
        self.network.train()
        self.total_loss.zero_()
        self.total_correct.zero_()
        return order.to(self.device)

    def step(self, index: torch.Tensor, *read: torch.Tensor) -> None:
        """Take one step on the images `index` (B,), and count their loss and correct predictions.

        `read` is what the source of the images has read for them. Nothing here waits for the device.
        """
        task = self.task
        images = task.images.augment(index, self.draws, *read)
        if task.shuffle is not None:
            images = task.shuffle(images, index)
        inputs, target = task.normalise(images), task.train_labels[index]
        with autocast(self.device, self.settings.precision):
            logits = self.network(inputs)
            loss = self.loss(logits, target)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        self.total_loss += loss.detach() * len(index)
        self.total_correct += (logits.detach().argmax(1) == target).sum()

    def train_epoch(self, epoch: int) -> tuple[float, float]:
        """Train for one epoch; return mean loss and accuracy over its batches."""
        batches = self.start_epoch(epoch).split(self.settings.batch_size)
        crops = None
        if self.settings.augmentation.random_resized_crop:
            crops = stream_seed(self.seed, "crops", epoch)
        reading = self.task.images.read(batches, crops)
        for index, read in zip(progress(batches, f"epoch {epoch}, batches"), reading, strict=True):
            self.take_step(index, *read)
        count = len(self.task.train_labels)
        return self.total_loss.item() / count, self.total_correct.item() / count

    def advance(self) -> EpochRecord:
        """Train the next epoch (or evaluate the initialisation) and add it to the history."""
        epoch, start = self.epoch + 1, time.perf_counter()
        rate, train, gpu = None, (None, None), GpuTimer(self.device)
        if epoch > self.start.epoch:
            with gpu:
                rate, train = self.rate(epoch), self.train_epoch(epoch)
            self.require_finite(train[0], "training", epoch)
        loss, accuracy, *self.further = self.measure(*self.task.validation, self.top)
        self.require_finite(loss, "validation", epoch)
        seconds = round(time.perf_counter() - start, 3)
        self.history.append(EpochRecord(epoch, rate, *train, loss, accuracy, seconds, gpu.seconds))
        return self.history[-1]

    def require_finite(self, loss: float, part: str, epoch: int) -> None:
        """Raise `InputError` if a loss, on the part of the data that is named, is no number."""
        if math.isfinite(loss):
            return
        if epoch == self.start.epoch:
            raise InputError(
                f"the {part} loss is {loss} before the first step; correct the weights that it begins with"
            )
        raise InputError(
            f"the {part} loss is {loss} in epoch {epoch} at learning rate {self.rate(epoch):g}; "
            "lower optimiser.learning_rate"
        )

    def measure(
        self, images: Images | ShuffledImages, labels: torch.Tensor, top: Sequence[int] = (1,)
    ) -> tuple[float, ...]:
        """Return the mean loss, and an accuracy for each of `top`, on images and their labels (N,)."""
        normalise, precision = self.task.normalise, self.settings.precision
        return evaluate(self.network, images, labels, normalise, precision, self.loss, top)

    def snapshot(self, origin: Mapping[str, Any], buffer: Snapshot | None = None) -> Snapshot:
        """Return a copy of weights and biases of all convolutions as they are now, or of the whole network.

        `buffer` is an earlier snapshot of this run whose arrays may take the copy: new memory costs as much
        time as the copy itself.
        """
        origin = {**origin, "epoch": self.epoch}
        if self.settings.whole_snapshots:
            tensors = self.whole_state_dict()
        else:
            layers = conv_layers(self.network).items()
            tensors = {f"{name}.{part}": p for name, layer in layers for part, p in layer.named_parameters()}
        tensors = {name: tensor.detach() for name, tensor in tensors.items()}
        layout = {name: _dtype_and_shape(tensor) for name, tensor in tensors.items()}
        arrays = buffer.arrays if buffer else ArraysInFileOrder(layout)
        for name, tensor in tensors.items():
            torch.from_numpy(arrays[name]).copy_(tensor)
        return Snapshot(arrays, self.geometry, origin)

    def state(self) -> dict[str, torch.Tensor]:
        """Return all that an epoch inherits from the one before: weights, buffers, and e.g. momentum."""
        network = {f"network.{name}": tensor for name, tensor in self.network.state_dict().items()}
        return {**network, **dict(optimiser_state(self.network, self.optimiser))}

    def restore(self, tensors: Mapping[str, torch.Tensor], history: list[dict]) -> None:
        """Continue from an earlier `state` and history."""
        self.network.load_state_dict({name: tensors[f"network.{name}"] for name in self.network.state_dict()})
        restore_optimiser(self.network, self.optimiser, tensors)
        self.history = [EpochRecord(**record) for record in history]

    def whole_state_dict(self) -> dict[str, torch.Tensor]:
        """Return the whole network as it is now, under torchvision's names, unfolded."""
        # Their memory is needed.
        self.optimiser.zero_grad(set_to_none=True)
        weights = {
            name: tensor.detach().cpu().contiguous() for name, tensor in self.network.state_dict().items()
        }
        if self.folded:
            name = f"{FOLDED_LAYER}.weight"
            initial = self.initial_network().get_parameter(name).detach()
            optimiser = self.settings.optimiser
            rates = rates_of_steps(self.history, self.steps_per_epoch)
            decay = copy_decay(rates, optimiser.momentum, optimiser.weight_decay)
            weights[name] = unfold(weights[name], initial, decay)
        return weights
