"""The file of a measurement: V and B of every unit, counts, scores, and what was asked for."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

from anatomy.runtime.checksums import require_recorded
from anatomy.runtime.errors import InputError
from anatomy.runtime.files import atomic, understood

# The only key of the metadata: of several the order in the file would be random.
FORMAT = "anatomy invariance 1"


@dataclass(frozen=True)
class Measurement:
    """What was measured of a run.

    `arrays`: `transformation/<aggregation>` and `sample/<aggregation>` (G + 1, units), the last row of all
    images; `floor/<aggregation>` (units,), the deviation over rotations of images that are turned and turned
    back; `images` (G,) and `correct` (G, R). If asked for, `local/<aggregation>` (units,), the mean of the
    derivative along the rotation; V and B of other epochs, `epoch=<epoch>/...`; V and B under other
    transformations of all images together, `<kind>/...` (2, units). `facts`: experiment, seed, epoch,
    checksum of the weights, classes, angles, layers (label, module, units), aggregations, scores (part,
    images, loss, accuracy); if asked for, `epochs`, and `transformations`: of each kind their number, and
    that of images.
    """

    facts: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray]

    def write(self, path: Path) -> None:
        """Write it to a file, atomically."""
        with atomic(path) as temporary:
            save_file(
                {name: np.ascontiguousarray(array) for name, array in self.arrays.items()},
                temporary,
                {FORMAT: json.dumps(self.facts, allow_nan=False)},
            )

    @classmethod
    def read(cls, path: Path) -> "Measurement":
        """Read it from a file; `InputError` if it is none of this study, or not what is recorded of it."""
        require_recorded(path)
        with understood(path, f"a file of {FORMAT}"), safe_open(path, "numpy") as file:
            metadata = file.metadata() or {}
            if FORMAT not in metadata:
                raise InputError(f"{path} is no measurement of invariance; expected a file of {FORMAT}")
            return cls(json.loads(metadata[FORMAT]), {name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118


def described(layers: Any) -> list[dict[str, Any]]:
    """Return layers (`units.Layer`) as the facts have them."""
    return [{key: own for key, own in asdict(layer).items() if key != "pixels"} for layer in layers]
