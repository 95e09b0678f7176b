"""Rows about the invariance of units: the measure, its cost over the forward passes, rotation, memory."""

import resource
import sys
from collections.abc import Iterable

import numpy as np
import torch
from PIL import Image
from torch import nn

import measure
from anatomy.data.normalisation import Normaliser
from anatomy.data.rotation import rotate
from anatomy.networks.build import build_network
from anatomy.networks.forward import intermediates, module_outputs
from anatomy.runtime.devices import set_up_torch
from anatomy.runtime.streams import stream
from anatomy.studies.invariance.measure import Deviations
from anatomy.studies.invariance.measure import measure as measure_units
from anatomy.studies.invariance.quotient import invariance
from anatomy.studies.invariance.rotations import Rotations
from measure import Options, Row

CLASSES, BATCH = 10, 64


def network_of(architecture: str, shape: tuple[int, int, int], **options: int) -> nn.Module:
    """Return a network as it is initialised, with pixels of random numbers in mind."""
    generator = stream(0, "initialisation")
    size = shape[1:]
    network = build_network(
        architecture, CLASSES, shape[0], 1.0, generator, "published", 0.01, size, options, 0.0
    )
    return network.eval()


def pixels_of(count: int, shape: tuple[int, int, int]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return random images and labels."""
    random = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (count, *shape), generator=random, dtype=torch.uint8)
    return images, torch.arange(count) % CLASSES


def by_pillow(images: torch.Tensor, angles: torch.Tensor) -> torch.Tensor:
    """Rotate grey or colour images (N, C, H, W) one by one, as the authors do."""
    turned = []
    for image, angle in zip(images, angles.tolist(), strict=True):
        picture = Image.fromarray(image.permute(1, 2, 0).squeeze(2).numpy())
        array = np.asarray(picture.rotate(angle, Image.Resampling.BILINEAR))
        turned.append(torch.from_numpy(array.copy()).reshape(*image.shape[1:], -1).permute(2, 0, 1))
    return torch.stack(turned)


class RunningDeviation:
    """Welford's update in numpy, value by value of the first axis."""

    def __init__(self):
        self.count, self.mean, self.squares = 0, 0.0, 0.0

    def add(self, values: np.ndarray) -> None:
        """Take the next values."""
        self.count += 1
        difference = values - self.mean
        self.mean = self.mean + difference / self.count
        self.squares = self.squares + difference * (values - self.mean)

    def value(self) -> np.ndarray:
        """Return the standard deviation, n - 1 in the denominator."""
        return np.sqrt(self.squares / (self.count - 1))


def separate_passes(network, images, labels, names, normalise, rotations) -> np.ndarray:
    """Return M of all images, and compute that of every class: a pass each for V and B, in Python."""
    found = []
    for chosen in [torch.arange(len(images)), *(torch.nonzero(labels == c)[:, 0] for c in range(CLASSES))]:
        own = images[chosen]

        def units(batch, angles):
            inputs = normalise(by_pillow(batch, angles)).contiguous()
            with torch.no_grad():
                outputs = module_outputs(network, inputs, names.values())
            return [o.flatten(2).sum(2).numpy() if o.ndim > 2 else o.numpy() for o in outputs.values()]

        over_images: list[list[np.ndarray]] = []
        for angle in rotations.angles:
            layers = [RunningDeviation() for _ in names]
            for batch in own.split(BATCH):
                for layer, values in zip(layers, units(batch, angle.expand(len(batch))), strict=True):
                    for row in values.astype(np.float64):
                        layer.add(row)
            over_images.append([layer.value() for layer in layers])
        sample = [np.mean(parts, 0) for parts in zip(*over_images, strict=True)]
        total = [0.0] * len(names)
        for batch in own.split(BATCH):
            layers = [RunningDeviation() for _ in names]
            for angle in rotations.angles:
                for layer, values in zip(layers, units(batch, angle.expand(len(batch))), strict=True):
                    layer.add(values.astype(np.float64))
            total = [t + layer.value().sum(0) for t, layer in zip(total, layers, strict=True)]
        found.append(invariance(np.concatenate(total) / len(own), np.concatenate(sample)))
    return found[0]


class Subject:
    """A network and images of MNIST's size that are measured in several ways."""

    def __init__(self, options: Options):
        set_up_torch(1, "cpu")
        shape, count = (1, 28, 28), options.size(2000, 40)
        self.network, (self.images, self.labels) = network_of("simple_conv", shape), pixels_of(count, shape)
        self.names, self.rotations = intermediates(self.network, shape), Rotations(options.size(16, 2), 0)
        self.normalise = Normaliser([0.5], [0.25], self.images.device)
        self.details = f"SimpleConv, {count:,} images, {self.rotations.count} angles; "

    def batches(self) -> Iterable[tuple[torch.Tensor, torch.Tensor]]:
        """Return images and labels in batches."""
        return zip(self.images.split(BATCH), self.labels.split(BATCH), strict=True)

    def ours(self, exact: bool = False) -> Deviations:
        """Measure in one pass; with `exact` maps are summed in float64."""
        given = (self.network, self.batches(), CLASSES, self.names, self.rotations, self.normalise)
        return measure_units(*given, ("mean",), exact)

    def bare(self) -> None:
        """Take the forward passes alone."""
        with torch.no_grad():
            for batch, _ in self.batches():
                for angle in self.rotations.angles:
                    self.network(self.normalise(self.rotations.apply(batch, angle)))

    def usual(self) -> np.ndarray:
        """Measure as the authors do; return M of all images."""
        given = (self.images, self.labels, self.names, self.normalise, self.rotations)
        return separate_passes(self.network, *given)


def whole(options: Options) -> list[Row]:
    """Time the whole measure of one network against the authors' way."""
    subject = Subject(options)
    found, theirs = subject.ours(), subject.usual()
    own = invariance(found.transformation["mean"], found.sample["mean"])[-1]
    # Rounding of rotated pixels to a level above or below makes up for the most of it.
    difference = float(np.nanmax(np.abs(own - theirs) / np.maximum(theirs, 0.01)))
    actions = {"reference": subject.usual, "ours": subject.ours}
    seconds = measure.interleaved(options.rounds_of(2), actions, warm_up=False)
    return [
        Row(
            "invariance",
            "per class, stratified and all of one network, times less CPU time",
            measure.ratios(seconds["reference"], seconds["ours"]),
            f"{subject.details}{measure.medians(seconds)}; largest relative difference of M {difference:.1g}",
            *("at least", 6),
        )
    ]


def cost(options: Options) -> list[Row]:
    """Time the whole measure of one network over its forward passes."""
    subject = Subject(options)
    actions = {
        "forward passes": subject.bare,
        "measure": subject.ours,
        "float64 sums": lambda: subject.ours(True),
    }
    seconds = measure.interleaved(options.rounds_of(5), actions)
    details = f"{subject.details}{measure.medians(seconds)}"
    return [
        Row(
            "invariance-cost",
            "the measure over the bare forward passes of the same images",
            measure.ratios(seconds["measure"], seconds["forward passes"]),
            details,
            *("at most", 1.25),
        ),
        Row(
            "invariance-cost-float64",
            "the same with sums in float64",
            measure.ratios(seconds["float64 sums"], seconds["forward passes"]),
            details,
            *("at most", 1.6),
        ),
    ]


def rotation(options: Options) -> list[Row]:
    """Time the rotation of images of 32 px against Pillow's."""
    set_up_torch(1, "cpu")
    images, _ = pixels_of(options.size(2048, 64), (3, 32, 32))
    angles = 360 * torch.rand(len(images), generator=torch.Generator().manual_seed(0)) - 180
    one = torch.tensor(30.0)
    apart = (by_pillow(images, angles).int() - rotate(images, angles).int()).abs().max().item()
    together = (
        (by_pillow(images, one.expand(len(images))).int() - rotate(images, one).int()).abs().max().item()
    )
    actions = {
        "Pillow": lambda: by_pillow(images, angles),
        "an angle each": lambda: rotate(images, angles),
        "one angle": lambda: rotate(images, one),
    }
    seconds = measure.interleaved(options.rounds_of(5), actions)
    details = f"{len(images):,} images of 32 px; {measure.medians(seconds)}; apart by at most"
    return [
        Row(
            "rotation",
            "an angle for each image, times Pillow's speed",
            measure.ratios(seconds["Pillow"], seconds["an angle each"]),
            f"{details} {apart} level",
            *("at least", 1.1),
        ),
        Row(
            "rotation-together",
            "one angle for all, times Pillow's speed",
            measure.ratios(seconds["Pillow"], seconds["one angle"]),
            f"{details} {together} level",
            *("at least", 3),
        ),
    ]


def peak_of(count: int, architecture: str) -> int:
    """Return the largest resident memory in bytes of a process that measures so many images."""
    set_up_torch(1, "cpu")
    shape = (3, 32, 32)
    network, (images, labels) = network_of(architecture, shape), pixels_of(count, shape)
    names, normalise = intermediates(network, shape), Normaliser([0.5] * 3, [0.25] * 3, images.device)
    batches = zip(images.split(BATCH), labels.split(BATCH), strict=True)
    measure_units(network, batches, CLASSES, names, Rotations(16, 0), normalise, ("mean", "max"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024)


def memory(options: Options) -> list[Row]:
    """Measure ResNet50 on few images and on more."""
    architecture = options.size("small_resnet50", "small_resnet18")
    few, more = options.size(64, 20), options.size(256, 40)
    peaks = [measure.in_a_process(peak_of, count, architecture) for count in (few, more)]
    gib = 2**30
    return [
        Row(
            "invariance-memory",
            "largest memory of the measure of ResNet50",
            [peaks[1] / gib],
            f"{architecture}, {more} images of 32 px, 16 angles, mean and maximum of maps; {few} images: "
            f"{peaks[0] / gib:.3g} GiB",
            *("at most", 1.5, "GiB"),
        )
    ]
