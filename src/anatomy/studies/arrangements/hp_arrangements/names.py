"""What the authors' programs call networks, data sets and files; without torch, to list names at once."""

from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path

from anatomy.checkpoints.snapshots import is_snapshot, load_snapshot
from anatomy.checkpoints.torch_files import read_checkpoint
from anatomy.data.description import (
    DESCRIPTION_FILE,
    REMEDY,
    Statistics,
    check_name,
    read_description,
)
from anatomy.networks.family import Family, families
from anatomy.runtime.errors import InputError
from anatomy.runtime.files import understood
from anatomy.runtime.run_files import FINAL_NETWORK, RUN_FILE, read_facts
from anatomy.studies.arrangements.epochs import PRETRAINED


@dataclass(frozen=True)
class NamedDataset:
    """A data set that has a name: number of classes, (C, H, W) of an image, and torchvision's name of it.

    `plain` are the authors' constants to normalise with, `upscaled` those after `--upscale`, `padded` those
    after `--upscale-padding`.
    """

    classes: int
    image_shape: tuple[int, int, int]
    official: str | None
    plain: Statistics
    upscaled: Statistics | None = None
    padded: Statistics | None = None


_CIFAR10_MEAN, _CIFAR100_MEAN = (0.4914, 0.4822, 0.4465), (0.5071, 0.4865, 0.4409)
DATASETS = {
    "cifar10": NamedDataset(
        10,
        (3, 32, 32),
        "CIFAR10",
        (_CIFAR10_MEAN, (0.2023, 0.1994, 0.2010)),
        (_CIFAR10_MEAN, (0.1953, 0.1925, 0.1942)),
        ((0.1229, 0.1206, 0.1117), (0.2367, 0.2323, 0.2190)),
    ),
    "cifar100": NamedDataset(
        100,
        (3, 32, 32),
        "CIFAR100",
        (_CIFAR100_MEAN, (0.2009, 0.1984, 0.2023)),
        (_CIFAR100_MEAN, (0.1942, 0.1918, 0.1958)),
        ((0.1268, 0.1217, 0.1103), (0.2435, 0.2343, 0.2177)),
    ),
    "imagenet": NamedDataset(1000, (3, 224, 224), None, ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))),
    "mnist": NamedDataset(10, (1, 28, 28), "MNIST", ((0.1307,), (0.3015,))),
}


def described(dataset: str) -> tuple[str, tuple[int, int, int], int]:
    """Return name, (C, H, W) of an image and number of classes of a name or a prepared data set's directory.

    `InputError` if it is neither, a data set of points, or one whose name would lead out of a folder.
    """
    if (known := DATASETS.get(dataset)) is not None:
        return dataset, known.image_shape, known.classes
    path = Path(dataset, DESCRIPTION_FILE)
    if not path.is_file():
        raise InputError(
            f"{dataset!r} is not a data set; allowed: {', '.join(DATASETS)}, or the directory of a "
            "prepared data set"
        )
    content = read_description(path)
    check_name(content["name"], f"{path}: name")
    shape = tuple(content.get(key) for key in ("channels", "height", "width"))
    if not all(type(size) is int and size > 0 for size in shape):
        raise InputError(
            f"{path} does not describe images (channels, height and width are {shape!r:.60}); {REMEDY}"
        )
    return content["name"], shape, len(content["classes"])


def choices() -> str:
    """Return the names that --arch and --dataset take, as text."""
    return "\n".join(
        [
            "architectures:",
            *(f"  {family.name}: {', '.join(_names_in(family))}" for family in families()),
            f"data sets: {', '.join(DATASETS)}, the directory of a prepared data set",
        ]
    )


def _names_in(family: Family) -> list[str]:
    """Return the names of a family's networks; those of another library are looked up when they are built."""
    return [*family.names, *([f"{family.prefix}<name>, if it is installed"] if family.prefix else [])]


def file_name(architecture: str) -> str:
    """Return the name of a network as a part of paths; those of timm have a slash."""
    return architecture.replace("/", "_")


def result_folder(options: Namespace, dataset: str) -> Path:
    """Return <dataset>[_N]/<arch>/[seed], in which the authors put their results."""
    dataset += f"_{options.subsample_classes}" if options.subsample_classes else ""
    return Path(dataset, options.arch, *([] if options.seed is None else [str(options.seed)]))


def last_number(path: Path) -> int | None:
    """Return the number after the last `_` of a file's name; None if it ends in no number."""
    last = path.stem.rpartition("_")[2]
    return int(last) if last.isdecimal() else None


def epoch_of(path: Path) -> int | None:
    """Return the number of epochs after which a file was written; None if nothing says so.

    Snapshots of the pipeline say it themselves, of the final network of a run its run.json. In the authors'
    names <arch>_<e>.tar counts from 0, <arch>_<epochs>.pt from 1, `init` is 0 and `pretrained` -1.
    """
    if path.name == FINAL_NETWORK and (path.parent / RUN_FILE).is_file():
        with understood(path.parent / RUN_FILE, "the run.json of a run", False):
            return read_facts(path.parent, whole=False)["settings"]["epochs"]
    if path.suffix == ".safetensors" and is_snapshot(path, read_checkpoint(path).entries):
        return load_snapshot(path).origin["epoch"]
    pieces = path.stem.split("_")
    if "pretrained" in pieces:
        return PRETRAINED
    if "init" in pieces:
        return 0
    number = last_number(path)
    return None if number is None else number + (path.suffix == ".tar")
