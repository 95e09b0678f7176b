"""Rows about one GPU: a training step and an epoch against the plain reference, a whole run, ten seeds."""

import csv
import os
import tempfile
import time
from collections.abc import Callable
from copy import deepcopy
from functools import partial
from itertools import count
from pathlib import Path

import torch
from torch.utils.data import DataLoader
from torch.utils.flop_counter import FlopCounterMode

import material
import measure
import reference
from anatomy.data.dataset import write_dataset
from anatomy.runtime.devices import set_up_torch, visible_gpus
from anatomy.training.run import Run
from measure import Options, Row
from program_rows import train_command

# CIFAR-10: 50,000 images, of which a tenth validates.
TRAIN, VALIDATION, BATCH = 45_000, 5_000, 128
RUN_SECONDS, SEEDS_SECONDS = 40.0, 300.0
# Dense bfloat16 operations per second, by the makers' data sheets.
PEAKS = {"H100": 989e12, "H200": 989e12, "A100": 312e12}


def missing(options: Options, name: str, what: str, limit: float | None = None) -> list[Row]:
    """Return a row that says why nothing was measured; no row if there is a GPU, or the trial needs none.

    `limit` is the most seconds that the row may have.
    """
    if options.device == "cpu" or torch.cuda.is_available():
        return []
    return [Row(name, what, [], "not measured: no GPU", limit and "at most", limit, "s")]


def gpu_name(options: Options) -> str:
    """Name of the device of the rows."""
    return torch.cuda.get_device_name() if options.device == "cuda" else "a CPU (a trial)"


def utilisation(flops: float, seconds: float, options: Options) -> str:
    """Return operations per second in words, with the part of the GPU's peak if that is known."""
    rate = flops / seconds
    text = f"{rate / 1e12:,.0f} TFLOP/s"
    peak = next((peak for name, peak in PEAKS.items() if name in gpu_name(options)), None)
    return text if peak is None else f"{text}, {rate / peak:.0%} of the peak in bfloat16"


def flops_of_image(run: Run) -> float:
    """Floating-point operations of a training step for each image: two for every product and sum."""
    # On this device the network takes torch's own layers, which the counter knows.
    network = deepcopy(run.network).to("meta")
    with FlopCounterMode(display=False) as counter:
        network(torch.zeros(BATCH, *run.task.input_shape, device="meta")).sum().backward()
    return counter.get_total_flops() / BATCH


def waited(action: Callable[[], object], options: Options) -> Callable[[], None]:
    """Return `action`, at whose end the device has done its work."""

    def call():
        action()
        if options.device == "cuda":
            torch.cuda.synchronize()

    return call


def as_ours(action: Callable[[], object], options: Options, precision: str) -> Callable[[], None]:
    """Return `action` under torch's settings of the project's programs."""

    def call():
        set_up_torch(1, options.device, precision)
        action()

    return waited(call, options)


def as_usual(action: Callable[[], object], options: Options) -> Callable[[], None]:
    """Return `action` under torch's own settings."""

    def call():
        torch.use_deterministic_algorithms(False)
        torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = True, False
        action()

    return waited(call, options)


def our_epoch(options: Options, steps: int, precision: str, batch: int, width: float) -> tuple[Run, Callable]:
    """Return a run of so many steps an epoch, and what trains its next epoch."""
    chosen = {"width": width, "batch_size": batch, "precision": precision, "epochs": 1000}
    set_up_torch(1, options.device, precision)
    run = material.small_run(steps * batch, device=options.device, **chosen)
    epochs = count(1)
    return run, as_ours(lambda: run.train_epoch(next(epochs)), options, precision)


def plain_steps(options: Options, steps: int, bf16: bool, batch: int, width: float) -> Callable[[], None]:
    """Return plain steps on a batch that is on the device, in float32 or under autocast."""
    network = reference.vgg("vgg19", material.CLASSES, width).to(options.device).train()
    optimiser = reference.sgd(network)
    images = torch.randn(batch, 3, 32, 32, device=options.device)
    labels = torch.randint(0, material.CLASSES, (batch,), device=options.device)

    def epoch():
        for _ in range(steps):
            # The loss is float32 outside of a plain step's autocast as well: cross_entropy casts.
            with torch.autocast(options.device, torch.bfloat16, enabled=bf16):
                reference.step(network, optimiser, images, labels)

    return as_usual(epoch, options)


def step(options: Options) -> list[Row]:
    """Time a training step of VGG19 in either precision, against the plain one on ready batches."""
    what = "training step of VGG19 on one GPU"
    if rows := missing(options, "gpu-step", what):
        return rows
    steps, batch, width = options.size((100, BATCH, 1.0), (3, 8, 0.0625))
    run, ours = our_epoch(options, steps, "bf16", batch, width)
    _, tf32 = our_epoch(options, steps, "tf32", batch, width)
    flops = flops_of_image(run) * batch
    actions = {
        "plain": plain_steps(options, steps, False, batch, width),
        "plain bf16": plain_steps(options, steps, True, batch, width),
        "ours tf32": tf32,
        "ours bf16": ours,
    }
    every = measure.interleaved(options.rounds_of(5), actions, time.perf_counter)
    each = {name: [1000 * value / steps for value in values] for name, values in every.items()}
    details = f"{gpu_name(options)}, 32 px, width {width:g}, batch {batch}; {measure.medians(each, 'ms')}"
    rows = [
        Row(
            "gpu-step-bf16",
            f"{what}, bf16, wall time",
            each["ours bf16"],
            f"{details}; {utilisation(flops, measure.median(each['ours bf16']) / 1000, options)}",
            unit="ms",
        ),
        Row("gpu-step-tf32", f"{what}, tf32, wall time", each["ours tf32"], details, unit="ms"),
    ]
    for name, words in (("plain", "in float32"), ("plain bf16", "under autocast")):
        ratio = measure.ratios(each[name], each["ours bf16"])
        rows.append(
            Row(f"gpu-{name.replace(' ', '-')}", f"{what}, bf16 against plain {words}", ratio, details)
        )
    return [*rows, *_epochs(options)]


