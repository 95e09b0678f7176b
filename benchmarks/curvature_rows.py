"""Rows about curvature: training on points, top eigenpairs with alignments, the whole spectrum with G."""

import resource
import sys
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

import material
import measure
from anatomy.data.dataset import PointDataset
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
from anatomy.studies.curvature.spectrum import whole_spectrum
from anatomy.training.losses import loss_of
from anatomy.training.run import Run
from anatomy.training.task import Task
from measure import Options, Row

GIB = 2**30
RATE, BATCH, PAIRS = 0.02, 64, 25
SQUARE = ((-4, 4), (-4, 4))
# Epochs of the authors' configurations.
NORMAL, RANDOM = 2000, 300_000


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


def cost_of(action: Callable[[Objective], None], epochs: int, hidden: int) -> tuple[float, float]:
    """Return CPU seconds of an action on a trained network, and the largest memory of its process in GiB."""
    set_up_torch(1, "cpu")
    run = points_run(epochs, hidden)
    to_the_end(run)
    objective = objective_of(run)
    # The first derivatives of a process import more of torch.
    action(objective_of(points_run(1, 8)))
    start = time.process_time()
    action(objective)
    seconds = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return seconds, peak * (1 if sys.platform == "darwin" else 1024) / GIB


def hessian(options: Options) -> list[Row]:
    """Measure what is computed of the authors' network, each time in a process of its own."""
    hidden, epochs = options.size(100, 8), options.size(NORMAL, 20)
    size = sum(own.numel() for own in points_run(1, hidden).network.parameters())
    actions = (
        ("pairs", top_and_alignments, f"top {PAIRS} eigenpairs, alignments of points and grid", 2, 0.5),
        ("spectrum", spectrum_and_measure, "whole spectrum, and G over all eigenvectors", 10, 1.2),
    )
    rows = []
    for name, action, what, seconds, memory in actions:
        found = [measure.in_a_process(cost_of, action, epochs, hidden) for _ in range(options.rounds_of(3))]
        times, peaks = np.array(found).T.tolist()
        details = f"P = {size:,}, float64, 150 points; without the start of Python and torch"
        rows += [
            Row(f"curvature-{name}", what, times, details, *("at most", seconds, "CPU s")),
            Row(f"curvature-{name}-memory", f"{what}, memory", peaks, details, *("at most", memory, "GiB")),
        ]
    return rows
