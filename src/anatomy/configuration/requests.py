"""What jobs ask of a cluster: memory and time, from a few numbers of data set, network and settings.

A job that asks for too much waits longer, one that asks for too little is ended. So each time is twice what
a slow processor or card would take, and the start of a program; memory is more than was ever measured.
`benchmarks/cluster_requests.py` holds both against finished runs. What needs more gets it with its next
attempt.
"""

from dataclasses import dataclass, replace
from math import ceil, inf, prod

from anatomy.networks.sizes import Size, size_of
from anatomy.runtime.own_code import is_own
from anatomy.runtime.settings import Settings, snapshot_epochs

# Minutes that clusters commonly allow; a training that needs more goes on with its next attempt.
LONGEST = 2 * 24 * 60
# Minutes until a program works: start, data, a file system that is slow.
START = 10
# Operations per second, of which a multiplication is two, of a modest card by precision, and of one thread of
# a CPU; most have no units for bf16.
GPU_RATE = {"float32": 5e12, "tf32": 15e12, "bf16": 20e12}
CPU_RATE = {"float32": 2e10, "tf32": 2e10, "bf16": 5e9}
# Seconds for a step beside its operations, for an input on a CPU, and for reading an image from its file.
GPU_STEP, CPU_STEP, CPU_INPUT, READ = 0.02, 0.002, 1e-4, 0.012
# MiB of a program with torch, and of one that has started CUDA; of a process that reads images.
TORCH, CUDA, LOADER = 600, 3500, 400
MIB = 2**20


@dataclass(frozen=True)
class Request:
    """Memory in MiB, and time in minutes."""

    memory: int
    minutes: int

    def again(self, attempt: int) -> "Request":
        """Return what the attempt with this number asks for, counted from 1."""
        return Request(self.memory * attempt, min(self.minutes * attempt, LONGEST))


@dataclass(frozen=True)
class Inputs:
    """Images (C, H, W) or points (d,) of a data set: how many, and whether each is in a file of its own."""

    train: int
    test: int
    shape: tuple[int, ...]
    in_files: bool = False

    @property
    def megabytes(self) -> float:
        """Return their size in MiB: a byte for each value, of points four."""
        value = 1 if len(self.shape) == 3 else 4
        return 0 if self.in_files else (self.train + self.test) * prod(self.shape) * value / MIB


# Where a data set does not say how many inputs it has: no more than these.
EMBEDDED = {"digits-grey": (1, 28, 28), "digits-rgb-large": (3, 64, 64)}
OFFICIAL = {"MNIST": Inputs(60_000, 10_000, (1, 28, 28))}
CIFAR = Inputs(50_000, 10_000, (3, 32, 32))
POINTS = Inputs(400, 400, (4,))
FOLDER = Inputs(100_000, 10_000, (3, 64, 64))
IMAGENET = 1_281_167, 50_000


def inputs_of(dataset: Settings) -> Inputs:
    """Return how many inputs of which shape a data set has, or may have, of the classes that are kept."""
    all_of_them = _all_inputs(dataset)
    if not (dataset.classes and dataset.per_class):
        return all_of_them
    classes, most = len(dataset.classes), dataset.per_class
    train = min(all_of_them.train, (most.train or inf) * classes)
    return replace(all_of_them, train=train, test=min(all_of_them.test, (most.test or inf) * classes))


def _all_inputs(dataset: Settings) -> Inputs:
    if is_own(dataset.source):
        return FOLDER
    match dataset.source:
        case "embedded":
            return Inputs(dataset.train, dataset.test, EMBEDDED.get(dataset.variant, (3, 32, 32)))
        case "torchvision":
            known = OFFICIAL.get(dataset.official, CIFAR)
        case "images":
            known = Inputs(*IMAGENET, (3, dataset.crop, dataset.crop), in_files=True)
        case "points":
            return POINTS
        case _:
            known = FOLDER
    return Inputs(dataset.train or known.train, dataset.test or known.test, known.shape, known.in_files)


