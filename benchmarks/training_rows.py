"""Rows about training: the folded classifier, a step, its memory, augmentation, snapshots on disk."""

import tempfile
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader

import material
import measure
import parity
import reference
from anatomy.checkpoints.snapshots import load_snapshot, save_snapshot
from anatomy.data.augmentation import Augmenter, Draws
from anatomy.data.normalisation import Normaliser
from anatomy.networks.folding import FOLDED_LAYER
from anatomy.runtime.devices import set_up_torch
from anatomy.runtime.processor import has_bfloat16_units
from anatomy.training.run import Run
from anatomy.training.task import Task
from measure import Options, Row

FOLDING_STEPS = 20


def as_ours(action: Callable[[], object]) -> Callable[[], object]:
    """Return `action` under torch's settings of the project's programs, with one thread."""

    def call():
        set_up_torch(1, "cpu")
        action()

    return call


def as_usual(action: Callable[[], object]) -> Callable[[], object]:
    """Return `action` under torch's own settings, with one thread."""

    def call():
        torch.set_num_threads(1)
        torch.use_deterministic_algorithms(False)
        action()

    return call


def folding(options: Options) -> list[Row]:
    """Train folded and whole with the same random numbers, in float64."""
    torch.set_num_threads(1)
    width, batch = options.size((0.5, 4), (0.0625, 4))
    dataset = material.random_dataset(batch + 1)
    description = material.describe(dataset)
    # One batch an epoch, so that the losses of epochs are those of steps.
    settings = material.settings(
        width=width,
        epochs=FOLDING_STEPS,
        batch_size=batch,
        validation_fraction=1 / (batch + 1),
        schedule={"kind": "step", "every": 8, "factor": 0.1},
    )
    with parity.double_precision():
        run = Run(Task(settings, dataset, description, 0, torch.device("cpu")))
        losses = [run.advance().train_loss for _ in range(FOLDING_STEPS + 1)][1:]
        restored = run.whole_state_dict()[f"{FOLDED_LAYER}.weight"]
        difference = 0.0
        trained = parity.train_reference(run, dataset, description)
        for ours, (theirs, whole) in zip(losses, trained, strict=True):
            difference = max(difference, abs(ours - theirs[0]))
            matrix = whole.get_parameter(f"{FOLDED_LAYER}.weight").detach()
        worst = (restored - matrix).abs().max().item()
        moved = (matrix - run.initial_network().get_parameter(f"{FOLDED_LAYER}.weight")).abs().max().item()
    details = (
        f"VGG19 at 32 px, width {width:g}, {FOLDING_STEPS} steps of {batch} images with dropout, momentum, "
        "weight decay and a schedule, in float64"
    )
    return [
        Row(
            "folding-losses",
            "folded classifier: losses against the whole one, largest difference",
            [difference],
            details,
            *("at most", 1e-12, ""),
        ),
        Row(
            "folding-matrix",
            "folded classifier: restored matrix against the trained one, largest difference",
            [worst],
            f"{details}; the matrix itself moved by {moved:.1g}",
            *("at most", 1e-12, ""),
        ),
    ]


def reference_step(batch: int, width: float) -> Callable[[], object]:
    """Return the plain step: its batch is ready, so that nothing is loaded."""
    network = reference.vgg("vgg19", material.CLASSES, width).train()
    optimiser = reference.sgd(network)
    images, labels = torch.randn(batch, 3, 32, 32), torch.randint(0, material.CLASSES, (batch,))
    return partial(reference.step, network, optimiser, images, labels)


def our_step(batch: int, width: float, precision: str = "float32") -> Callable[[], object]:
    """Return an epoch of one step, with order, augmentation and what else belongs to an epoch."""
    run = material.small_run(batch, width=width, batch_size=batch, precision=precision, epochs=1000)
    epochs = count(1)
    return lambda: run.train_epoch(next(epochs))


def training_step(options: Options) -> list[Row]:
    """Time a step of VGG19 in either precision against the plain one in float32."""
    batch, width = options.size((128, 1.0), (8, 0.0625))
    rows = []
    for precision, limit in (("float32", 1.4), ("bf16", 2.8)):
        details = f"VGG19 at 32 px, width {width:g}, batch {batch}"
        slow = precision == "bf16" and not has_bfloat16_units()
        if slow:
            details += "; this CPU has no bfloat16 units"
        actions = {
            "reference": as_usual(reference_step(batch, width)),
            "ours": as_ours(our_step(batch, width, precision)),
        }
        rounds = 1 if slow else options.rounds_of(5)
        seconds = measure.interleaved(rounds, actions, warm_up=not slow)
        rows.append(
            Row(
                f"step-{precision}",
                f"training step, {precision} against the reference in float32, CPU time",
                measure.ratios(seconds["reference"], seconds["ours"]),
                f"{details}; {measure.medians(seconds)}",
                *("at least", limit),
            )
        )
    return rows


