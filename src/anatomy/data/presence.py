"""Which files of data sets are there, before any job: copies in the place of official files, what is missing.

Looks at names alone; contents are verified by what reads them. Imports neither torch nor torchvision.
"""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from anatomy.data.search_path import DATA_VARIABLE, locate, search_path
from anatomy.runtime.errors import InputError
from anatomy.runtime.settings import Settings

# Seconds to wait for the site of an official data set.
PATIENCE = 5.0
# Site of torchvision's weights.
WEIGHTS = "https://download.pytorch.org/models/"
# Keys of an official data set that are those of copies as well.
_KEPT = ("label", "train", "test", "classes", "per_class", "mean", "std", "polarity")


@dataclass(frozen=True)
class Files:
    """An official data set: its archives and the folder they unpack to, below a directory; their site."""

    archives: tuple[str, ...]
    unpacked: str | None
    site: str


# As torchvision has them; of MNIST it takes no files that were unpacked before.
_TORONTO = "https://www.cs.toronto.edu/~kriz/"
_MNIST = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
OFFICIAL = {
    "CIFAR10": Files(("cifar-10-python.tar.gz",), "cifar-10-batches-py", _TORONTO),
    "CIFAR100": Files(("cifar-100-python.tar.gz",), "cifar-100-python", _TORONTO),
    "MNIST": Files(
        tuple(f"MNIST/raw/{name}-ubyte.gz" for name in _MNIST),
        None,
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
    ),
}


def directory_of(official: str, directories: str | None = None) -> Path | None:
    """Return the first directory of the search path with the files of an official data set, None if none has.

    `directories` are others than $ANATOMY_DATA's, separated as in $PATH.
    """
    files = OFFICIAL[official]
    for directory in search_path(directories):
        unpacked = files.unpacked is not None and (directory / files.unpacked).is_dir()
        if unpacked or all((directory / name).is_file() for name in files.archives):
            return directory
    return None


def chosen(
    datasets: Mapping[str, Settings], parts: Mapping[str, Any], directories: str
) -> tuple[dict[str, Settings], dict[str, str]]:
    """Return data sets with copies in the place of official files that are not there, and a line for each.

    Copies are data sets of `source: folder`, and have `encoding` in every label and description. `parts` are
    the definitions of the schema. Official files that are there come first; what is not there at all is
    downloaded, if it can be.
    """
    found, notes = {}, {}
    for name, settings in datasets.items():
        copies = settings.stand_in if settings.source == "torchvision" else None
        if copies is None:
            found[name] = settings
            continue
        kept = {key: value for key, value in settings.complete().items() if key in _KEPT}
        there = _first(copies.path, directories)
        if directory_of(settings.official, directories) is None and there is not None:
            own = {**copies.complete(), **kept, "source": "folder"}
            found[name] = Settings(own, parts["folder"])
            notes[name] = (
                f"data set {name}: {copies.encoding} ({there}) stand in for the official files of "
                f"{settings.official}; those take their place once they are in {search_path(directories)[0]}"
            )
        else:
            own = {**kept, "source": settings.source, "official": settings.official}
            found[name] = Settings(own, parts[settings.source])
    return found, notes


def _first(path: str, directories: str) -> Path | None:
    """Return where a path lies below the first directory that has it; None if none has."""
    candidates = [directory / path for directory in search_path(directories)]
    return next((candidate for candidate in candidates if candidate.exists()), None)


def missing(name: str, settings: Settings, copies: Settings | None, directories: str) -> str | None:
    """Return what of a data set is neither there nor can be had, and where to put it; None if nothing is.

    `copies` is what may stand in for official files. Asks their site whether it can be reached.
    """
    if settings.source in ("folder", "images"):
        try:
            locate(settings.path, name, settings.homepage, directories=directories)
        except InputError as error:
            return str(error)
    if settings.source != "torchvision" or directory_of(settings.official, directories) is not None:
        return None
    files = OFFICIAL[settings.official]
    if (reason := _unreachable(files.site)) is None:
        return None
    looked = search_path(directories)
    where = looked[0] / files.archives[0]
    return (
        f"data set {settings.official}: the official files are not there; looked in "
        f"{', '.join(map(str, looked))}, and {files.site} cannot be reached ({reason}). Get "
        f"{_names(files.archives)} from there where there is a network, and put "
        f"{'it' if len(files.archives) == 1 else 'them'} into {where.parent}"
        + (f"; or put {copies.path} ({copies.encoding}) into {looked[0]}" if copies is not None else "")
        + (f", from {copies.homepage}" if copies is not None and copies.homepage else "")
        + f"; the configuration key `data` and ${DATA_VARIABLE} name these directories"
    )


def missing_weights(name: str, settings: Settings, directories: str) -> str | None:
    """Return what of a pretrained network is neither there nor can be had, as `missing` of a data set."""
    if settings.source != "torchvision":
        try:
            locate(settings.path, name, settings.homepage, "pretrained network", directories)
        except InputError as error:
            return str(error)
        return None
    # The official name ends in digits of a checksum: vgg19_bn-c79401a0.pth.
    pattern = re.sub(r"^(vgg\d+)bn$", r"\1_bn", settings.architecture) + "-*.pth"
    looked = search_path(directories)
    if any(True for directory in looked for _ in directory.glob(pattern)):
        return None
    if (reason := _unreachable(WEIGHTS)) is None:
        return None
    return (
        f"pretrained network {name}: {pattern} not found; looked in {', '.join(map(str, looked))}, and "
        f"{WEIGHTS} cannot be reached ({reason}). Get torchvision's weights IMAGENET1K_V1 from there where "
        f"there is a network, and put the file into {looked[0]}"
    )


def _names(archives: Sequence[str]) -> str:
    return ", ".join(os.path.basename(name) for name in archives)


@cache
def _unreachable(site: str) -> str | None:
    """Return why a site cannot be reached, None if it answers, whatever it says."""
    try:
        urlopen(Request(site, method="HEAD"), timeout=PATIENCE).close()
    except HTTPError:
        return None
    except (OSError, HTTPException) as error:
        return " ".join(str(getattr(error, "reason", error)).split())
    return None