@dataclass(frozen=True)
class Job:
    """What decides the requests of the jobs of an experiment: its settings, its inputs, where it computes.

    `loaders` are processes that read images, `threads` those that compute on a CPU.
    """

    run: Settings
    inputs: Inputs
    gpu: bool
    threads: int
    loaders: int

    @property
    def size(self) -> Size:
        """Return the size of the network for the inputs that it sees."""
        shape = self.inputs.shape
        if self.run.upscaling:
            shape = (shape[0], 224, 224)
        return size_of(self.run.architecture, self.run.width, shape, classes=1000)

    @property
    def corners(self) -> int:
        """Return how many networks are trained as one."""
        return self.run.subspace.corners or 3 if self.run.subspace else 1

    def seconds(self, inputs: float, passes: float, steps: float = 0) -> float:
        """Return the time for `passes` forward passes of each of `inputs` inputs, in so many steps."""
        operations = 2 * self.size.multiplications * inputs * passes
        if self.gpu:
            computing = operations / GPU_RATE[self.run.precision] + steps * GPU_STEP
        else:
            rate = CPU_RATE[self.run.precision] * self.threads
            computing = operations / rate + inputs * CPU_INPUT + steps * CPU_STEP
        reading = inputs * READ / max(self.loaders, 1) if self.inputs.in_files else 0
        return max(computing, reading)

    def memory(self, copies: int, kept: float, batch: int) -> int:
        """Return MiB for `copies` of the weights, and for each input of a batch `kept` times all outputs.

        On a GPU these lie on the card.
        """
        weights = 4 * self.size.weights * self.corners * copies / MIB
        made = 0 if self.gpu else 4 * self.size.outputs * kept * batch / MIB
        own = CUDA if self.gpu else TORCH
        return _rounded(own + 2 * self.inputs.megabytes + weights + made + self.loaders * LOADER)


def training(job: Job) -> Request:
    """Return what a training asks for: three passes a step, evaluations, and at its end one of all inputs."""
    run, inputs = job.run, job.inputs
    learnt = inputs.train * (1 - run.validation_fraction)
    steps = ceil(learnt / run.batch_size)
    samples = run.subspace.num_samples if run.subspace else 1
    epoch = job.seconds(learnt, 3 * samples, steps) + job.seconds(inputs.train - learnt, 1)
    seconds = run.epochs * epoch + job.seconds(inputs.train + inputs.test, 1)
    return Request(job.memory(copies=6, kept=2, batch=run.batch_size), _minutes(seconds))


def evaluations(job: Job, inputs: float, networks: float) -> Request:
    """Return what it asks for to have so many networks classify so many inputs."""
    seconds = job.seconds(inputs * networks, 1, steps=networks)
    return Request(job.memory(copies=4, kept=1, batch=500), _minutes(seconds))


def reinitialisation(job: Job, states: int) -> Request:
    """Return what it asks for to reset each layer to each of `states`."""
    return evaluations(job, job.inputs.test, job.size.layers * states)


def invariance(job: Job, own: Settings) -> Request:
    """Return what it asks for to measure rotated test images, turned back as well, and to test on them."""
    rotations = own.angles * (2 if own.artefacts else 1) + 2
    return evaluations(job, own.images or job.inputs.test, rotations)


def recalibration(job: Job, points: int) -> Request:
    """Return what it asks for to take batch normalisation's statistics at so many points."""
    return evaluations(job, job.inputs.train, points)


def curvature(job: Job, own: Settings) -> Request:
    """Return what it asks for to measure the Hessian: a product with it is four passes.

    An eigenpair takes some 20 products, a whole spectrum one for each weight.
    """
    inputs = min(own.inputs or job.inputs.train, job.inputs.train)
    products = own.products + 20 * own.eigenpairs + (job.size.weights if own.spectrum == "whole" else 500)
    states = 1 + len(own.epochs) + bool(own.reparametrise)
    passes = 4 * products * states
    seconds = job.seconds(inputs * passes, 1, steps=passes) + own.margin_steps * CPU_STEP
    kept = job.memory(copies=6 + own.eigenpairs, kept=4, batch=min(own.batch, inputs))
    return Request(kept, _minutes(seconds))


def statistics(job: Job) -> Request:
    """Return what it asks for to read all snapshots of a run, one at a time."""
    weights = job.size.weights * job.corners
    seconds = 1e-8 * weights * len(snapshot_epochs(job.run))
    return Request(_rounded(500 + 12 * weights / MIB), _minutes(seconds))


def preparation(dataset: Settings) -> Request:
    """Return what it asks for to make, read or download a data set."""
    inputs = inputs_of(dataset)
    count = inputs.train + inputs.test
    # A path and a label for each image that stays in its file.
    listed = count * 500 / MIB if inputs.in_files else 0
    waiting = 1800 if dataset.source == "torchvision" else 0
    return Request(_rounded(1000 + 6 * inputs.megabytes + 3 * listed), _minutes(waiting + 0.01 * count))


def _minutes(seconds: float) -> int:
    return min(START + ceil(2 * seconds / 60), LONGEST)


def _rounded(megabytes: float) -> int:
    return 100 * ceil(megabytes / 100)
