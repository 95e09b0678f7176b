"""Which predictions were right, in a file that grows with them and that a stopped job continues from.

The file has one JSON object per line. The first holds a fingerprint of everything that decides the
predictions; each other says of one batch of images, under one reset, which were predicted correctly. Its
`place` is a checksum of itself and of all lines before it. So a line that a kill cut off is dropped, and all
are from the first on that is damaged, lost or in another's place: what they said is predicted again.
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np
import xxhash

from anatomy.runtime.files import naming

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
        self._place = fingerprint
        self._file: FileIO | None = None
        if folder is not None:
            self._reopen(folder, fingerprint)

    def _reopen(self, folder: Path, fingerprint: str) -> None:
        path = folder / PREDICTIONS_FILE
        whole = 0
        if path.is_file():
            with path.open("rb") as file:
                for index, line in enumerate(file):
                    try:
                        content = json.loads(line) if line.endswith(b"\n") else None
                        if index:
                            place = content.pop("place")
                            prediction = Prediction(**content)
                            if place != self._place_of(prediction):
                                break
                            self._place = place
                            self._keep(prediction)
                        elif content != {"fingerprint": fingerprint}:
                            break
                    except (ValueError, TypeError, KeyError, AttributeError):
                        break
                    whole += len(line)
        folder.mkdir(parents=True, exist_ok=True)
        # Not buffered, so that no half of a line is left to be written when a disk is full.
        self._file = path.open("ab", buffering=0)
        self._file.truncate(whole)
        if not whole:
            self._write({"fingerprint": fingerprint})

    def _write(self, content: Mapping[str, Any]) -> None:
        with naming(Path(self._file.name)):
            line = memoryview(json.dumps(content).encode() + b"\n")
            while line:
                line = line[self._file.write(line) :]

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
            self._place = self._place_of(prediction)
            self._write({**asdict(prediction), "place": self._place})

    def _place_of(self, prediction: Prediction) -> str:
        """Return the checksum of a line that follows those before it."""
        return xxhash.xxh3_64_hexdigest((self._place + json.dumps(asdict(prediction))).encode())

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
