"""What benchmarks work on: settings, data sets, and runs of the real code."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from anatomy.configuration.resolve import resolve
from anatomy.data.dataset import Dataset, channel_statistics, write_dataset
from anatomy.data.subset import limited
from anatomy.runtime.schema import read_schemas
from anatomy.runtime.settings import Settings
from measure import ROOT

CLASSES = 10
ORIGIN = {"architecture": "vgg19", "dataset": "images", "experiment": "benchmark", "seed": 0}


SCHEMA = ROOT / "workflow" / "schemas" / "config.schema.yaml"


@cache
def _schema() -> dict[str, Any]:
    return read_schemas(SCHEMA)


def settings(**experiment: Any) -> Settings:
    """Return the settings of a run: those given, and the defaults of the schema.

    Without a word on it, VGG19 with the paper's step schedule and augmentation, one epoch.
    """
    own = {
        "dataset": "images",
        "architecture": "vgg19",
        "epochs": 1,
        "seeds": [0],
        "schedule": {"kind": "step", "every": 25, "factor": 0.1},
        "augmentation": {"shift": 4, "flip": True},
        "batch_size": 128,
        "arrangements": {},
        **experiment,
    }
    data = {"source": "folder", "path": "images"}
    config = {"datasets": {"images": data}, "experiments": {"benchmark": own}}
    return resolve(config, _schema()).run_settings("benchmark")


def random_dataset(train: int, test: int = 1, size: int = 32, seed: int = 0) -> Dataset:
    """Random pixels and labels; the speed of a network does not depend on what it sees."""
    random = np.random.default_rng(seed)
    arrays = {}
    for part, count in (("train", train), ("test", test)):
        arrays[f"{part}_images"] = random.integers(0, 256, (count, 3, size, size), np.uint8)
        arrays[f"{part}_labels"] = random.integers(0, CLASSES, count)
    return Dataset(**arrays, classes=[str(label) for label in range(CLASSES)])


def describe(dataset: Dataset) -> dict[str, Any]:
    """What of dataset.json a run needs."""
    mean, std = channel_statistics(dataset.train_images)
    return {"classes": dataset.classes, "channels": dataset.input_shape[0], "mean": mean, "std": std}


def small_run(train: int, seed: int = 0, device: str = "cpu", validation: int = 1, **experiment: Any):
    """Return a run with so many random images for training and for validation."""
    import torch

    from anatomy.training.run import Run
    from anatomy.training.task import Task

    dataset = random_dataset(train + validation)
    # A little more than the fraction of those images, which is rounded down.
    chosen = settings(validation_fraction=(validation + 0.2) / (train + validation), **experiment)
    return Run(Task(chosen, dataset, describe(dataset), seed, torch.device(device)))


def write_snapshots(folder: Path, width: float, count: int = 1) -> list[Path]:
    """Write `count` snapshots of VGG19, links to that of epoch 0, as of a finished run; return their paths.

    Whoever reads one compares it with the run.json in `folder`.
    """
    from anatomy.checkpoints.snapshots import save_snapshot, snapshot_checksums
    from anatomy.runtime.files import write_json
    from anatomy.runtime.run_files import FINGERPRINT, RUN_FILE, SHA256, XXH3, signed
    from anatomy.training.resume import snapshot_file

    run = small_run(1, width=width)
    run.advance()
    snapshot = run.snapshot(ORIGIN)
    names = list(map(snapshot_file, range(count)))
    paths = [folder / name for name in names]
    save_snapshot(paths[0], snapshot)
    for path in paths[1:]:
        path.hardlink_to(paths[0])
    sha256, xxh3 = snapshot_checksums(snapshot)
    checksums = {SHA256: dict.fromkeys(names, sha256), XXH3: dict.fromkeys(names, xxh3)}
    write_json(folder / RUN_FILE, signed({FINGERPRINT: "", **checksums}))
    return paths


def prepare_colours(folder: Path, images: int, data: str | None) -> str:
    """Write a data set of `images` colour images of 32 px to `folder`; return what they are, in words.

    From the directory or archive `data`, found as the configuration's paths are; else embedded ones.
    """
    if data is None:
        return _prepare_embedded(folder, "digits-rgb", images)
    from anatomy.data.search_path import locate
    from anatomy.data.sources.folder import read_folder

    path = Path(data) if Path(data).exists() else locate(data, "images")
    dataset = limited(read_folder(path, "images", 3), "images", images, 1)
    write_dataset(dataset, folder, "images", {"source": "folder"})
    return f"{images:,} images of {path.name}"


def prepare_grey(folder: Path, images: int) -> str:
    """Write a data set of embedded grey images of 28 px to `folder`; return what they are, in words."""
    return _prepare_embedded(folder, "digits-grey", images)


def _prepare_embedded(folder: Path, variant: str, images: int) -> str:
    from anatomy.data.sources.embedded import class_names, make_embedded

    dataset = Dataset(**make_embedded(variant, images, CLASSES, seed=0), classes=class_names(variant))
    write_dataset(dataset, folder, variant, {"source": "embedded"})
    return f"{images:,} images of {variant}"
