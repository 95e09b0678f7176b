"""A pipeline of all four studies at the smallest size, and every job of it as a command."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image
from scipy.io import savemat

import power_cut

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
            "invariance": {"angles": 4, "images": 16, "artefacts": False},
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
            "width": 0.25,
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
        "subspaces_ends": {"kind": "distance_of_ends", "experiments": ["line"]},
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


@dataclass(frozen=True)
class Job:
    """A command of the pipeline: a program, its arguments and environment, and the files that it reads.

    Paths are relative to `folder`, the working directory.
    """

    rule: str
    program: str
    arguments: Sequence[str]
    environment: Mapping[str, str]
    inputs: Sequence[str]
    folder: str

    @property
    def name(self) -> str:
        """The program, as in messages."""
        return Path(self.program).stem

    def write(self, path: Path) -> Path:
        """Keep the job in a file, which is returned."""
        path.write_text(json.dumps(asdict(self)))
        return path

    @classmethod
    def read(cls, path: Path) -> "Job":
        """Return the job that `write` has kept."""
        return cls(**json.loads(path.read_text()))


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


def environment() -> dict[str, str]:
    """Return the environment of a Snakemake that nothing of this one's reaches."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "ANATOMY"))}
    return {**kept, "OMP_NUM_THREADS": "1"}


def snakemake(checkout: Path, log: Path, *arguments: str, **options: Any) -> subprocess.Popen:
    """Start Snakemake in a checkout; `options` are those of the process."""
    with open(log, "w") as output:
        command = ["snakemake", "--cores", "2", *arguments]
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


def jobs_of(checkout: Path) -> list[Job]:
    """Return the jobs that Snakemake has run in a checkout, sorted by rule."""
    records = {}
    for path in sorted((checkout / ".snakemake/metadata").rglob("*")):
        if path.is_file() and (record := json.loads(path.read_text())).get("shellcmd"):
            records[record["shellcmd"]] = record
    return [
        Job(record["rule"], *_parsed(command, checkout), sorted(record["input"]), str(checkout))
        for command, record in sorted(records.items(), key=lambda pair: (pair[1]["rule"], pair[0]))
    ]


def _parsed(command: str, checkout: Path) -> tuple[str, list[str], dict[str, str]]:
    """Return program, arguments and environment of a shell command, as the shell itself understands it."""
    # In the place of `env ... python program`, and without its log.
    shown = "import json, sys; print(json.dumps(sys.argv[1:]))"
    bare = re.sub(r" &>>? \S+\s*$", "", command)
    printed = subprocess.run(
        ["bash", "-c", f"{shlex.join([sys.executable, '-c', shown])} {bare}"],
        cwd=checkout,
        capture_output=True,
        check=True,
        text=True,
    )
    _, *words = json.loads(printed.stdout)
    at = words.index("python")
    variables = dict(word.split("=", 1) for word in words[:at])
    return words[at + 1], words[at + 2 :], variables


def jobs_by_hand(checkout: Path) -> list[Job]:
    """Run the three programs that have the options of the authors' in a checkout; return their commands."""
    scripts = checkout / "workflow/scripts/hp_arrangements"
    data = "results/datasets/mnist"
    inputs = [f"{data}/dataset.json", f"{data}/data.safetensors"]
    network = ["--arch", "lenet", "--dataset", data]
    run = f"models/{data}/lenet/0"
    ends = [f"{run}/snapshots/epoch={epoch}.safetensors" for epoch in (0, 2)]
    (checkout / "inits.txt").write_text(f"{ends[0]}\n")
    options = {
        "train": ["--epochs", "2", "--batch-size", "32", "--snapshot-every", "1", "--save-every", "0"],
        "compute_projections": ["--normalize", "--load-from", ends[1], "--init-from", ends[0]],
        "reinit_layers": ["--rand", "--load-from", f"{run}/final.safetensors", "--inits-from", "inits.txt"],
    }
    jobs = []
    for program, own in options.items():
        needed = inputs if program == "train" else [*inputs, "inits.txt", *files_in(checkout, run)]
        words = [*network, "--seed", "0", *own]
        variables = {"PYTHONPATH": str(checkout / "src")}
        job = Job(program, str(scripts / f"{program}.py"), words, variables, needed, str(checkout))
        command = [sys.executable, job.program, *job.arguments]
        done = subprocess.run(
            command, cwd=checkout, env={**environment(), **variables}, capture_output=True, text=True
        )
        if done.returncode:
            raise RuntimeError(f"{shlex.join(command)} failed:\n{done.stderr}")
        jobs.append(job)
    return jobs


def files_in(folder: Path, part: str = ".") -> list[str]:
    """Return the files of a part of a folder by their paths in it, without hidden ones and logs."""
    paths = (path.relative_to(folder) for path in (folder / part).rglob("*") if path.is_file())
    return sorted(
        path.as_posix()
        for path in paths
        if path.suffix not in power_cut.NOT_RESULTS and not any(p.startswith(".") for p in path.parts)
    )
