"""Finished runs of small networks, trained in this process, with and without subspaces."""

import torch
from conftest import RUN_SCHEMA, make_dataset, settings_of

from anatomy.data.dataset import open_dataset, write_dataset
from anatomy.training.facts import facts_of, origin_of
from anatomy.training.loop import train_run
from anatomy.training.run import begin_run
from anatomy.training.task import Task
from anatomy.training.trained import open_run

SMALL = {
    "architecture": "cifar_resnet_8", "width": 0.5, "epochs": 1, "batch_size": 32,
    "augmentation": {"shift": 1, "flip": False}, "optimiser": {"learning_rate": 0.05},
    "validation_fraction": 0,
}  # fmt: skip


def finished_run(folder, seed=0, **changes):
    """Train a run on images in `folder/dataset`; return its directory."""
    data, run = folder / "dataset", folder / f"seed={seed}"
    if not data.exists():
        write_dataset(make_dataset(size=16), data, "shades", {"source": "test"})
    dataset, description = open_dataset(data)
    settings = settings_of(**{**SMALL, **changes})
    task = Task(settings, dataset, description, seed, torch.device("cpu"))
    origin = origin_of(settings.architecture, "shades", "test", seed)
    train_run(begin_run(task), run, origin, facts_of(origin, settings, description, "code", "cpu", 1))
    return run


def opened(run):
    """A finished run behind its door."""
    return open_run(run, run.parent / "dataset", RUN_SCHEMA)
