"""Rows about curvature: training on points, eigenpairs, alignments, the whole spectrum with G, products."""

import resource
import sys
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

import material
import measure
from anatomy.data.dataset import Dataset, PointDataset
from anatomy.data.sources.embedded import make_embedded
from anatomy.data.sources.points import make_points
from anatomy.runtime.devices import set_up_torch
from anatomy.studies.curvature.alignment import (
    FIXED,
    alignments,
    cosines,
    generalisation,
    random_directions,
    random_thresholds,
)
from anatomy.studies.curvature.boundary import Grid, as_inputs
from anatomy.studies.curvature.eigenpairs import top_pairs
from anatomy.studies.curvature.gradients import logits_of
from anatomy.studies.curvature.hessian import Hessian
from anatomy.studies.curvature.objective import Objective
from anatomy.studies.curvature.spectrum import solved, solved_values, whole_spectrum
from anatomy.training.losses import loss_of
from anatomy.training.run import Run
from anatomy.training.task import Task
from measure import Options, Row

GIB = 2**30
RATE, BATCH, PAIRS = 0.02, 64, 25
SQUARE = ((-4, 4), (-4, 4))
# Epochs of the authors' configurations.
NORMAL, RANDOM = 2000, 300_000
# Their digits, and how many images of these train.
DIGITS, TRAINED = (0, 1, 7), 450
# Images whose graph is held at a time.
PRODUCT_BATCH = 128


def points_run(epochs: int, hidden: int, permuted: bool = False) -> Run:
    """Return a run on three Gaussian classes, as the authors train: plain SGD on raw numbers."""
    settings = material.settings(
        architecture="fnn",
        options={"hidden": [hidden, hidden]},
        initialisation={"kind": "published"},
        pixels="raw",
        epochs=epochs,
        batch_size=BATCH,
        validation_fraction=0.375,
        split={},
        augmentation={"shift": 0, "flip": False},
        optimiser={"learning_rate": RATE, "momentum": 0, "weight_decay": 0},
        schedule={"kind": "constant"},
        evaluate_every=epochs,
        label_noise={"kind": "permuted", "seed": 28} if permuted else {},
        arrangements=None,
        snapshots=[],
        curvature={},
    )
    dataset = make_points("gauss")
    description = {"name": "gauss", "classes": dataset.classes, "channels": 2, "mean": None, "std": None}
    return Run(Task(settings, dataset, description, 0, torch.device("cpu")))


def to_the_end(run: Run) -> None:
    """Train a run to its last epoch."""
    while not run.finished:
        run.advance()


def the_ordinary_way(dataset: PointDataset, epochs: int, hidden: int) -> None:
    """Train the same network with modules, autograd and an optimiser, on a shuffled tensor."""
    count = 150
    inputs, labels = (torch.from_numpy(own[:count]) for own in (dataset.train_points, dataset.train_labels))
    layers = [nn.Linear(2, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, 3)]
    network, loss = nn.Sequential(*layers), nn.CrossEntropyLoss()
    optimiser = torch.optim.SGD(network.parameters(), lr=RATE)
    for _ in range(epochs):
        for chosen in torch.randperm(count).split(BATCH):
            optimiser.zero_grad()
            loss(network(inputs[chosen]), labels[chosen]).backward()
            optimiser.step()


def training(options: Options) -> list[Row]:
    """Time the training of the authors' network of 100 and 100 units, and of random labels."""
    set_up_torch(1, "cpu")
    hidden, epochs = options.size(100, 8), options.size(NORMAL, 20)
    dataset, part = make_points("gauss"), options.size(20_000, 20)
    actions = {
        "reference": lambda: the_ordinary_way(dataset, epochs, hidden),
        "ours": lambda: to_the_end(points_run(epochs, hidden)),
        "random labels": lambda: to_the_end(points_run(part, hidden, permuted=True)),
    }
    seconds = measure.interleaved(options.rounds_of(3), actions)
    network = f"2-{hidden}-{hidden}-3, 150 points, batches of {BATCH}, without the start of Python and torch"
    return [
        Row(
            "curvature-training",
            f"training on three Gaussian classes, {epochs:,} epochs",
            seconds["ours"],
            f"{network}; {measure.medians(seconds)}; the authors' program takes 154 CPU s",
            *("at most", 1.5, "CPU s"),
        ),
        Row(
            "curvature-random-labels",
            f"random labels, {RANDOM:,} epochs at the rate of {part:,}",
            [own * RANDOM / part for own in seconds["random labels"]],
            network,
            *("at most", 90, "CPU s"),
        ),
    ]


