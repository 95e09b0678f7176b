"""Running statistics of batch normalisation at points of a subspace, kept in a file beside them.

Those with which a subspace was trained are of many points at once and mean nothing at any one: a point is
evaluated with the statistics of one pass over the training images, which are taken once and kept.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

from anatomy.networks.batch_norm import normalisations, recalibrate
from anatomy.networks.subspace import Subspace
from anatomy.runtime.checksums import require_recorded
from anatomy.runtime.errors import InputError
from anatomy.runtime.files import atomic, understood
from anatomy.runtime.streams import stream, stream_seed
from anatomy.studies.subspaces.points import Point, move
from anatomy.training.task import Task

BUFFERS = ("running_mean", "running_var")
# The metadata of a file of points.
METADATA = "anatomy.points"
# What that says of each point.
NAMED = ("evaluation", "alpha", "index", "drawn", "seed")
PROGRAM = "workflow/scripts/recalibrate_points.py"


def command(points: Path | str = "POINTS", run: Path | str = "RUN") -> str:
    """Return what to type to have the points of a run recalibrated."""
    return f"{PROGRAM} --run {run} --dataset DATASET --output {points}"


def training_batches(task: Task, augmented: bool) -> Iterator[torch.Tensor]:
    """Yield the inputs of one pass over the training images of a run, in batches of its size.

    As they are, or augmented by draws of their own (those of an epoch 0), in a random order.
    """
    size = task.settings.batch_size
    if not (augmented and task.is_augmented):
        yield from map(task.normalise, task.train[0].plain(size))
        return
    draws = task.draws(0).to(task.device)
    order = torch.randperm(len(task.train_labels), generator=stream(task.seed, "recalibration"))
    batches = order.to(task.device).split(size)
    crops = stream_seed(task.seed, "crops", 0) if task.settings.augmentation.random_resized_crop else None
    for index, read in zip(batches, task.images.read(batches, crops), strict=True):
        images = task.images.augment(index, draws, *read)
        yield task.normalise(images if task.shuffle is None else task.shuffle(images, index))


def recalibrated(
    subspace: Subspace, points: Sequence[Point], batches: Callable[[], Iterable[torch.Tensor]]
) -> dict[str, torch.Tensor]:
    """Return the statistics of all points (points, channels), by name of the buffer, on the CPU.

    `batches()` begins a pass over the training inputs. The network of the subspace is moved.
    """
    found: dict[str, list[torch.Tensor]] = {}
    for point in points:
        move(subspace, point)
        recalibrate(subspace.network, batches())
        for name, buffer in statistics_of(subspace.network).items():
            found.setdefault(name, []).append(buffer.detach().cpu().clone())
    return {name: torch.stack(each) for name, each in found.items()}


def statistics_of(network: nn.Module) -> dict[str, torch.Tensor]:
    """Return the buffers with running statistics of batch normalisation by name."""
    layers = normalisations(network).items()
    return {f"{name}.{part}": getattr(layer, part) for name, layer in layers for part in BUFFERS}


def write_points(
    path: Path, points: Sequence[Point], statistics: Mapping[str, torch.Tensor], facts: Mapping[str, str]
) -> None:
    """Write points and their statistics, with `facts` on the run that they are of, as safetensors."""
    tensors = {f"statistics.{name}": tensor.contiguous() for name, tensor in statistics.items()}
    names = []
    for index, point in enumerate(points):
        # Points may share memory, which safetensors refuses.
        tensors[f"coefficients.{index}"] = point.coefficients.contiguous().clone()
        names.append({name: getattr(point, name) for name in NAMED})
    content = json.dumps({"points": names, **facts}, sort_keys=True)
    with atomic(path) as temporary:
        save_file(tensors, temporary, {METADATA: content})


class RecalibratedPoints:
    """Points of a run's subspace and their running statistics, read from their file."""

    def __init__(self, path: Path, facts: Mapping[str, str]):
        """Read the file; `InputError` if it is missing, damaged, no such file, or not of the run."""
        self.path = path
        if not path.is_file():
            raise InputError(f"{path} does not exist: no point was recalibrated; run {command(path)}")
        require_recorded(path)
        with understood(path, f"a file of {PROGRAM}"), safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            if METADATA not in metadata:
                raise InputError(f"{path} is no file of recalibrated points; run {command(path)}")
            content = json.loads(metadata[METADATA])
            for key, value in facts.items():
                if content.get(key) != value:
                    raise InputError(f"{path} has points of another run ({key}); run {command(path)}")
            names = file.keys()
            tensors = {name: file.get_tensor(name) for name in names}
        self.points = [
            Point(coefficients=tensors[f"coefficients.{i}"], **own) for i, own in enumerate(content["points"])
        ]
        prefix = "statistics."
        self.statistics = {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}

    def position(self, coefficients: torch.Tensor) -> int:
        """Return the position of a point with these coefficients; `InputError` if there is none."""
        wanted = coefficients.view(-1, coefficients.shape[-1])
        for position, point in enumerate(self.points):
            if point.coefficients.shape == wanted.shape and torch.equal(point.coefficients, wanted):
                return position
        numbers = ", ".join(f"{value:g}" for value in wanted[0].tolist())
        raise InputError(
            f"the point with coefficients ({numbers}) was not recalibrated; {self.path} has "
            f"{len(self.points)} others; give it to {command(self.path)}"
        )

    @torch.no_grad()
    def load(self, subspace: Subspace, position: int) -> nn.Module:
        """Return the network of a subspace, moved to the point at `position`, with its statistics."""
        move(subspace, self.points[position])
        for name, buffer in statistics_of(subspace.network).items():
            if name not in self.statistics:
                raise InputError(f"{self.path} has no statistics of {name}; run {command(self.path)}")
            buffer.copy_(self.statistics[name][position])
        return subspace.network.eval()
