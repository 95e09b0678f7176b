"""Which predictions were right, in a file that grows with them and that a stopped job continues from.

The file has one JSON object per line. The first holds a fingerprint of everything that decides the
predictions; each other says of one batch of images, under one reset, which were predicted correctly.
A line is there or not: one that a kill cut off is dropped.
"""

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

import numpy as np

PREDICTIONS_FILE = "predictions.jsonl"
# What no layer is named: the trained network itself, and its five likeliest classes.
TRAINED, TOP_FIVE = ("", "trained"), ("", "top 5")

# Layer and what it is reset to.
Key = tuple[str, str]


@dataclass(frozen=True)
class Prediction:
    """Right predictions of `images` images from index `first` on: bit i of `right`, in hexadecimal."""

    first: int
    images: int
    layer: str
    reset_to: str
    right: str


def pack(right: np.ndarray) -> str:
    """Return booleans (B,) as hexadecimal digits."""
    return np.packbits(right).tobytes().hex()


class Predictions:
    """Predictions of all batches; with a folder also on disk, those of an earlier attempt included."""

    def __init__(self, folder: Path | None = None, fingerprint: str = ""):
        """Read what `folder` holds under this `fingerprint`; anything else in it is removed."""
        self._bits: dict[Key, dict[int, int]] = {}
        self._ends: dict[int, int] = {}
        self._file: TextIO | None = None
        if folder is not None:
            self._file = self._reopened(folder, fingerprint)

    def _reopened(self, folder: Path, fingerprint: str) -> TextIO:
        path = folder / PREDICTIONS_FILE
        whole = 0
        if path.is_file():
            with path.open("rb") as file:
                for index, line in enumerate(file):
                    try:
                        content = json.loads(line) if line.endswith(b"\n") else None
                        if index:
                            self._keep(Prediction(**content))
                        elif content != {"fingerprint": fingerprint}:
                            break
                    except (ValueError, TypeError):
                        break
                    whole += len(line)
        folder.mkdir(parents=True, exist_ok=True)
        file = path.open("a", encoding="utf-8")
        file.truncate(whole)
        if not whole:
            file.write(json.dumps({"fingerprint": fingerprint}) + "\n")
            file.flush()
        return file

    def _keep(self, prediction: Prediction) -> None:
        self._bits.setdefault((prediction.layer, prediction.reset_to), {})[prediction.first] = int(
            prediction.right, 16
        )
        if (prediction.layer, prediction.reset_to) == TRAINED:
            self._ends[prediction.first] = prediction.first + prediction.images

    def add(self, first: int, key: Key, right: np.ndarray) -> None:
        """Add the booleans (B,) of the images from index `first` on."""
        prediction = Prediction(first, len(right), *key, pack(right))
        self._keep(prediction)
        if self._file is not None:
            self._file.write(json.dumps(asdict(prediction)) + "\n")
            self._file.flush()

    def has(self, first: int, key: Key) -> bool:
        """Tell whether the batch from image `first` on is recorded under `key`."""
        return first in self._bits.get(key, {})

    @property
    def images(self) -> int:
        """Number of images in batches that are done; the trained network is the last of a batch."""
        done = 0
        while done in self._ends:
            done = self._ends[done]
        return done

    def correct(self, key: Key) -> int:
        """Number of right predictions under `key`."""
        return sum(bits.bit_count() for bits in self._bits[key].values())

    def lost_and_gained(self, key: Key) -> tuple[int, int]:
        """Numbers of images that only the trained network gets right, and that only `key` does."""
        pairs = [(self._bits[TRAINED][first], bits) for first, bits in self._bits[key].items()]
        lost = sum((before & ~after).bit_count() for before, after in pairs)
        return lost, sum((after & ~before).bit_count() for before, after in pairs)

    def close(self) -> None:
        """Close the file, if there is one."""
        if self._file is not None:
            self._file.close()


def discard(folder: Path) -> None:
    """Remove the predictions of a finished job."""
    shutil.rmtree(folder, ignore_errors=True)
