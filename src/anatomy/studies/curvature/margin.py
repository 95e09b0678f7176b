"""The margin of a decision boundary in the plane, as the paper estimates it, and as it is.

The paper's way: (i) a boundary representative x_b, an input whose gradient is along the top eigenvector,

    x_b = argmin_x (cos^2(g(x), v_1) - 1)^2,    by gradient descent from x ~ N(0, 1);

(ii) x_max and x_min, the training inputs of largest and smallest A_1; (iii) the margin is the smaller of
|x_max - x_b| and |x_min - x_b|. Nothing in (i) draws x_b to the boundary: across it g(x)/|g(x)| only changes
its sign. So its distance to the boundary is measured, and the same margin is computed for the point of the
boundary where |A_1| is largest; the smallest distance of any training input to the boundary is the margin
itself.
"""

from dataclasses import dataclass

import numpy as np
import torch

from anatomy.studies.curvature.alignment import alignments
from anatomy.studies.curvature.boundary import (
    Grid,
    as_inputs,
    boundary_points,
    class_map,
    sections,
)
from anatomy.studies.curvature.objective import Objective

RATE, DECAY, DROP_AFTER, DROP = 0.01, 0.001, 5_000, 0.1
STEPS = 20_000
# The point found lies on the boundary if it is no farther from it than this fraction of the margin.
CLOSE = 0.1


@dataclass(frozen=True)
class Margin:
    """The paper's estimate and what checks it; points are (d,), distances those of the inputs.

    `descended` is x_b by descent, `cosine` its cos^2, `off` its distance to the boundary, `estimate` the
    paper's margin; `representative` the point of the boundary of largest |A_1|, and `margin` the margin with
    it; `nearest` the smallest distance of a training input to the boundary.
    """

    descended: np.ndarray
    cosine: float
    off: float
    estimate: float
    representative: np.ndarray
    margin: float
    nearest: float
    largest: np.ndarray
    smallest: np.ndarray

    @property
    def on_boundary(self) -> bool:
        """Whether the point found by descent lies on the boundary."""
        return self.off <= CLOSE * self.estimate


def squared_cosine(objective: Objective, x: torch.Tensor, vector: torch.Tensor) -> torch.Tensor:
    """Return cos^2(g(x), v) of one input (1, ...) and a unit vector (P,), differentiable in x."""
    own = list(objective.parameters.values())
    logits = objective.network(x)
    loss = objective.total(logits, logits.argmax(1))
    parts = torch.autograd.grad(loss, own, create_graph=True)
    along = sum((part * v).sum() for part, v in zip(parts, objective.split(vector), strict=True))
    return along**2 / sum((part**2).sum() for part in parts)


def descend(
    objective: Objective, vector: np.ndarray, generator: torch.Generator, steps: int = STEPS
) -> tuple[np.ndarray, float]:
    """Return x_b (d,) and its cos^2, by `steps` of gradient descent, with the rates of the paper."""
    shape = objective.batches[0][0].shape[1:]
    direction = torch.from_numpy(np.array(vector)).to(objective.device, objective.dtype)
    x = torch.randn(1, *shape, generator=generator, dtype=objective.dtype).to(objective.device)
    x.requires_grad_()
    for step in range(steps):
        missing = (squared_cosine(objective, x, direction) - 1) ** 2
        (slope,) = torch.autograd.grad(missing, x)
        with torch.no_grad():
            x -= RATE * (DROP if step >= DROP_AFTER else 1) * (slope + DECAY * x)
    cosine = float(squared_cosine(objective, x, direction).detach())
    return x.detach().reshape(-1).cpu().numpy(), cosine


def measure_margin(
    objective: Objective,
    vector: np.ndarray,
    grid: Grid,
    generator: torch.Generator,
    steps: int = STEPS,
) -> Margin | None:
    """Return the margin of a network whose boundary crosses the grid, None if none does."""
    inputs = torch.cat(list(objective.inputs()))
    targets = objective.network(inputs).argmax(1)
    along = alignments(objective, inputs, targets, vector[:, None])[:, 0]
    data = inputs.reshape(len(inputs), -1).cpu().numpy()
    points = grid.points
    edges = sections(class_map(objective, points).reshape(grid.shape))
    if not edges:
        return None
    boundary = np.concatenate(boundary_points(objective, points, edges))
    there = as_inputs(boundary, objective)
    aligned = alignments(objective, there, objective.network(there).argmax(1), vector[:, None])[:, 0]
    representative = boundary[np.abs(aligned).argmax()]
    descended, cosine = descend(objective, vector, generator, steps)
    largest, smallest = data[along.argmax()], data[along.argmin()]

    def margin_at(point: np.ndarray) -> float:
        return float(min(np.linalg.norm(largest - point), np.linalg.norm(smallest - point)))

    return Margin(
        descended=descended,
        cosine=cosine,
        off=float(np.linalg.norm(boundary - descended, axis=1).min()),
        estimate=margin_at(descended),
        representative=representative,
        margin=margin_at(representative),
        nearest=float(np.linalg.norm(data[:, None] - boundary[None], axis=2).min()),
        largest=largest,
        smallest=smallest,
    )