def loading(options: Options) -> list[Row]:
    """Time shift, flip and normalisation of whole batches against torchvision on single images."""
    images, theirs, batch = options.size((45_000, 4096, 128), (512, 128, 128))
    shift = 4
    dataset = material.random_dataset(images)
    description = material.describe(dataset)
    mean, std = description["mean"], description["std"]
    resident = Augmenter(torch.from_numpy(dataset.train_images), shift)
    normalise = Normaliser(mean, std, torch.device("cpu"))
    pictures = reference.Pictures(
        dataset.train_images[:theirs],
        dataset.train_labels[:theirs],
        reference.augmenting_transform(32, shift, mean, std),
    )
    loader = DataLoader(pictures, batch, shuffle=True)
    random = torch.Generator().manual_seed(0)

    def epoch():
        draws = Draws.sample(images, shift, True, random)
        for index in torch.randperm(images, generator=random).split(batch):
            normalise(resident.batch(index, draws))

    actions = {"reference": as_usual(lambda: [None for _ in loader]), "ours": as_ours(epoch)}
    seconds = measure.interleaved(options.rounds_of(7), actions)
    rates = {
        "reference": [theirs / value for value in seconds["reference"]],
        "ours": [images / value for value in seconds["ours"]],
    }

    chosen = torch.arange(min(theirs, 512))
    draws = Draws.sample(len(chosen), shift, True, random)
    transform = reference.plain_transform(mean, std)
    labels = dataset.train_labels[chosen]
    drawn = parity.DrawnPictures(dataset.train_images[chosen], labels, draws, shift, transform)
    expected = torch.stack([image for image, _ in drawn])
    difference = (normalise(resident.batch(chosen, draws)) - expected).abs().max().item()
    return [
        Row(
            "loading",
            "shift, flip and normalisation, images per second of CPU time",
            measure.ratios(rates["ours"], rates["reference"]),
            f"32 px, batch {batch}, shift {shift}; {measure.medians(rates, 'images/s')}",
            *("at least", 12),
        ),
        Row(
            "loading-equality",
            "the same against torchvision with the same shifts and flips, largest difference",
            [difference],
            f"{len(chosen)} images, normalised",
            *("at most", 1e-6, ""),
        ),
    ]


def momentum_of_zero(network: nn.Module) -> torch.optim.SGD:
    """Return an optimiser that has momentum, and has left the weights as they were."""
    optimiser = torch.optim.SGD(network.parameters(), 0.0, momentum=reference.MOMENTUM)
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimiser.step()
    optimiser.zero_grad()
    return optimiser


def snapshots(options: Options) -> list[Row]:
    """Compare bytes and CPU time of a snapshot with those of a pickled checkpoint."""
    set_up_torch(1, "cpu")
    width = options.size(1.0, 0.0625)
    run = material.small_run(1, width=width)
    run.advance()
    network = reference.vgg("vgg19", material.CLASSES, width)
    optimiser = momentum_of_zero(network)
    origin = {"architecture": "vgg19", "dataset": "images", "experiment": "benchmark", "seed": 0}
    with tempfile.TemporaryDirectory() as folder:
        theirs, ours = Path(folder, "vgg19_0.tar"), Path(folder, "epoch=0.safetensors")
        buffer = run.snapshot(origin)
        actions = {
            # Into one file again and again, which costs less than a new one after each epoch.
            "reference": lambda: reference.save_checkpoint(theirs, network, optimiser, 0, 0.1),
            # As in a run, where every snapshot but the first finds the arrays of the one before.
            "ours": lambda: save_snapshot(ours, run.snapshot(origin, buffer)),
        }
        seconds = measure.interleaved(options.rounds_of(5), actions, repeats={"ours": 5})
        sizes = theirs.stat().st_size, ours.stat().st_size
        load_snapshot(ours)
    details = (
        f"VGG19 at 32 px, width {width:g}, {material.CLASSES} classes, weights and momentum in the reference"
    )
    return [
        Row(
            "snapshot-bytes",
            "snapshot, times smaller",
            [sizes[0] / sizes[1]],
            f"{details}; reference {sizes[0]:,} bytes, ours {sizes[1]:,}",
            *("at least", 13),
        ),
        Row(
            "snapshot-time",
            "snapshot, times less CPU time to write",
            measure.ratios(seconds["reference"], seconds["ours"]),
            f"{details}; {measure.medians(seconds)}",
            *("at least", 15),
        ),
    ]
