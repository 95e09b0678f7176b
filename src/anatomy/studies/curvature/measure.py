"""The curvature of a finished run: eigenpairs, spectrum, layers, alignments, boundary, margin.

`facts` has numbers by name, for every epoch that is asked for; arrays, of the end of the run, are in `pairs`
(eigenpairs) and `arrays` (maps, spectra and what else figures draw).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from sklearn.manifold import TSNE

from anatomy.data.batches import evaluation_batch
from anatomy.runtime.errors import InputError
from anatomy.runtime.settings import Settings
from anatomy.runtime.streams import stream, stream_seed
from anatomy.studies.curvature.alignment import (
    FIXED,
    alignments,
    cosines,
    generalisation,
    random_directions,
    random_thresholds,
)
from anatomy.studies.curvature.boundary import (
    Grid,
    as_inputs,
    boundary_pixels,
    class_map,
    jumps,
    reconstruction,
    sections,
)
from anatomy.studies.curvature.density import spectral_density
from anatomy.studies.curvature.eigenpairs import check_pairs, top_pairs
from anatomy.studies.curvature.gradients import logits_of, sample_gradients, targets_of
from anatomy.studies.curvature.hessian import Hessian
from anatomy.studies.curvature.layer_curvature import layer_shares, top_of_layers
from anatomy.studies.curvature.loss_plane import loss_plane
from anatomy.studies.curvature.margin import measure_margin
from anatomy.studies.curvature.objective import Batch, Objective
from anatomy.studies.curvature.outliers import FRACTIONS, outliers
from anatomy.studies.curvature.reparametrisation import reparametrised
from anatomy.studies.curvature.spectrum import whole_spectrum
from anatomy.studies.curvature.trace import FEWEST, traces
from anatomy.training.losses import minimised
from anatomy.training.trained import TrainedRun

# Directions of maps, as many as the paper draws at most.
MAPPED = 7
# Networks with at most so many parameters have their eigenvectors and gradients written out.
WRITTEN_OUT = 200
# Half of the side of the loss plane, and points along it.
PLANE, PLANE_POINTS = 1.0, 100
DENSITY_VECTORS, DENSITY_STEPS = 6, 80
EMBEDDING_SEED = 42
WHOLE, DENSITY = "whole", "density"


@dataclass
class Measured:
    """What was measured of a run: numbers, and arrays by name."""

    facts: dict[str, Any]
    pairs: dict[str, np.ndarray] = field(default_factory=dict)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)


def measure_run(run: TrainedRun, own: Settings, limits: Sequence[Sequence[float]] = ()) -> Measured:
    """Measure a run at the epochs of its settings `own` of this study, and more at its end.

    `limits` are lowest and highest value along each axis of the maps; none are made without.
    """
    last, batches = run.settings.epochs, training_batches(run, own.inputs, own.batch)
    measured = Measured({"experiment": run.facts["experiment"], "seed": run.seed, "epochs": []})
    for epoch in sorted({*own.epochs, last}):
        network = NetworkCurvature(run.network(epoch), batches, run, own)
        measured.facts["epochs"].append({"epoch": epoch, **network.numbers()})
    measured.facts |= network.sizes() | {"test_accuracy": network.test_accuracy()}
    pairs = network.pairs
    # A file of safetensors has the entries as they lie in memory.
    measured.pairs = {name: np.ascontiguousarray(value) for name, value in asdict(pairs).items()}
    measured.pairs["converged"] = pairs.converged.astype(np.uint8)
    measured.arrays = network.spectrum_arrays() | network.of_inputs() | network.written_out()
    measured.facts["reparametrisation"] = network.reparametrisation()
    if own.loss_plane:
        u, w = pairs.vectors[:, :2].T
        steps = np.linspace(-PLANE, PLANE, PLANE_POINTS)
        measured.arrays["plane"] = loss_plane(network.objective, u, w, steps)
    if limits and own.maps:
        grid = Grid(tuple(map(tuple, limits)), own.maps)
        arrays, found = network.maps(grid)
        measured.arrays |= arrays
        measured.facts["sections"] = found
        measured.facts["margin"] = network.margin(grid)
    return measured


def training_batches(run: TrainedRun, first: int | None = None, batch: int = 1024) -> list[Batch]:
    """Return the training inputs as the network sees them, not augmented, and labels with their noise.

    They are the `first` so many, or all, in batches of `batch`. `InputError` names a class of which there
    is none.
    """
    images, labels = run.task.train
    counts = torch.bincount(labels, minlength=run.task.classes).tolist()
    if 0 in counts:
        name = run.task.dataset.classes[counts.index(0)]
        raise InputError(
            f"experiment {run.facts['experiment']}: none of its {len(labels)} training inputs is of class "
            f"{name}, so that it has no boundary to learn; expected some of every class: hold out fewer "
            "(`validation_fraction`), or list the other `classes` of the data set"
        )
    size = evaluation_batch(images.shape)
    inputs = torch.cat([run.task.normalise(part) for part in images.plain(size)])
    return list(zip(inputs[:first].split(batch), labels[:first].split(batch), strict=True))


class NetworkCurvature:
    """What is measured of one network of a run; everything is a function of weights, data and seed."""

    def __init__(self, network: torch.nn.Module, batches: list[Batch], run: TrainedRun, own: Settings):
        self.run, self.own = run, own
        self.objective = Objective(network, batches, minimised(run.settings.loss))
        self.hessian = Hessian(self.objective)
        self.inputs = torch.cat([inputs for inputs, _ in self.objective.batches])
        self.labels = torch.cat([targets for _, targets in self.objective.batches])
        self.logits = logits_of(self.objective, self.inputs)
        self.targets = self.chosen(self.logits, self.labels)
        k = min(own.eigenpairs, self.hessian.size)
        self.spectrum = whole_spectrum(self.hessian) if own.spectrum == WHOLE else None
        if self.spectrum is None:
            self.pairs = top_pairs(self.hessian, k, stream_seed(run.seed, "eigenpairs"))
        else:
            # Lanczos iterations take long where the k-th eigenvalue is 0 but for rounding.
            self.pairs = check_pairs(self.hessian, self.spectrum.values[:k], self.spectrum.vectors(k))
        self.along = self.aligned(self.inputs, self.targets, self.pairs.vectors)

    def stream(self, purpose: str) -> torch.Generator:
        """Return random numbers of this study for one purpose."""
        return stream(self.run.seed, "curvature", purpose)

    def chosen(self, logits: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        """Return the classes (N,) whose loss is differentiated at inputs."""
        own = self.own
        return targets_of(own.gradient, logits, labels, own.gradient_class, self.stream("classes"))

    def aligned(self, inputs: torch.Tensor, targets: torch.Tensor, vectors: np.ndarray) -> np.ndarray:
        """Return the alignments (N, K) of inputs with vectors (P, K)."""
        return alignments(self.objective, inputs, targets, vectors)

    def sizes(self) -> dict[str, Any]:
        """Return how large the network and its data are."""
        return {
            "parameters": self.hessian.size,
            "inputs": self.objective.count,
            "classes": self.logits.shape[1],
            "test_inputs": len(self.run.task.test[1]),
        }

    def numbers(self) -> dict[str, Any]:
        """Return what is measured at every epoch."""
        objective, pairs, blocks = self.objective, self.pairs, self.objective.blocks
        products = max(self.own.products, FEWEST)
        estimated = traces(self.hessian, products, self.stream("trace"), blocks)
        layers = {
            block.layer: {
                "parameters": block.stop - block.start,
                "trace": asdict(estimated.layers[block.layer]),
                "top": _listed(top.values)[0],
                "shares": _listed(shares),
            }
            for block, top, shares in zip(
                blocks,
                top_of_layers(self.hessian, blocks).values(),
                layer_shares(pairs.vectors, blocks),
                strict=True,
            )
        }
        every = pairs.values if self.spectrum is None else self.spectrum.values
        trace, method = asdict(estimated.whole), estimated.method
        if self.spectrum is not None:
            trace, method = _exactly(self.spectrum.values.sum()), "exact"
            for block, value in zip(blocks, self.spectrum.layer_traces(blocks), strict=True):
                layers[block.layer]["trace"] = _exactly(value)
        return {
            "loss": objective.value,
            "train_accuracy": float((self.logits.argmax(1) == self.labels).double().mean()),
            "eigenvalues": _listed(pairs.values),
            "residuals": _listed(pairs.residuals),
            "converged": pairs.converged.tolist(),
            "largest": _listed(np.abs(self.along).max(0)),
            "mean": _listed(np.abs(self.along).mean(0)),
            "outliers": {f"{fraction:g}": outliers(every, fraction) for fraction in FRACTIONS},
            "trace": trace,
            "trace_method": method,
            "layers": layers,
            **self.thresholds(),
        }

    def thresholds(self) -> dict[str, Any]:
        """Return the thresholds of G and, of a whole spectrum, G."""
        directions = random_directions(self.hessian.size, self.stream("directions"))
        found = random_thresholds(self.aligned(self.inputs, self.targets, directions))
        thresholds = {"fixed": FIXED, **found}
        if self.spectrum is None:
            return {"thresholds": thresholds, "generalisation": {}}
        along = cosines(self.objective, self.inputs, self.targets, self.spectrum.project)
        measures = generalisation(self.spectrum, along, thresholds)
        return {
            "thresholds": thresholds,
            "generalisation": {name: asdict(own) for name, own in measures.items()},
        }

    def test_accuracy(self) -> float:
        """Return the accuracy on the test part."""
        images, labels = self.run.task.test
        size = evaluation_batch(images.shape)
        right = [
            (logits_of(self.objective, self.run.task.normalise(part)).argmax(1) == target).sum()
            for part, target in zip(images.plain(size), labels.split(size), strict=True)
        ]
        return float(sum(right)) / len(labels)

    def spectrum_arrays(self) -> dict[str, np.ndarray]:
        """Return eigenvalues and the fraction of the spectrum that each stands for."""
        size = self.hessian.size
        if self.spectrum is not None:
            curved = self.spectrum.values[~self.spectrum.is_null]
            values = np.append(curved, 0.0)
            weights = np.append(np.full(len(curved), 1 / size), 1 - len(curved) / size)
        elif self.own.spectrum == DENSITY:
            found = spectral_density(self.hessian, DENSITY_VECTORS, DENSITY_STEPS, self.stream("density"))
            values, weights = found.nodes.reshape(-1), found.weights.reshape(-1) / len(found.nodes)
        else:
            values, weights = self.pairs.values, np.full(len(self.pairs.values), 1 / size)
        return {"spectrum_values": values, "spectrum_weights": weights}

    def of_inputs(self) -> dict[str, np.ndarray]:
        """Return alignment, label, prediction and place of every training input."""
        data = self.inputs.reshape(len(self.inputs), -1).cpu().numpy()
        if data.shape[1] > 2:
            embeds = self.own.embedding
            data = TSNE(random_state=EMBEDDING_SEED).fit_transform(data) if embeds else data[:, :0]
        return {
            "inputs_along": self.along,
            "inputs_label": self.labels.cpu().numpy(),
            "inputs_predicted": self.logits.argmax(1).cpu().numpy(),
            "inputs_place": data.astype(np.float64),
        }

    def written_out(self) -> dict[str, np.ndarray]:
        """Return the eigenvectors of a network that is small enough to draw them."""
        return {"vectors": self.pairs.vectors[:, :MAPPED]} if self.hessian.size <= WRITTEN_OUT else {}

    def maps(self, grid: Grid) -> tuple[dict[str, np.ndarray], list[dict[str, Any]]]:
        """Return what is measured on a grid of inputs, and the jumps of alignments across the boundary."""
        points = grid.points
        inputs = as_inputs(points, self.objective)
        logits = logits_of(self.objective, inputs)
        classes = class_map(self.objective, points)
        directions = random_directions(self.hessian.size, self.stream("directions"))
        drawn = self.pairs.vectors[:, :MAPPED]
        targets = logits.argmax(1)
        along = self.aligned(inputs, targets, np.hstack([drawn, directions]))
        of_pairs, of_random = along[:, : drawn.shape[1]], along[:, drawn.shape[1] :]
        arrays = {
            "map_points": points,
            "map_classes": classes,
            "map_boundary": boundary_pixels(classes.reshape(grid.shape)).reshape(-1).astype(np.uint8),
            "map_logits": logits.cpu().numpy(),
            "map_along": of_pairs,
            "map_random": of_random[:, :1],
            "map_reconstruction": reconstruction(self.pairs.values[: drawn.shape[1]], of_pairs),
        }
        if self.hessian.size <= WRITTEN_OUT:
            gradients = torch.cat([*sample_gradients(self.objective, inputs, targets)]).cpu().numpy()
            lengths = np.linalg.norm(gradients, axis=1, keepdims=True)
            arrays["map_gradients"] = gradients / np.maximum(lengths, np.finfo(float).tiny)
        names = [
            *map(str, range(1, drawn.shape[1] + 1)),
            *[f"random-{r + 1}" for r in range(of_random.shape[1])],
        ]
        found = [
            {
                "classes": "-".join(map(str, section.classes)),
                "edges": len(section.one),
                "direction": name,
                "jump": float(jump),
            }
            for section in sections(classes.reshape(grid.shape))
            for name, jump in zip(names, jumps(section, along), strict=True)
        ]
        return arrays, found

    def margin(self, grid: Grid) -> dict[str, Any] | None:
        """Return the margin of a boundary in the plane; None if it is not asked for or there is none."""
        if not self.own.margin_steps or len(grid.limits) != 2:
            return None
        steps, vector = self.own.margin_steps, self.pairs.vectors[:, 0]
        found = measure_margin(self.objective, vector, grid, self.stream("margin"), steps)
        if found is None:
            return None
        listed = {
            name: value.tolist() if isinstance(value, np.ndarray) else value
            for name, value in asdict(found).items()
        }
        return {**listed, "on_boundary": found.on_boundary}

    def reparametrisation(self) -> list[dict[str, Any]]:
        """Return eigenvalues before and after, and how alignments of inputs before and after correlate."""
        if not self.own.reparametrise:
            return []
        other = reparametrised(self.objective.network, self.own.reparametrise)
        objective = Objective(other, self.objective.batches, self.objective.loss)
        count = min(MAPPED, self.hessian.size)
        pairs = top_pairs(Hessian(objective), count, stream_seed(self.run.seed, "eigenpairs"))
        along = alignments(objective, self.inputs, self.targets, pairs.vectors)
        return [
            {
                "index": index + 1,
                "before": float(self.pairs.values[index]),
                "after": float(pairs.values[index]),
                "correlation": correlation(self.along[:, index], along[:, index]),
            }
            for index in range(count)
        ]


def correlation(one: np.ndarray, other: np.ndarray) -> float | None:
    """Return the magnitude of Pearson's correlation; None where one of both is constant."""
    if not (one.std() and other.std()):
        return None
    return float(abs(np.corrcoef(one, other)[0, 1]))


def _listed(values: np.ndarray) -> list[float | None]:
    """Return numbers for a file; None for those of a pair that has not converged."""
    return [None if np.isnan(value) else float(value) for value in values]


def _exactly(value: float) -> dict[str, float]:
    return dict.fromkeys(("value", "low", "high"), float(value))
