"""Images of one size that are held in memory: the headers of all are looked at before any is decoded."""

import io
from collections.abc import Mapping, Sequence

import numpy as np

from anatomy.data.archives import Entry
from anatomy.data.decoding import check_header, decode, pixels
from anatomy.runtime.errors import InputError
from anatomy.runtime.progress import progress

MODES = {1: "L", 3: "RGB"}
# Most pixels of one image, 2048x2048, and of all: ImageNet at 32x32 fits, in 6 GiB as RGB. A file of some
# kilobytes may say that it has thousands of times as many.
MOST_OF_ONE, MOST_OF_ALL = 1 << 22, 1 << 31
REMEDY = "use `source: images`, which leaves images in their files, or scale them down"


class SmallImages:
    """Image files of one size, of entries that are read twice: once for the headers, once to be decoded."""

    def __init__(self, channels: int):
        self._channels = channels
        self._entries: dict[str, Entry] = {}
        self._first, self._size, self._pixels = "", (0, 0), 0

    def add(self, entry: Entry) -> None:
        """Look at the header of a file; `InputError` for one that differs in size, or one image too many."""
        name = str(entry.path)
        size = check_header(io.BytesIO(entry.read()), entry.where)
        if not self._entries:
            self._first, self._size = name, size
        if size != self._size:
            raise InputError(
                f"{entry.where} is {size[0]}x{size[1]} px but {self._first} is "
                f"{self._size[0]}x{self._size[1]} px; images of one size are needed"
            )
        if size[0] * size[1] > MOST_OF_ONE:
            raise InputError(
                f"{entry.where} is {size[0]}x{size[1]} px; at most {MOST_OF_ONE} pixels are allowed in an "
                f"image that is held in memory; {REMEDY}"
            )
        self._pixels += size[0] * size[1]
        if self._pixels > MOST_OF_ALL:
            raise InputError(
                f"{entry.where} is image {len(self._entries) + 1} of {size[0]}x{size[1]} px; at most "
                f"{MOST_OF_ALL} pixels are allowed in all images that are held in memory; {REMEDY}"
            )
        self._entries[name] = entry

    def decoded(self, parts: Mapping[str, Sequence[str]]) -> dict[str, np.ndarray]:
        """Return the images of each part, uint8 (N, C, H, W), in the order of these paths."""
        width, height = self._size
        found = {
            part: np.empty((len(names), self._channels, height, width), np.uint8)
            for part, names in parts.items()
        }
        places = {name: (part, row) for part, names in parts.items() for row, name in enumerate(names)}
        # In the order of the source: a compressed archive is not gone through once for each image.
        for name, entry in progress(list(self._entries.items()), "images"):
            part, row = places[name]
            image = decode(entry.read(), MODES[self._channels], entry.where)
            if image.size != self._size:
                raise InputError(f"{entry.where} has changed while it was read; run the same command again")
            found[part][row] = pixels(image)
        return found