def _epochs(options: Options) -> list[Row]:
    """Time epochs with all that loads images, in turn."""
    images, batch, width = options.size((TRAIN, BATCH, 1.0), (32, 8, 0.0625))
    workers = min(8, os.cpu_count() or 1)
    dataset = material.random_dataset(images)
    statistics = material.describe(dataset)
    pictures = reference.Pictures(
        dataset.train_images,
        dataset.train_labels,
        reference.augmenting_transform(32, 4, statistics["mean"], statistics["std"]),
    )
    loader = DataLoader(
        pictures, batch, shuffle=True, num_workers=workers, pin_memory=options.device == "cuda"
    )
    network = reference.vgg("vgg19", material.CLASSES, width).to(options.device)
    plain = partial(reference.train_epoch, network, reference.sgd(network), loader)
    _, ours = our_epoch(options, max(1, round(images / batch)), "bf16", batch, width)
    actions = {"plain": as_usual(plain, options), "ours": ours}
    seconds = measure.interleaved(options.rounds_of(2), actions, time.perf_counter)
    return [
        Row(
            "gpu-epoch",
            "epoch of VGG19 on one GPU, bf16 against the plain reference with its loader",
            measure.ratios(seconds["plain"], seconds["ours"]),
            f"{gpu_name(options)}, {images:,} images of 32 px, "
            f"{workers} processes that load for the reference; " + measure.medians(seconds, "s"),
        )
    ]


def _prepare(options: Options, folder: Path) -> str:
    """Write the data set of the rows; return what it is, in words."""
    images = options.size(TRAIN + VALIDATION, 256)
    if options.data is not None:
        return material.prepare_colours(folder, images, options.data)
    write_dataset(material.random_dataset(images, test=100), folder, "random", {"source": "random"})
    return f"{images:,} images of random pixels"


def _history(folder: Path) -> tuple[float, float]:
    """Return seconds of GPU and of wall time in the epochs of the runs below `folder`."""
    rows = [row for path in folder.glob("*/history.csv") for row in csv.DictReader(path.open())]
    return sum(float(row["gpu_seconds"] or 0) for row in rows), sum(float(row["seconds"]) for row in rows)


def whole_run(options: Options) -> list[Row]:
    """Train full-size VGG19 for 100 epochs with all snapshots by the program of the pipeline."""
    what = "100 epochs of VGG19 with all snapshots on one GPU, bf16"
    if rows := missing(options, "gpu-bf16", what, RUN_SECONDS):
        return rows
    epochs, width, batch = options.size((100, 1.0, BATCH), (2, 0.0625, 32))
    settings = material.settings(epochs=epochs, precision="bf16", width=width, batch_size=batch)
    walls, training, details = [], [], ""
    with tempfile.TemporaryDirectory() as directory:
        dataset = Path(directory) / "data"
        data = _prepare(options, dataset)
        run = material.small_run(1, width=width)
        flops = flops_of_image(run) * epochs * options.size(TRAIN, 230)
        for _ in range(options.rounds_of(1)):
            with tempfile.TemporaryDirectory() as folder:
                command = train_command(Path(folder), dataset, settings, gpus=int(options.device == "cuda"))
                walls.append(measure.run_program(*command).wall)
                on_gpu, in_epochs = _history(Path(folder))
                training.append(on_gpu or in_epochs)
        details = f"{gpu_name(options)}, {epochs} epochs, {data}, one in ten for validation"
    used = utilisation(flops, measure.median(training), options)
    return [
        Row(
            "gpu-bf16",
            what,
            walls,
            f"{details}; the program from start to end, with evaluation after every epoch",
            *("at most", RUN_SECONDS, "s"),
        ),
        Row("gpu-bf16-training", f"{what}: the training alone", training, f"{details}; {used}", unit="s"),
    ]


def seeds(options: Options) -> list[Row]:
    """Train ten seeds of full-size VGG19 side by side on one GPU."""
    what = "10 seeds at a time with every tenth snapshot, bf16"
    if rows := missing(options, "gpu-seeds", what, SEEDS_SECONDS):
        return rows
    epochs, width, batch, runs = options.size((100, 1.0, BATCH, 10), (2, 0.0625, 32, 2))
    # All snapshots of ten seeds would be 81 GB.
    kept = sorted({*range(0, epochs + 1, 10), epochs})
    settings = material.settings(
        epochs=epochs, precision="bf16", width=width, batch_size=batch, snapshots=kept
    )
    on_gpu = options.device == "cuda"
    if on_gpu:
        # One GPU, whatever the machine has.
        os.environ["CUDA_VISIBLE_DEVICES"] = visible_gpus()[0]
    os.environ["ANATOMY_RUNS_PER_GPU"] = str(runs)
    values = []
    with tempfile.TemporaryDirectory() as directory:
        dataset = Path(directory) / "data"
        data = _prepare(options, dataset)
        for _ in range(options.rounds_of(1)):
            with tempfile.TemporaryDirectory() as folder:
                every = [
                    train_command(Path(folder), dataset, settings, seed, gpus=int(on_gpu))
                    for seed in range(runs)
                ]
                values.append(measure.side_by_side(every, runs))
    details = f"{gpu_name(options)}, {epochs} epochs, {data}, one in ten for validation; wall time"
    return [Row("gpu-seeds", what, values, details, "at most", SEEDS_SECONDS, "s")]
