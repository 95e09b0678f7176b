"""Data sets that torchvision downloads from their official site and verifies by checksum."""

import os
from pathlib import Path

import numpy as np

from anatomy.data.dataset import Dataset, write_dataset
from anatomy.data.polarity import with_polarity
from anatomy.data.presence import OFFICIAL as FILES
from anatomy.data.presence import directory_of
from anatomy.data.search_path import search_path
from anatomy.data.sources import described
from anatomy.data.subset import given_statistics, limited, selected
from anatomy.runtime.errors import InputError
from anatomy.runtime.settings import Settings
from anatomy.runtime.torchvision_import import datasets


class MNIST(datasets.MNIST):
    """MNIST unpacked anew: torchvision verifies the archives, but not files unpacked from them earlier."""

    unpacked = False

    def _check_legacy_exist(self) -> bool:
        return False

    def _check_exists(self) -> bool:
        return self.unpacked and super()._check_exists()

    def download(self) -> None:
        """Fetch what is missing, compare the archives with their checksums, and unpack them."""
        super().download()
        self.unpacked = True


OFFICIAL = {"CIFAR10": datasets.CIFAR10, "CIFAR100": datasets.CIFAR100, "MNIST": MNIST}


def read_official(dataset: str, root: Path) -> Dataset:
    """Download `dataset` (CIFAR10, CIFAR100 or MNIST) below `root`, or use what is there already.

    torchvision compares every file with its official checksum before it is opened.
    """
    try:
        train, test = (OFFICIAL[dataset](root=root, train=train, download=True) for train in (True, False))
    except (OSError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"{dataset} could not be downloaded to {root} or failed its checksum ({reason}); "
            "put the official files there, or remove the damaged ones and try again"
        ) from error
    arrays = {}
    for part, source in (("train", train), ("test", test)):
        pixels = np.asarray(source.data)
        # CIFAR comes as (N, H, W, C), MNIST as (N, H, W).
        images = pixels[:, None] if pixels.ndim == 3 else pixels.transpose(0, 3, 1, 2)
        arrays[f"{part}_images"] = np.ascontiguousarray(images)
        arrays[f"{part}_labels"] = np.asarray(source.targets, dtype=np.int64)
    return Dataset(**arrays, classes=[str(name) for name in train.classes])


def root_of(official: str) -> Path:
    """Return the directory below which an official data set is read, and downloaded to if it is nowhere.

    Archives in a directory that cannot be written, where they could not be unpacked, are linked into the
    first one of the search path.
    """
    own, found, files = search_path()[0], directory_of(official), FILES[official]
    if found is None:
        return own
    if os.access(found, os.W_OK) or (files.unpacked is not None and (found / files.unpacked).is_dir()):
        return found
    for archive in files.archives:
        if (found / archive).is_file() and not (own / archive).exists():
            (own / archive).parent.mkdir(parents=True, exist_ok=True)
            (own / archive).symlink_to((found / archive).resolve())
    return own


def prepare(name: str, settings: Settings, folder: Path) -> None:
    """Read the data set `official` of its settings, from the search path or the official site."""
    dataset = read_official(settings.official, root_of(settings.official))
    dataset = limited(selected(dataset, name, settings), name, settings.train, settings.test)
    dataset = with_polarity(dataset, settings.polarity)
    write_dataset(dataset, folder, name, described(settings), given_statistics(settings))
