"""Seeded training of one run, with snapshots of its convolutions."""

import csv
import io
import math
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional

from hyperplanes import resume
from hyperplanes.architectures import build_network, conv_layers, layer_geometry
from hyperplanes.augmentation import Draws, Normaliser
from hyperplanes.datasets import Dataset
from hyperplanes.errors import InputError
from hyperplanes.evaluation import autocast, evaluate, pixel_statistics
from hyperplanes.files import atomic, sha256_of, write_json, write_text
from hyperplanes.folding import copy_decay, fold, foldable, unfold
from hyperplanes.gpu import GpuTimer, Graphed
from hyperplanes.image_files import IndexedDataset
from hyperplanes.loading import open_images
from hyperplanes.noise import PixelShuffle, noisy_labels
from hyperplanes.progress import progress
from hyperplanes.schedules import learning_rate
from hyperplanes.snapshots import Snapshot, save_snapshot
from hyperplanes.streams import stream, stream_seed
from hyperplanes.writing import BackgroundWriter

FOLDED_WEIGHT = "classifier.0.weight"


@dataclass(frozen=True)
class EpochRecord:
    """One row of history.csv. Losses are mean cross entropies in nats, accuracies shares of one.

    Training values are means over the epoch's augmented batches, taken while the weights change.
    Epoch 0 is the initialisation; it has no training values. `seconds` are wall time with evaluation,
    `gpu_seconds` those that a GPU took to train; there are none on a CPU.
    """

    epoch: int
    learning_rate: float | None
    train_loss: float | None
    train_accuracy: float | None
    validation_loss: float
    validation_accuracy: float
    seconds: float
    gpu_seconds: float | None


