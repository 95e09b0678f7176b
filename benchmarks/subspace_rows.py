"""Rows about subspaces: a step of a line or simplex over one of a network, and the sweep of a line."""

from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy

import material
import measure
from anatomy.runtime.processor import has_bfloat16_units
from anatomy.studies.subspaces.any_networks import line
from anatomy.training.run import Run, begin_run
from anatomy.training.task import Task
from measure import Options, Row
from plain_subspace import PlainSubspace, sweep
from training_rows import as_ours, as_usual

LINE, SIMPLEX = {"kind": "line"}, {"kind": "simplex", "corners": 3}
NAMES = {"line": LINE, "3-simplex": SIMPLEX}
# By precision: what a step may cost over that of one network.
LIMITS = {"float32": {"line": 1.05, "3-simplex": 1.06}, "bf16": {"line": 1.15, "3-simplex": 1.18}}
POINTS = 21


def run_of(options: Options, images: int, subspace: dict | None = None, **changes: Any) -> Run:
    """Return a run of the paper's network on random images of 32 px."""
    dataset = material.random_dataset(images)
    entry = {
        "architecture": options.size("cifar_resnet_20", "cifar_resnet_8"),
        "width": 1.0,
        "initialisation": {"kind": "published"},
        "schedule": {"kind": "cosine", "warmup": 1},
        "epochs": 1000,
        "validation_fraction": 0,
        "optimiser": {"learning_rate": 0.001},
    }
    entry |= changes if subspace is None else {**changes, "subspace": subspace}
    settings = material.settings(**entry)
    return begin_run(Task(settings, dataset, material.describe(dataset), 0, torch.device("cpu")))


def our_step(options: Options, batch: int, precision: str, subspace: dict | None) -> Callable[[], object]:
    """Return an epoch of one step."""
    run, epochs = run_of(options, batch, subspace, batch_size=batch, precision=precision), count(1)

    def step() -> None:
        run.epoch = next(epochs)
        run.train_epoch(run.epoch)

    return step


def plain_subspace(options: Options, corners: int) -> PlainSubspace:
    """Return a subspace as published, of networks as they are initialised."""
    run = run_of(options, 1, {"kind": "simplex", "corners": corners})
    return PlainSubspace(run.initial_network(), [run.initial_corner(index) for index in range(corners)])


def plain_step(options: Options, batch: int, corners: int, precision: str) -> Callable[[], object]:
    """Return a step as published, in the default layout; of one corner standard training."""
    images, labels = torch.randn(batch, 3, 32, 32), torch.arange(batch) % material.CLASSES
    network = plain_subspace(options, max(2, corners)).train()
    network = run_of(options, 1).initial_network().train() if corners == 1 else network
    optimiser = torch.optim.SGD(network.parameters(), 0.001, 0.9, weight_decay=1e-4)
    draws = np.random.default_rng(0)

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            if corners > 1:
                network.move(draws.dirichlet(np.ones(corners)).tolist())
            loss = cross_entropy(network(images).float(), labels)
        if corners > 1:
            loss = loss + network.cosine(*draws.choice(corners, 2, replace=False))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    return step


def steps(options: Options) -> list[Row]:
    """Time a step of a line and of a 3-simplex over one of standard training, and the published way."""
    batch, rows = options.size(128, 8), []
    for precision, limits in LIMITS.items():
        slow = precision == "bf16" and not has_bfloat16_units()
        own = {"standard": None, **NAMES}
        actions = {
            name: as_ours(our_step(options, batch, precision, subspace)) for name, subspace in own.items()
        }
        for corners, name in enumerate(own, 1):
            actions[f"published {name}"] = as_usual(plain_step(options, batch, corners, precision))
        seconds = measure.interleaved(options.rounds_of(1 if slow else 15), actions)
        for name, limit in limits.items():
            published = measure.ratios(seconds[f"published {name}"], seconds["published standard"])
            rows.append(
                Row(
                    f"subspace-step-{name}-{precision}",
                    f"step of a {name} over one of standard training, {precision}",
                    measure.ratios(seconds[name], seconds["standard"]),
                    f"cResNet20 at 32 px, batch {batch}, beta 1; {measure.medians(seconds)}; the published "
                    f"way over its standard training {np.median(published):.3g} x",
                    *("at most", limit),
                )
            )
    return rows


def swept(options: Options) -> list[Row]:
    """Time the sweep of a line against the published way, in the default layout and in channels last."""
    training, test = options.size((450, 100), (20, 10))
    corners = run_of(options, 1, LINE)
    networks = [corners.initial_corner(index).eval() for index in range(2)]
    draws = torch.Generator().manual_seed(0)
    inputs = torch.randn(training + test, 3, 32, 32, generator=draws)
    labels = torch.arange(test) % material.CLASSES
    parts = inputs[:training].split(128), inputs[training:].split(128)

    def ours() -> None:
        between = line(*(n.to(memory_format=torch.channels_last) for n in networks))
        between.recalibrate(list(parts[0]), points=POINTS)
        between.sweep(list(parts[1]), labels)

    def published(layout: torch.memory_format) -> Callable[[], object]:
        own = PlainSubspace(run_of(options, 1).initial_network(), networks).to(memory_format=layout)

        def action() -> None:
            batches: Sequence = [[b.contiguous(memory_format=layout) for b in part] for part in parts]
            sweep(own, *batches, labels, POINTS)

        return action

    actions = {
        "published": as_usual(published(torch.contiguous_format)),
        "published, channels last": as_usual(published(torch.channels_last)),
        "ours": as_ours(ours),
    }
    seconds = measure.interleaved(options.rounds_of(2), actions, warm_up=False)
    layout = np.median(measure.ratios(seconds["published"], seconds["published, channels last"]))
    return [
        Row(
            "subspace-sweep",
            f"sweep of a line at {POINTS} points, times less CPU time than the published way",
            measure.ratios(seconds["published"], seconds["ours"]),
            f"cResNet20, {training:,} training and {test:,} test images of 32 px, in the proportion of "
            f"CIFAR-10's; {measure.medians(seconds)}; the layout alone {layout:.3g} x",
            *("at least", 3),
        )
    ]


def whole(options: Options) -> list[Row]:
    """Return the rows of steps and of the sweep."""
    return [*steps(options), *swept(options)]