def top_and_alignments(objective: Objective) -> None:
    """Compute the top eigenpairs, and all alignments of points and of a grid with them."""
    pairs = top_pairs(Hessian(objective), PAIRS).require_converged()
    inputs = objective.batches[0][0]
    for own in (inputs, as_inputs(Grid(SQUARE).points, objective)):
        alignments(objective, own, logits_of(objective, own).argmax(1), pairs.vectors)


def spectrum_and_measure(objective: Objective) -> None:
    """Compute the whole spectrum, and G over all eigenvectors at four thresholds."""
    spectrum, inputs = whole_spectrum(Hessian(objective)), objective.batches[0][0]
    targets = logits_of(objective, inputs).argmax(1)
    directions = random_directions(objective.size, torch.Generator().manual_seed(0))
    thresholds = random_thresholds(alignments(objective, inputs, targets, directions))
    along = cosines(objective, inputs, targets, spectrum.project)
    generalisation(spectrum, along, {"fixed": FIXED, "constant": 0.0473, **thresholds})


def objective_of(run: Run) -> Objective:
    """Return the loss of a run's network on all of its training points."""
    images, labels = run.task.train
    inputs = run.task.normalise(torch.cat([*images.plain(len(labels))]))
    return Objective(run.network, [(inputs, labels)], loss_of("cross_entropy"))


