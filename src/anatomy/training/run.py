"""Seeded training of one run, epoch by epoch."""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from itertools import repeat
from typing import Any

import torch
from torch import nn

from anatomy.checkpoints.safetensors_files import ArraysInFileOrder
from anatomy.checkpoints.snapshots import Snapshot
from anatomy.data.batches import Images
from anatomy.data.noise import ShuffledImages
from anatomy.networks.batch_norm import freeze
from anatomy.networks.folding import FOLDED_LAYER, copy_decay, fold, foldable, unfold
from anatomy.networks.forward import conv_layers, is_sequential, layer_geometry
from anatomy.networks.sequential import pool_first
from anatomy.runtime.errors import InputError
from anatomy.runtime.progress import progress
from anatomy.runtime.settings import snapshot_epochs
from anatomy.runtime.streams import seed_global_generator, stream, stream_seed
from anatomy.training.evaluation import autocast, evaluate
from anatomy.training.gpu import GpuTimer, Graphed
from anatomy.training.history import EpochRecord
from anatomy.training.inside_epoch import begin_sums, inside_state, steps_of
from anatomy.training.losses import loss_of, minimised
from anatomy.training.mlp_steps import mlp_steps
from anatomy.training.modules import SUBSPACE
from anatomy.training.optimisers import build_optimiser, optimiser_state, restore_optimiser, set_rate
from anatomy.training.requirements import require_batches, require_settings
from anatomy.training.schedules import LearningRates
from anatomy.training.start import INITIALISATION, Start
from anatomy.training.task import Task
from anatomy.training.trainable import train_only


def _dtype_and_shape(tensor: torch.Tensor) -> tuple[str, tuple[int, ...]]:
    """Return numpy's name of the dtype of a tensor, and its shape."""
    return str(tensor.dtype).removeprefix("torch."), tuple(tensor.shape)


def begin_run(task: Task, start: Start = INITIALISATION) -> "Run":
    """Return the run of a task before its first epoch: of a network, or of a subspace if it has that key."""
    if task.settings.subspace is None:
        return Run(task, start)
    return import_module(SUBSPACE).SubspaceRun(task, start)


