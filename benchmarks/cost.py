"""What a configuration costs: measured where its runs have been made, else estimated from steps of them here.

Prints a row for docs/costs.md. Of finished runs it reads what Snakemake has noted beside them: CPU time, peak
memory, and the time during which at least one of these jobs ran, however many there were at once. An estimate
trains each network for a few steps on random images of the same size, and multiplies: steps, evaluations and
resets. What other studies measure is not in it.
"""

import argparse
import csv
import json
import platform
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

import measure
import table
from anatomy.configuration.files import read_configuration
from anatomy.configuration.resolve import Configuration
from anatomy.runtime.errors import InputError, run_program
from anatomy.runtime.files import read_json
from anatomy.runtime.settings import Settings, snapshot_epochs
from measure import ROOT

# Channels, height, width; images that train and that test; classes.
OFFICIAL = {
    "CIFAR10": ((3, 32, 32), 50_000, 10_000, 10),
    "CIFAR100": ((3, 32, 32), 50_000, 10_000, 100),
    "MNIST": ((1, 28, 28), 60_000, 10_000, 10),
}
GIB = 2**30
# A batch is measured whole up to so many pixels; of larger ones a part, as cost is proportional to images.
MOST_PIXELS = 400_000
REPEATS = 2
# Of the work of whole evaluations, what resets of all layers share on average: what lies before the layer.
SHARED = 0.5


@dataclass(frozen=True)
class Size:
    """How large a data set is: shape of an input, numbers of inputs, and of classes."""

    shape: tuple[int, ...]
    train: int
    test: int
    classes: int

    @property
    def bytes(self) -> int:
        """Memory of all images."""
        return (self.train + self.test) * int(np.prod(self.shape))


@dataclass(frozen=True)
class Steps:
    """What was measured of one network: CPU seconds per image, bytes, and the number of convolutions."""

    train: float
    evaluate: float
    peak: int
    snapshot: int
    whole: int
    layers: int


@dataclass(frozen=True)
class Cost:
    """CPU and wall seconds, memory of the largest process and files in bytes."""

    cpu: float
    wall: float
    peak: float
    disk: float


def size_of(name: str, dataset: Settings, given: dict[str, Size]) -> Size:
    """Return the size of a data set, without its files where these are official."""
    if name in given:
        return given[name]
    if dataset.source == "torchvision":
        shape, train, test, classes = OFFICIAL[dataset.official]
    elif dataset.source == "embedded":
        from anatomy.data.sources.embedded import class_names, make_embedded

        classes = len(class_names(dataset.variant))
        shape = make_embedded(dataset.variant, classes, classes, 0)["train_images"].shape[1:]
        train, test = dataset.train, dataset.test
    elif dataset.source == "points":
        points = prepared_points(dataset)
        return Size(
            points.input_shape, len(points.train_labels), len(points.test_labels), len(points.classes)
        )
    else:
        raise InputError(f"how large is data set {name}? expected --size {name}=CxHxW,TRAIN,TEST,CLASSES")
    counts = {"train": train, "test": test}
    if dataset.classes is not None:
        counts = {part: count * len(dataset.classes) // classes for part, count in counts.items()}
        classes = len(dataset.classes)
    if dataset.per_class is not None:
        most = {part: each * classes for part, each in dataset.per_class.complete().items()}
        counts = {part: min(count, most.get(part, count)) for part, count in counts.items()}
    return Size(shape, **counts, classes=classes)


def prepared_points(dataset: Settings) -> Any:
    """Return a data set of points, which is made in no time."""
    from anatomy.data.dataset import open_dataset

    with tempfile.TemporaryDirectory() as folder:
        import_module("anatomy.data.sources.points").prepare("points", dataset, Path(folder))
        return open_dataset(Path(folder))[0]


def material_of(size: Size, images: int, points: Settings | None) -> tuple[Any, dict[str, Any]]:
    """Return data of this size and shape, random images or the points themselves, and its description."""
    from anatomy.data.dataset import Dataset

    if points is not None:
        data = prepared_points(points)
        statistics = data.train_points.mean(0).tolist(), data.train_points.std(0).tolist()
    else:
        random = np.random.default_rng(0)
        parts = {}
        for part, count in (("train", images), ("test", images)):
            parts[f"{part}_images"] = random.integers(0, 256, (count, *size.shape), np.uint8)
            parts[f"{part}_labels"] = np.arange(count) % size.classes
        data = Dataset(**parts, classes=[str(label) for label in range(size.classes)])
        statistics = [0.5] * size.shape[0], [0.25] * size.shape[0]
    return data, {"name": "random", "mean": statistics[0], "std": statistics[1]}


def few_steps(settings: Settings, size: Size, batch: int, points: Settings | None) -> Steps:
    """Train a network for a few steps; in a process of its own, whose memory is then the network's."""
    import torch

    from anatomy.runtime.devices import set_up_torch
    from anatomy.training.run import begin_run
    from anatomy.training.task import Task

    set_up_torch(settings.threads if "threads" in settings else 1, "cpu")
    batch = max(settings.subspace.num_samples, batch) if settings.subspace is not None else batch
    chosen = settings.changed(batch_size=batch, start=None, stop=None, label_noise=None, class_subset=None)
    if points is None:
        # Crops are cut while image files are read, which is not in an estimate.
        uncut = {"random_resized_crop": False}
        chosen = chosen.changed(validation_fraction=0, split=None, augmentation=uncut)
    data, description = material_of(size, batch, points)
    run = begin_run(Task(chosen, data, description, 0, torch.device("cpu")))
    run.advance()
    seconds, tested = [], []
    for _ in range(1 + REPEATS):
        began = time.process_time()
        run.train_epoch(1)
        seconds.append(time.process_time() - began)
        began = time.process_time()
        run.measure(*run.task.test)
        tested.append(time.process_time() - began)
    # Before the weights are gathered for a file, which takes memory of its own.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return Steps(
        train=median(seconds[1:]) / len(run.task.train_labels),
        evaluate=median(tested[1:]) / len(run.task.test[1]),
        peak=peak,
        snapshot=sum(array.nbytes for array in run.snapshot({}).arrays.values()),
        whole=sum(tensor.nbytes for tensor in run.whole_state_dict().values()),
        layers=len(run.geometry),
    )


