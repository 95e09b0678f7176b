"""A pipeline of all four studies at the smallest size: configuration, data, and a checkout."""

import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image
from scipy.io import savemat

import power_cut
from fault_jobs import environment

# Every program of workflow/scripts that writes results runs in it, in some seconds.
PIPELINE: Mapping[str, Any] = {
    "device": "cpu",
    "data": "material",
    "datasets": {
        # By this name a figure of the second study is one of its paper.
        "mnist": {"source": "embedded", "variant": "digits-grey", "train": 96, "test": 40},
        "gauss": {"source": "points", "variant": "gauss"},
        "pictures": {"source": "images", "path": "pictures", "resize": 18, "crop": 16},
    },
    "defaults": {"width": 1.0, "epochs": 2, "batch_size": 32, "seeds": [0]},
    "studies": {
        "arrangements": {
            "pretrained": {
                "released": {"source": "matconvnet", "architecture": "alexnet", "path": "released.mat"}
            }
        },
        "invariance": {},
        "curvature": {},
        "subspaces": {},
    },
    "experiments": {
        "grey": {
            "dataset": "mnist",
            "architecture": "lenet",
            "seeds": [0, 1],
            "arrangements": {"reinitialise": {"epochs": [0, 1], "random": True}},
            "subspaces": {"barrier": 3},
        },
        "plain": {
            "dataset": "mnist",
            "architecture": "simple_conv",
            "width": 0.0625,
            "epochs": 1,
            "snapshots": [],
            "loss": {"kind": "nll"},
            "invariance": {"angles": 4, "artefacts": False},
        },
        "rotated": {"like": "plain", "augmentation": {"rotate": 180}},
        "points": {
            "dataset": "gauss",
            "architecture": "fnn",
            "options": {"hidden": [4]},
            "pixels": "raw",
            "split": {},
            "augmentation": {"shift": 0, "flip": False},
            "snapshots": {"epochs": [], "weights": "all"},
            "curvature": {"spectrum": "whole"},
        },
        "line": {
            "dataset": "pictures",
            "architecture": "cifar_resnet_8",
            "width": 0.5,
            "batch_size": 12,
            "validation_fraction": 0,
            "subspace": {"kind": "line"},
            "subspaces": {
                "points": 3,
                "corruptions": {"path": "corrupted", "types": ["none"], "severities": [1]},
            },
        },
    },
    "figures": {
        "figure_02": {"experiment": "grey"},
        "figure_07": {"experiment": "grey"},
        "released": {"kind": "histograms", "pretrained": "released"},
        "invariance_training_simple_conv_mnist": {"experiments": ["plain", "rotated"]},
        "curvature_learning": {"experiments": ["points"]},
        # The kind whose figure is drawn fastest is the first one, whose program meets the faults.
        "line": {"kind": "accuracy_over_alpha", "experiments": ["line"]},
    },
}

# (F, C / groups, k, k), stride, padding, and whether pooling follows: MatConvNet's AlexNet.
ALEXNET = (
    ((96, 3, 11, 11), 4, 0, True),
    ((256, 48, 5, 5), 1, 2, True),
    ((384, 256, 3, 3), 1, 1, False),
    ((384, 192, 3, 3), 1, 1, False),
    ((256, 192, 3, 3), 1, 1, True),
)


def write_data(folder: Path) -> None:
    """Write images, the same as corrupted ones, and released weights into a new folder."""
    random = np.random.default_rng(0)
    for part, count in (("train", 12), ("val", 6)):
        for index, name in enumerate("ab"):
            for number in range(count):
                level = random.integers(0, 90, (20, 20, 3)) + 90 * index
                for path in (f"pictures/{part}/{name}", f"corrupted/none/1/{name}"):
                    (folder / path).mkdir(parents=True, exist_ok=True)
                    Image.fromarray(level.astype(np.uint8)).save(folder / path / f"{number}.png")
    savemat(folder / "released.mat", _alexnet(random))


def _alexnet(random: np.random.Generator) -> dict[str, Any]:
    """Return random weights of AlexNet as MatConvNet has them in a SimpleNN network."""
    layers: list[dict[str, Any]] = []
    for position, (shape, stride, pad, pooled) in enumerate(ALEXNET, 1):
        weight = random.normal(size=shape).astype(np.float32).transpose(2, 3, 1, 0)
        values = _cell([weight, np.zeros((shape[0], 1), np.float32)])
        geometry = {"stride": [stride] * 2, "pad": [pad] * 4}
        layers.append({"type": "conv", "name": f"conv{position}", "weights": values, **geometry})
        layers.append({"type": "relu", "name": f"relu{position}"})
        if pooled:
            pool = {"pool": [3] * 2, "stride": 2, "method": "max"}
            layers.append({"type": "pool", "name": f"pool{position}", **pool})
    layers.append({"type": "conv", "name": "fc6", "weights": _cell([np.zeros((6, 6, 256, 7)), []])})
    layers.append({"type": "softmax", "name": "prob"})
    size = np.array([[227.0, 227.0, 3.0]])
    return {"layers": _cell(layers), "meta": {"normalization": {"imageSize": size}}}


def _cell(items: Sequence[Any]) -> np.ndarray:
    """Return a MATLAB cell array with one row."""
    array = np.empty((1, len(items)), object)
    array[0] = items
    return array


def snakemake(checkout: Path, log: Path, *arguments: str, cores: int = 1, **options: Any) -> subprocess.Popen:
    """Start Snakemake in a checkout; `options` are those of the process."""
    with open(log, "w") as output:
        command = ["snakemake", "--cores", str(cores), *arguments]
        streams = {"stdout": output, "stderr": output}
        return subprocess.Popen(command, cwd=checkout, env=environment(), **streams, **options)


def run_pipeline(checkout: Path, log: Path, *arguments: str) -> None:
    """Run Snakemake to its end; `RuntimeError` with what it said if it fails."""
    if snakemake(checkout, log, *arguments).wait():
        raise RuntimeError(f"snakemake {shlex.join(arguments)} failed:\n{log.read_text()}")


def new_checkout(folder: Path, pipeline: Mapping[str, Any] = PIPELINE) -> Path:
    """Put a copy of this checkout with its data and a configuration into a new folder."""
    folder.mkdir()
    power_cut.check_out(folder, yaml.safe_dump(dict(pipeline)))
    write_data(folder / "material")
    return folder