class Run:
    """One seed of one experiment: network, optimiser, data on the device, and its history.

    It begins with an initialisation of its own unless `start` has something else.
    """

    def __init__(self, task: Task, start: Start = INITIALISATION):
        """Take what the run learns; network and optimiser are made on the same device.

        `InputError` if settings do not go together, or name what the network has not.
        """
        self.task, self.start = task, start
        self.settings, self.seed, self.device = task.settings, task.seed, task.device
        require_settings(self.settings)
        network = self.initial_network()
        require_batches(task, network)
        self.geometry = layer_geometry(network, task.input_shape)
        # Folding is exact for what SGD does to copies that differ by their initialisation alone; weights that
        # are not trained would be rounded by it.
        plain = self.settings.optimiser.kind == "sgd" and not start.slots and self.settings.trainable is None
        self.folded = plain and foldable(network, task.input_shape)
        self.network = self.prepared(network)
        self.trained = self.build_trained()
        self.optimiser = build_optimiser(self.trained, self.settings.optimiser, self.device)
        restore_optimiser(self.trained, self.optimiser, start.slots)
        self._begin_steps()
        self.rate = LearningRates(
            self.settings.optimiser.learning_rate, self.settings.schedule, self.settings.epochs
        )
        # The last epoch that is done or begun; before the first evaluation one less than the first.
        self.epoch = start.epoch - 1
        # Its steps so far, until it is done; and the state after those that an earlier attempt has taken.
        self.steps, self.taken = 0, {}
        # Called after each step, when a state could be saved.
        self.after_step: Callable[[], None] = lambda: None
        self.history: list[EpochRecord] = []
        # Time since the last record: of all, and of a GPU.
        self.seconds, self.gpu_since = 0.0, None
        self.loss, self.minimised = loss_of(self.settings.loss.kind), minimised(self.settings.loss)
        # Accuracies that validation counts (top k), and the values of those after the first.
        self.top: tuple[int, ...] = (1,)
        self.further: list[float] = []
        self.mlp = mlp_steps(self.trained, self.optimiser, task)
        # What changes between steps keeps its memory, as a graph demands.
        self.draws = task.draws(0).to(self.device)
        self.total_loss = torch.zeros((), device=self.device)
        self.total_correct = torch.zeros((), device=self.device)
        self.sums = {"loss": self.total_loss, "correct": self.total_correct}

    def prepared(self, network: nn.Module) -> nn.Module:
        """Make a network what is trained, in place: on the device, with layers that are folded and frozen."""
        train_only(network, self.settings.trainable)
        if self.folded:
            fold(network)
        if is_sequential(network):
            pool_first(network)
        return network.to(self.device, memory_format=torch.channels_last)

    def build_trained(self) -> nn.Module:
        """Return what has the parameters that the optimiser is given: the network."""
        return self.network

    def _begin_steps(self) -> None:
        """Let the next step be a first one: what a graph has recorded is of no use any more."""
        self.take_step = Graphed(self.step) if self.device.type == "cuda" else self.step

    @property
    def position(self) -> tuple[int, int]:
        """The last epoch that is done, and how many steps of the next one are."""
        return self.epoch - bool(self.steps), self.steps

    @property
    def stopped(self) -> bool:
        """Whether the run has ended before its last epoch, as `stop` asks."""
        accuracy = self.history[-1].train_accuracy if self.history else None
        return self.epoch < self.settings.epochs and self._is_enough(accuracy)

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to train."""
        return self.position == (self.settings.epochs, 0) or self.stopped

    @property
    def kept_as(self) -> int:
        """The epoch under which weights are kept as they are now: the last one for a run that has stopped."""
        return self.settings.epochs if self.stopped else self.epoch

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

    def rates_of_steps(self) -> Iterator[float]:
        """Yield the learning rate of every step so far."""
        for epoch in range(self.start.epoch + 1, self.epoch + 1):
            yield from repeat(self.rate(epoch), self.steps_per_epoch)

    def initial_network(self) -> nn.Module:
        """The network that the run begins with, not folded."""
        network = self.task.initial_network()
        self.start.load(network)
        return network

    def order_of(self, epoch: int) -> torch.Tensor:
        """Return the order of the images (N,) in `epoch`, on the CPU."""
        count = len(self.task.train_labels)
        if self.settings.order == "stored":
            return torch.arange(count)
        return torch.randperm(count, generator=stream(self.seed, "order", epoch))

    def start_epoch(self, epoch: int) -> torch.Tensor:
        """Set learning rate, augmentation and dropout for `epoch`; return the order of its images (N,)."""
        # Drawn on the CPU, so that every type of device sees the same order.
        order = self.order_of(epoch)
        self.draws.copy_(self.task.draws(epoch))
        # The global generator belongs to dropout alone.
        seed_global_generator(stream_seed(self.seed, "dropout", epoch), self.device)
        set_rate(self.optimiser, self.rate(epoch))
        self.network.train()
        if (frozen := self.settings.batch_norm) is not None and epoch > frozen.frozen_after:
            self._freeze_batch_norm(epoch == frozen.frozen_after + 1)
        return order.to(self.device)

    def _freeze_batch_norm(self, first: bool) -> None:
        """Keep running statistics as they are; from the `first` such epoch on the step is another one."""
        freeze(self.network)
        if first:
            self._begin_steps()

    def step(self, index: torch.Tensor, *read: torch.Tensor) -> None:
        """Take one step on the images `index` (B,), and count their loss and correct predictions.

        `read` is what the source of the images has read for them. Nothing here waits for the device.
        """
        task = self.task
        images = task.images.augment(index, self.draws, *read)
        if task.shuffle is not None:
            images = task.shuffle(images, index)
        self.learn(task.normalise(images), task.train_labels[index])
        self.optimiser.step()

    def learn(self, inputs: torch.Tensor, target: torch.Tensor) -> None:
        """Replace the gradients by those of the loss on a batch of inputs and their labels (B,)."""
        loss = self.batch_loss(inputs, target)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()

    def batch_loss(self, inputs: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Return what training minimises, on inputs and labels (B,); count loss and correct predictions."""
        with autocast(self.device, self.settings.precision):
            logits = self.network(inputs)
            loss = self.minimised(logits, target)
        counted = loss.detach()
        if self.settings.loss.smoothing:
            counted = self.loss(logits.detach().float(), target)
        self.count(counted, logits.detach(), target)
        return loss

    def prepare_step(self) -> None:
        """Leave where it is read, before each step, what that takes beside images: nothing here."""

    def count(self, loss: torch.Tensor, logits: torch.Tensor, target: torch.Tensor) -> None:
        """Count the mean loss of a batch, and the logits (B, classes) that are largest at targets (B,)."""
        self.total_loss += loss * len(target)
        self.total_correct += (logits.argmax(1) == target).sum()

    def train_epoch(self, epoch: int) -> tuple[float, float] | tuple[None, None]:
        """Train for one epoch; return mean loss and accuracy over its batches, if they were counted."""
        if self.mlp is None:
            self._take_steps(epoch)
        else:
            counted = self._is_regular(epoch) or self.settings.stop is not None
            set_rate(self.optimiser, self.rate(epoch))
            if not self._take_up():
                count = self.count if counted else None
                self.mlp.epoch(self.order_of(epoch), self.settings.batch_size, count)
                self.steps = self.steps_per_epoch
            if not counted:
                return None, None
        images = len(self.task.train_labels)
        return self.total_loss.item() / images, self.total_correct.item() / images

    def _take_up(self) -> int:
        """Begin to count in an epoch, after the steps of an earlier attempt; return how many those are."""
        taken, self.taken = self.taken, {}
        self.steps = begin_sums(self.sums, self.device, taken)
        for _ in range(self.steps):
            self.prepare_step()
        return self.steps

    def _take_steps(self, epoch: int) -> None:
        """Take a step on every batch of an epoch."""
        batches = self.start_epoch(epoch).split(self.settings.batch_size)
        batches = batches[self._take_up() :]
        crops = None
        if self.settings.augmentation.random_resized_crop:
            crops = stream_seed(self.seed, "crops", epoch)
        reading = self.task.images.read(batches, crops)
        for index, read in zip(progress(batches, f"epoch {epoch}, batches"), reading, strict=True):
            self.prepare_step()
            self.take_step(index, *read)
            self.steps += 1
            self.after_step()

    def advance(self) -> EpochRecord | None:
        """Train the next epoch, or begin with the initialisation; return its record if it is evaluated."""
        self.epoch, began = self.epoch + (not self.taken), time.perf_counter()
        train = None, None
        if self.epoch > self.start.epoch:
            with (gpu := GpuTimer(self.device)):
                train = self.train_epoch(self.epoch)
            if gpu.seconds is not None:
                self.gpu_since = (self.gpu_since or 0.0) + gpu.seconds
            if train[0] is not None:
                self.require_finite(train[0], "training", self.epoch)
        self.seconds += time.perf_counter() - began
        evaluated = self._is_regular(self.epoch) or self._is_enough(train[1])
        record = self._record(*train) if evaluated else None
        self.steps = 0
        return record

    def _record(self, train_loss: float | None, train_accuracy: float | None) -> EpochRecord:
        """Evaluate the present epoch and add it to the history."""
        began = time.perf_counter()
        loss, accuracy, *self.further = self.measure(*self.task.validation, self.top)
        self.require_finite(loss, "validation", self.epoch)
        rate = None if self.epoch == self.start.epoch else self.rate(self.epoch)
        seconds = round(self.seconds + time.perf_counter() - began, 3)
        gpu = None if self.gpu_since is None else round(self.gpu_since, 3)
        values = rate, train_loss, train_accuracy, loss, accuracy, seconds, gpu
        self.history.append(EpochRecord(self.epoch, *values))
        self.seconds, self.gpu_since = 0.0, None
        return self.history[-1]

    def _is_regular(self, epoch: int) -> bool:
        """Tell whether an epoch is one that is always evaluated: every so many, the first, and the last."""
        return epoch % self.settings.evaluate_every == 0 or epoch in (self.start.epoch, self.settings.epochs)

    def _is_enough(self, train_accuracy: float | None) -> bool:
        """Tell whether a run with this training accuracy stops."""
        stop = self.settings.stop
        return stop is not None and train_accuracy is not None and train_accuracy >= stop.train_accuracy

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
        origin = {**origin, "epoch": self.kept_as}
        whole = self.settings.snapshots.weights == "all"
        kept = self.whole_state_dict() if whole else self.convolutions()
        tensors = {name: tensor.detach() for name, tensor in kept.items()}
        layout = {name: _dtype_and_shape(tensor) for name, tensor in tensors.items()}
        arrays = buffer.arrays if buffer else ArraysInFileOrder(layout)
        for name, tensor in tensors.items():
            torch.from_numpy(arrays[name]).copy_(tensor)
        return Snapshot(arrays, self.geometry, origin)

    def convolutions(self) -> dict[str, torch.Tensor]:
        """Return weights and biases of all convolutions as they are now, by name."""
        layers = conv_layers(self.network).items()
        return {f"{name}.{part}": p for name, layer in layers for part, p in layer.named_parameters()}

    def state(self) -> dict[str, torch.Tensor]:
        """Return all that a step inherits from the one before: weights, buffers, and e.g. momentum."""
        inside = inside_state(self.steps, self.sums, self.device) if self.steps else {}
        return {**self.weights(), **dict(optimiser_state(self.trained, self.optimiser)), **inside}

    def weights(self) -> dict[str, torch.Tensor]:
        """Return weights and buffers of a `state`."""
        return {f"network.{name}": tensor for name, tensor in self.network.state_dict().items()}

    def restore(
        self, tensors: Mapping[str, torch.Tensor], history: list[dict], epoch: int | None = None
    ) -> None:
        """Continue from an earlier `state` and history, after `epoch`, or the last one in the history."""
        self.load_weights(tensors)
        restore_optimiser(self.trained, self.optimiser, tensors)
        self._begin_steps()
        records = [EpochRecord(**record) for record in history]
        self.steps = steps_of(tensors)
        self.taken = tensors if self.steps else {}
        self.epoch = (records[-1].epoch if epoch is None else epoch) + bool(self.steps)
        # The last one of a shorter run need not be one of this.
        self.history = [r for r in records if self._is_regular(r.epoch) or self._is_enough(r.train_accuracy)]

    def load_weights(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Take the weights and buffers of a `state`."""
        self.network.load_state_dict({name: tensors[f"network.{name}"] for name in self.network.state_dict()})

    def whole_state_dict(self) -> dict[str, torch.Tensor]:
        """Return the whole network as it is now, under torchvision's names, unfolded."""
        # Their memory is needed.
        self.optimiser.zero_grad(set_to_none=True)
        return self.unfolded(self.network.state_dict(), self.initial_network)

    def unfolded(
        self, tensors: Mapping[str, torch.Tensor], initial: Callable[[], nn.Module]
    ) -> dict[str, torch.Tensor]:
        """Return tensors of a network on the CPU, with the layer unfolded that began as in `initial()`."""
        weights = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        if self.folded:
            name = f"{FOLDED_LAYER}.weight"
            optimiser = self.settings.optimiser
            decay = copy_decay(self.rates_of_steps(), optimiser.momentum, optimiser.weight_decay)
            weights[name] = unfold(weights[name], initial().get_parameter(name).detach(), decay)
        return weights