def digits_run(epochs: int) -> Run:
    """Return a run of the authors' small network on embedded digits of three classes."""
    made = make_embedded("digits-grey", 2 * TRAINED * 10 // len(DIGITS), 10, 0)
    arrays = {}
    for part, count in (("train", TRAINED), ("test", len(DIGITS))):
        chosen = np.flatnonzero(np.isin(made[f"{part}_labels"], DIGITS))[:count]
        arrays[f"{part}_images"] = made[f"{part}_images"][chosen]
        arrays[f"{part}_labels"] = np.searchsorted(DIGITS, made[f"{part}_labels"][chosen])
    dataset = Dataset(**arrays, classes=[str(digit) for digit in DIGITS])
    settings = material.settings(
        architecture="small_cnn",
        pixels="raw",
        epochs=epochs,
        batch_size=BATCH,
        validation_fraction=0,
        augmentation={"shift": 0, "flip": False},
        optimiser={"learning_rate": RATE, "momentum": 0, "weight_decay": 0},
        schedule={"kind": "constant"},
        arrangements=None,
        curvature={},
    )
    return Run(Task(settings, dataset, material.describe(dataset), 0, torch.device("cpu")))


def cost_of(
    action: Callable[[Objective], object], make: Callable[..., Run], *given: int
) -> tuple[float, float]:
    """Return CPU seconds of an action on a trained network, and the largest memory of its process in GiB."""
    set_up_torch(1, "cpu")
    run = make(*given)
    to_the_end(run)
    objective = objective_of(run)
    # The first derivatives of a process import more of torch.
    action(objective_of(points_run(1, 8)))
    start = time.process_time()
    action(objective)
    seconds = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return seconds, peak * (1 if sys.platform == "darwin" else 1024) / GIB


def top(objective: Objective) -> None:
    """Compute the top eigenpairs."""
    top_pairs(Hessian(objective), PAIRS).require_converged()


def by_lapack(objective: Objective) -> None:
    """Compute the whole spectrum from the whole matrix."""
    solved(Hessian(objective))


def values_by_lapack(objective: Objective) -> None:
    """Compute all eigenvalues from the whole matrix."""
    solved_values(Hessian(objective))


def rows_of(
    name: str,
    action: Callable[[Objective], object],
    what: str,
    limits: tuple[float, float | None],
    details: str,
    rounds: int,
    made: tuple[Callable[..., Run], int] | tuple[Callable[..., Run], int, int],
) -> list[Row]:
    """Return the rows of an action's CPU seconds and, if that is limited, of its memory in GiB."""
    found = [measure.in_a_process(cost_of, action, *made) for _ in range(rounds)]
    times, peaks = np.array(found).T.tolist()
    seconds, memory = limits
    details = f"{details}; without the start of Python and torch"
    rows = [Row(f"curvature-{name}", what, times, details, *("at most", seconds, "CPU s"))]
    if memory is not None:
        limit = ("at most", memory, "GiB")
        rows.append(Row(f"curvature-{name}-memory", f"{what}, memory", peaks, details, *limit))
    return rows


def hessian(options: Options) -> list[Row]:
    """Measure what is computed of the authors' networks, each time in a process of its own."""
    hidden, epochs = options.size(100, 8), options.size(NORMAL, 20)
    size = sum(own.numel() for own in points_run(1, hidden).network.parameters())
    points = f"P = {size:,}, float64, 150 points", options.rounds_of(3), (points_run, epochs, hidden)
    digits = f"P = 7,203, float64, {TRAINED} embedded digits", options.rounds_of(3)
    pairs = f"top {PAIRS} eigenpairs, alignments of points and grid"
    spectrum = "whole spectrum, and G over all eigenvectors"
    return [
        *rows_of("pairs", top_and_alignments, pairs, (2, 0.5), *points),
        *rows_of("spectrum", spectrum_and_measure, spectrum, (10, 1.2), *points),
        *rows_of(
            "digits",
            top,
            f"top {PAIRS} eigenpairs of a small CNN",
            (20, 1.1),
            *digits,
            (digits_run, options.size(60, 1)),
        ),
    ]


def lapack(options: Options) -> list[Row]:
    """Measure the check of the spectrum: the whole matrix and LAPACK."""
    hidden, epochs = options.size(100, 8), options.size(NORMAL, 20)
    size = sum(own.numel() for own in points_run(1, hidden).network.parameters())
    points = f"P = {size:,}, float64, 150 points", options.rounds_of(1), (points_run, epochs, hidden)
    return [
        *rows_of("lapack", by_lapack, "whole spectrum by LAPACK", (280, 4), *points),
        *rows_of("lapack-values", values_by_lapack, "all eigenvalues by LAPACK", (50, None), *points),
    ]


def products(options: Options) -> list[Row]:
    """Time products of the Hessian of VGG19 with vectors over its gradient, in both precisions."""
    return [row for dtype in (torch.float32, torch.float64) for row in _products(options, dtype)]


def _products(options: Options, dtype: torch.dtype) -> list[Row]:
    """Time one product, and the further ones on the same graph; measurements are in float64."""
    set_up_torch(1, "cpu")
    count, width, several = options.size(1024, 8), options.size(0.25, 0.0625), 2
    run = material.small_run(count, architecture="vgg19", width=width)
    images, labels = run.task.train
    inputs = run.task.normalise(torch.cat([*images.plain(len(labels))]))
    batches = [*zip(inputs.split(PRODUCT_BATCH), labels.split(PRODUCT_BATCH), strict=True)]
    objective = Objective(run.initial_network(), batches, loss_of("cross_entropy"), dtype=dtype)
    own, operator = list(objective.parameters.values()), Hessian(objective)
    vectors = np.random.default_rng(0).normal(size=(objective.size, 1 + several))

    def gradient() -> None:
        for batch, targets in objective.batches:
            torch.autograd.grad(objective.total(objective.network(batch), targets), own)

    actions = {
        "gradient": gradient,
        "one product": lambda: operator.products(vectors[:, :1]),
        "several": lambda: operator.products(vectors),
    }
    seconds = measure.interleaved(options.rounds_of(2), actions)
    one, bits = seconds["one product"], str(dtype).removeprefix("torch.")
    further = [(more - first) / several for more, first in zip(seconds.pop("several"), one, strict=True)]
    details = (
        f"VGG19 at 32 px, width {width}, {count:,} images in batches of {PRODUCT_BATCH}; "
        f"{measure.medians({**seconds, 'a further one': further})}"
    )
    return [
        Row(
            f"curvature-product-{bits}",
            f"a product of the Hessian with a vector, in gradients, {bits}",
            measure.ratios(one, seconds["gradient"]),
            details,
            *("at most", 3.5),
        ),
        Row(
            f"curvature-products-{bits}",
            f"each further vector on the same graph, in gradients, {bits}",
            measure.ratios(further, seconds["gradient"]),
            details,
            *("at most", 2.8),
        ),
    ]