def split_indices(images: int, fraction: float, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Split image numbers at random into (training, validation), the same for one split seed."""
    order = torch.randperm(images, generator=stream(seed, "split"))
    held_out = round(images * fraction)
    return order[held_out:].sort().values, order[:held_out].sort().values


class Run:
    """One seed of one experiment: network, optimiser, data on the device, and its history."""

    def __init__(
        self,
        settings: Mapping[str, Any],
        dataset: Dataset | IndexedDataset,
        description: Mapping[str, Any],
        seed: int,
        device: torch.device,
        workers: int = 0,
    ):
        self.settings, self.seed, self.device = settings, seed, device
        self.classes = len(description["classes"])
        self.image_shape = dataset.image_shape
        network = self.initial_network()
        self.geometry = layer_geometry(network, self.image_shape)
        self.folded = foldable(network, self.image_shape)
        if self.folded:
            fold(network)
        self.network = network.to(device, memory_format=torch.channels_last)
        options = settings["optimiser"]
        on_gpu = device.type == "cuda"
        self.optimiser = torch.optim.SGD(
            self.network.parameters(),
            # A graph repeats the numbers that it was recorded with; only tensors can change.
            torch.tensor(options["learning_rate"], device=device) if on_gpu else options["learning_rate"],
            options["momentum"],
            weight_decay=options["weight_decay"],
            fused=True,
        )
        self.take_step = Graphed(self.step) if on_gpu else self.step
        self.history: list[EpochRecord] = []

        labels = torch.from_numpy(dataset.train_labels)
        fraction = settings["validation_fraction"]
        train, validation = split_indices(len(labels), fraction, settings["split_seed"])
        if not len(train) or not len(validation):
            raise InputError(
                f"validation_fraction {fraction} holds out {len(validation)} of {len(labels)} images; "
                "at least one is needed for validation and one for training"
            )
        noise = settings["label_noise"]
        self.labels = noisy_labels(
            labels[train], self.classes, noise["share"], noise["kind"], stream(seed, "label noise")
        ).to(device)
        shift = settings["augmentation"]["shift"]
        self.images = open_images(dataset, "train", device, workers, train, shift)
        self.shuffle = None
        if settings["pixel_shuffle"]:
            pixels = math.prod(self.image_shape[1:])
            self.shuffle = PixelShuffle(len(train), pixels, stream(seed, "pixel shuffle")).to(device)
        held_out = open_images(dataset, "train", device, workers, validation)
        self.validation = held_out, labels[validation].to(device)
        self.normalise = Normaliser(*pixel_statistics(settings["pixels"], description), device)
        # Everything that changes between steps stays in its place, as a graph demands.
        self.draws = Draws.none(len(train)).to(device)
        self.total_loss = torch.zeros((), device=device)
        self.total_correct = torch.zeros((), device=device)

    @property
    def epoch(self) -> int:
        """Number of the last epoch in the history; -1 before the initial evaluation."""
        return len(self.history) - 1

    @property
    def gpu_seconds(self) -> float | None:
        """Time that a GPU has spent on training so far; None on a CPU."""
        seconds = [record.gpu_seconds for record in self.history if record.gpu_seconds is not None]
        return round(sum(seconds), 3) if seconds else None

    @property
    def steps_per_epoch(self) -> int:
        """Number of batches of an epoch; the last, short one counts."""
        return math.ceil(len(self.labels) / self.settings["batch_size"])

    def rate(self, epoch: int) -> float:
        """Learning rate during `epoch`."""
        options = self.settings
        return learning_rate(options["optimiser"]["learning_rate"], options["schedule"], epoch)

    def initial_network(self) -> nn.Module:
        """The network at epoch 0, not folded."""
        return build_network(
            self.settings["architecture"],
            self.classes,
            self.image_shape[0],
            self.settings["width"],
            stream(self.seed, "initialisation"),
            self.settings["initialisation"],
            self.image_shape[1:],
        )

    def start_epoch(self, epoch: int) -> torch.Tensor:
        """Set learning rate, augmentation and dropout for `epoch`; return the order of its images (N,)."""
        count, device = len(self.labels), self.device
        # Drawn on the CPU, so that every kind of device sees the same order and augmentation.
        order = torch.randperm(count, generator=stream(self.seed, "order", epoch)).to(device)
        augmentation = self.settings["augmentation"]
        generator = stream(self.seed, "augmentation", epoch)
        self.draws.copy_(Draws.sample(count, augmentation["shift"], augmentation["flip"], generator))
        # The global generator belongs to dropout alone.
        torch.manual_seed(stream_seed(self.seed, "dropout", epoch))
        for group in self.optimiser.param_groups:
            if isinstance(group["lr"], torch.Tensor):
                group["lr"].fill_(self.rate(epoch))
            else:
                group["lr"] = self.rate(epoch)
        self.network.train()
        self.total_loss.zero_()
        self.total_correct.zero_()
        return order

    def step(self, index: torch.Tensor, *read: torch.Tensor) -> None:
        """Take one step of SGD on the images `index` (B,), and count their loss and correct predictions.

        `read` is what the source of the images has read for them. Nothing here waits for the device.
        """
        images = self.images.augment(index, self.draws, *read)
        if self.shuffle:
            images = self.shuffle(images, index)
        inputs, target = self.normalise(images), self.labels[index]
        with autocast(self.device, self.settings["precision"]):
            logits = self.network(inputs)
            loss = functional.cross_entropy(logits, target)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        self.total_loss += loss.detach() * len(index)
        self.total_correct += (logits.detach().argmax(1) == target).sum()

    def train_epoch(self, epoch: int) -> tuple[float, float]:
        """Train for one epoch; return mean loss and accuracy over its batches."""
        batches = self.start_epoch(epoch).split(self.settings["batch_size"])
        crops = None
        if self.settings["augmentation"]["random_resized_crop"]:
            crops = stream_seed(self.seed, "crops", epoch)
        reading = self.images.read(batches, crops)
        for index, read in zip(progress(batches, f"epoch {epoch}, batches"), reading, strict=True):
            self.take_step(index, *read)
        count = len(self.labels)
        return self.total_loss.item() / count, self.total_correct.item() / count

    def advance(self) -> EpochRecord:
        """Train the next epoch (or evaluate the initialisation) and add it to the history."""
        epoch, start = self.epoch + 1, time.perf_counter()
        rate, train, gpu = None, (None, None), GpuTimer(self.device)
        if epoch > 0:
            with gpu:
                rate, train = self.rate(epoch), self.train_epoch(epoch)
            if not math.isfinite(train[0]):
                raise InputError(
                    f"the training loss is {train[0]} in epoch {epoch} at learning rate {rate:g}; "
                    "lower optimiser.learning_rate"
                )
        precision = self.settings["precision"]
        validation = evaluate(self.network, *self.validation, self.normalise, precision)
        seconds = round(time.perf_counter() - start, 3)
        self.history.append(EpochRecord(epoch, rate, *train, *validation, seconds, gpu.seconds))
        return self.history[-1]

    def snapshot(self, origin: Mapping[str, Any], room: Snapshot | None = None) -> Snapshot:
        """Return a copy of weights and biases of all convolutions as they are now.

        `room` is an earlier snapshot of this run whose arrays take the copy: new memory costs as much
        time as the copy itself.
        """
        arrays = dict(room.arrays) if room else {}
        for name, layer in conv_layers(self.network).items():
            for part, tensor in layer.named_parameters():
                key = f"{name}.{part}"
                if not room:
                    here = {"device": "cpu", "memory_format": torch.contiguous_format}
                    arrays[key] = torch.empty_like(tensor.detach(), **here).numpy()
                torch.from_numpy(arrays[key]).copy_(tensor.detach())
        return Snapshot(arrays, self.geometry, {**origin, "epoch": self.epoch})

    def state(self) -> dict[str, torch.Tensor]:
        """Return all that an epoch inherits from the one before: weights, buffers and momentum."""
        tensors = {f"network.{name}": tensor for name, tensor in self.network.state_dict().items()}
        for name, parameter in self.network.named_parameters():
            momentum = self.optimiser.state[parameter].get("momentum_buffer")
            if momentum is not None:
                tensors[f"momentum.{name}"] = momentum
        return tensors

    def restore(self, tensors: Mapping[str, torch.Tensor], history: list[dict]) -> None:
        """Continue from an earlier `state` and history."""
        network = {name: tensors[f"network.{name}"] for name in self.network.state_dict()}
        self.network.load_state_dict(network)
        for name, parameter in self.network.named_parameters():
            if f"momentum.{name}" in tensors:
                momentum = torch.empty_like(parameter.data)
                momentum.copy_(tensors[f"momentum.{name}"])
                self.optimiser.state[parameter]["momentum_buffer"] = momentum
        self.history = [EpochRecord(**record) for record in history]

    def whole_state_dict(self) -> dict[str, torch.Tensor]:
        """Return the whole network as it is now, under torchvision's names, unfolded."""
        # Their memory is needed.
        self.optimiser.zero_grad(set_to_none=True)
        weights = {
            name: tensor.detach().cpu().contiguous() for name, tensor in self.network.state_dict().items()
        }
        if self.folded:
            initial = self.initial_network().get_parameter(FOLDED_WEIGHT).detach()
            options = self.settings["optimiser"]
            rates = (
                self.rate(epoch) for epoch in range(1, self.epoch + 1) for _ in range(self.steps_per_epoch)
            )
            decay = copy_decay(rates, options["momentum"], options["weight_decay"])
            weights[FOLDED_WEIGHT] = unfold(weights[FOLDED_WEIGHT], initial, decay)
        return weights


def weight_files(settings: Mapping[str, Any]) -> list[str]:
    """Return the files with weights that a run leaves, relative to its directory."""
    snapshots = [f"snapshots/epoch={epoch}.safetensors" for epoch in settings["snapshots"]]
    return [*snapshots, "final.safetensors"]


def write_history(path: Path, history: list[EpochRecord]) -> None:
    """Write one row per epoch as CSV; a value that does not exist is an empty field."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(EpochRecord.__annotations__), lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(record) for record in history)
    write_text(path, text.getvalue())


def describe(record: EpochRecord, epochs: int) -> str:
    """Return one line about an epoch, for a log."""
    parts = [f"epoch {record.epoch}/{epochs}"]
    if record.epoch > 0:
        parts.append(f"rate {record.learning_rate:.2g}")
        parts.append(f"train {record.train_loss:.4f} {record.train_accuracy:.1%}")
    parts.append(f"validation {record.validation_loss:.4f} {record.validation_accuracy:.1%}")
    return ", ".join([*parts, f"{record.seconds:.1f} s"])


def train_run(
    run: Run,
    folder: Path,
    origin: Mapping[str, Any],
    run_facts: Mapping[str, Any],
    save_every: float = 60.0,
) -> None:
    """Train `run` to its last epoch and leave its outputs in `folder`, or continue what is there.

    Outputs: `snapshots/epoch=<e>.safetensors`, `final.safetensors`, `history.csv`, `run.json`.
    `origin` goes into every snapshot, `run_facts` into run.json; run.json comes last and is the same
    for the same weights. The state is saved at the first epoch end after `save_every` seconds.
    """
    epochs = run.settings["epochs"]
    mark = resume.fingerprint(run_facts)
    if resume.is_finished(folder, mark):
        print("this run was finished before; its outputs are restored", file=sys.stderr)
        return
    (folder / resume.RUN_FILE).unlink(missing_ok=True)
    if (earlier := resume.load_state(folder, mark)) is not None:
        run.restore(earlier[0], earlier[1]["history"])
        print(f"continuing after epoch {run.epoch}", file=sys.stderr)
    saved, snapshot = time.monotonic(), None
    with BackgroundWriter() as writer:
        while run.epoch < epochs:
            print(describe(run.advance(), epochs), file=sys.stderr, flush=True)
            if run.epoch in run.settings["snapshots"]:
                path = folder / "snapshots" / f"epoch={run.epoch}.safetensors"
                writer.wait()
                snapshot = run.snapshot(origin, snapshot)
                writer.submit(save_snapshot, path, snapshot)
            if run.epoch < epochs and time.monotonic() - saved >= save_every:
                # Whoever continues after this epoch finds all snapshots up to it.
                writer.wait()
                progress = {"history": [asdict(record) for record in run.history]}
                resume.save_state(folder, run.state(), progress, mark)
                saved = time.monotonic()
    with atomic(folder / "final.safetensors") as temporary:
        save_file(run.whole_state_dict(), temporary)
    write_history(folder / resume.HISTORY_FILE, run.history)
    outputs = {name: sha256_of(folder / name) for name in weight_files(run.settings)}
    write_json(folder / resume.RUN_FILE, {**run_facts, "fingerprint": mark, "sha256": outputs})
    (folder / resume.STATE_FILE).unlink(missing_ok=True)