def cost_of_run(settings: Settings, reset: dict[str, Any] | None, size: Size, steps: Steps) -> Cost:
    """Return what one run costs by its steps: training, evaluations, resets, and its files."""
    held_out = int(size.train * settings.validation_fraction)
    trained, validated = size.train - held_out, held_out or size.test
    evaluations = 1 + -(-settings.epochs // settings.evaluate_every)
    looked_at = evaluations * validated + size.train + size.test
    if reset is not None:
        resets = len(reset["epochs"]) + int(reset["random"])
        looked_at += SHARED * steps.layers * resets * size.test
    cpu = settings.epochs * trained * steps.train + looked_at * steps.evaluate
    return Cost(cpu, cpu, steps.peak, len(snapshot_epochs(settings)) * steps.snapshot + steps.whole)


def steps_of(settings: Settings, size: Size, points: Settings | None) -> Steps:
    """Return what was measured of a network; memory of a batch that is too large is extrapolated."""
    most = max(2, MOST_PIXELS // max(1, int(np.prod(size.shape[1:]))))
    batch = min(settings.batch_size, most)
    found = measure.in_a_process(few_steps, settings, size, batch, points)
    peak = found.peak + (size.bytes if points is None and size.bytes < 4 * GIB else 0)
    if batch < settings.batch_size:
        less = measure.in_a_process(few_steps, settings, size, batch // 2, points)
        peak += (settings.batch_size - batch) * max(0, found.peak - less.peak) / (batch - batch // 2)
    return replace(found, peak=int(peak))


def estimate(configuration: Configuration, given: dict[str, Size]) -> Cost:
    """Return what all runs of a configuration would cost on one core of this machine."""
    runs, known = [], {}
    # All of them before minutes of steps: one may be unknown.
    used = dict.fromkeys(experiment.dataset for experiment in configuration.experiments.values())
    sizes = {name: size_of(name, configuration.datasets[name], given) for name in used}
    for name, experiment in configuration.experiments.items():
        settings, dataset = configuration.run_settings(name), configuration.datasets[experiment.dataset]
        size = sizes[experiment.dataset]
        key = alike(settings, size)
        if key not in known:
            print(f"{name} ...", file=sys.stderr, flush=True)
            points = dataset if dataset.source == "points" else None
            known[key] = steps_of(settings, size, points)
        resets = name in configuration.measured.get("arrangements", ())
        reset = experiment.arrangements.reinitialise.complete() if resets else None
        runs += len(experiment.seeds) * [cost_of_run(settings, reset, size, known[key])]
    return whole(runs)


def alike(settings: Settings, size: Size) -> str:
    """Return a text that is the same of runs whose steps cost the same."""
    complete = settings.complete()
    keys = ("architecture", "options", "width", "batch_size", "precision", "upscaling", "subspace")
    parts = [*(complete.get(key) for key in keys), settings.augmentation.rotate, settings.snapshots.weights]
    return json.dumps([*parts, settings.optimiser.kind, size.shape, size.classes])


def whole(parts: Sequence[Cost]) -> Cost:
    """Return the cost of jobs together; the largest takes the memory."""
    total = {key: sum(getattr(part, key) for part in parts) for key in ("cpu", "wall", "disk")}
    return Cost(peak=max(part.peak for part in parts), **total)


def noted(results: Path) -> Cost:
    """Return what finished results have cost, by Snakemake's benchmark files, and the size of all files."""
    jobs = []
    for path in results.rglob("*.tsv"):
        with open(path, newline="") as file:
            jobs += [(path.stat().st_mtime, row) for row in csv.DictReader(file, delimiter="\t")]
    if not jobs:
        raise InputError(f"{results} has no *.tsv of jobs; expected finished results")
    spans = sorted((ended - float(row["s"]), ended) for ended, row in jobs)
    wall, until = 0.0, 0.0
    for began, ended in spans:
        wall += max(0.0, ended - max(began, until))
        until = max(until, ended)
    return Cost(
        cpu=sum(float(row["cpu_time"]) for _, row in jobs),
        wall=wall,
        peak=max(float(row["max_rss"]) for _, row in jobs) * 2**20,
        disk=sum(path.stat().st_size for path in results.rglob("*") if path.is_file()),
    )


def machine_of(results: Path) -> str:
    """Return the machine that trained finished runs, in words."""
    records = [read_json(path) for path in results.glob("runs/*/*/provenance.json")]
    hosts = {(record["host"], record["processor"]) for record in records}
    here = table.conditions()["machine"].partition(";")[0]
    return "; ".join(here if host == platform.node() else f"{host} ({cpu})" for host, cpu in sorted(hosts))


def in_words(seconds: float) -> str:
    """Return a time in hours, minutes or seconds."""
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return measure.number(seconds / length, unit)
    return measure.number(seconds, "s")


def row(name: str, runs: int, cost: Cost, how: str, machine: str) -> str:
    """Return a line of the table in Markdown."""
    cells = [
        f"`{name}`",
        str(runs),
        in_words(cost.cpu),
        in_words(cost.wall),
        measure.number(cost.peak / GIB, "GiB"),
        measure.number(cost.disk / GIB, "GiB"),
        how,
        f"{datetime.now(UTC).date()}, {machine}",
    ]
    return f"| {' | '.join(cells)} |"


def given_size(text: str) -> tuple[str, Size]:
    """Return name and size of a data set as they are given on the command line."""
    name, _, rest = text.partition("=")
    shape, train, test, classes = rest.split(",")
    return name, Size(tuple(map(int, shape.split("x"))), int(train), int(test), int(classes))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--configfile", nargs="+", type=Path, default=[], help="over the default configuration"
    )
    parser.add_argument("--results", type=Path, help="results folder; that of the configuration if absent")
    parser.add_argument(
        "--size",
        action="extend",
        nargs="+",
        type=given_size,
        default=[],
        metavar="NAME=CxHxW,TRAIN,TEST,CLASSES",
        help="size of a data set whose files are not here",
    )
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    configuration = read_configuration(ROOT, arguments.configfile)
    results = arguments.results or ROOT / configuration.pathvars["results"]
    name = arguments.configfile[-1] if arguments.configfile else Path("config.yaml")
    runs = [(name, seed) for name, own in configuration.experiments.items() for seed in own.seeds]
    finished = sum((results / f"runs/{name}/seed={seed}/run.json").is_file() for name, seed in runs)
    print("| configuration | runs | CPU time | wall time | memory of a job | disk | how | when and where |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    if finished == len(runs):
        cost, how, machine = noted(results), "measured", machine_of(results)
    else:
        cost, how = estimate(configuration, dict(arguments.size)), "**estimate**, on one core"
        machine = table.conditions()["machine"].partition(";")[0]
    print(row(str(name), len(runs), cost, how, machine))


if __name__ == "__main__":
    run_program(main)
