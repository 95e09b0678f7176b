"""How gradients of single inputs align with eigenvectors, and what is counted of it.

    A_i(x) = <g(x), v_i> / |g(x)|   in [-1, 1],   0 where |g(x)| <= 1e-20

and the measure of generalisation, lower for a simpler boundary:

    G(eps) = 1/P #{ i : max_x |A_i(x)| >= eps }

The maximum is over the training inputs; the authors' analysis script takes the mean in its place. A random
direction r in R^P gives the threshold: eps_k = max_x |<g(x), r_k>| / |g(x)| of Gaussian unit vectors r_1 to
r_5, eps_min the smallest, eps_avg the mean of them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch

from anatomy.studies.curvature.gradients import sample_gradients
from anatomy.studies.curvature.objective import Objective
from anatomy.studies.curvature.spectrum import Spectrum

# A gradient of at most this length has no direction.
NO_GRADIENT = 1e-20
RANDOM_DIRECTIONS = 5
# The authors' smallest threshold: at the noise of a symmetric solver in float32.
FIXED = 1e-6


def cosines(
    objective: Objective,
    inputs: torch.Tensor,
    targets: torch.Tensor,
    project: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray:
    """Return <g(x), u_i> / |g(x)| (N, K); `project` maps gradients (B, P) to products with K directions."""
    found = []
    for gradients in sample_gradients(objective, inputs, targets):
        own = gradients.cpu().numpy()
        lengths = np.linalg.norm(own, axis=1, keepdims=True)
        defined = lengths > NO_GRADIENT
        found.append(np.where(defined, project(own) / np.where(defined, lengths, 1), 0.0))
    return np.concatenate(found)


def alignments(
    objective: Objective, inputs: torch.Tensor, targets: torch.Tensor, vectors: np.ndarray
) -> np.ndarray:
    """Return A_i(x) (N, K) of inputs and the classes whose loss is differentiated, for vectors (P, K)."""
    return cosines(objective, inputs, targets, lambda own: own @ vectors)


def random_directions(size: int, generator: torch.Generator, count: int = RANDOM_DIRECTIONS) -> np.ndarray:
    """Return `count` random unit vectors (size, count), uniform over directions."""
    drawn = torch.randn(size, count, generator=generator, dtype=torch.float64).numpy()
    return drawn / np.linalg.norm(drawn, axis=0)


def random_thresholds(along: np.ndarray) -> dict[str, float]:
    """Return eps_min and eps_avg of the cosines (N, K) of gradients with K random directions."""
    largest = np.abs(along).max(0)
    return {"eps_min": float(largest.min()), "eps_avg": float(largest.mean())}


@dataclass(frozen=True)
class Generalisation:
    """G at one threshold: over all P eigenvectors, and over those whose eigenvalue is not 0.

    In the null space any basis is one of eigenvectors, so that two correct solvers count differently there.
    `mean` takes the mean over inputs of |A_i| in place of the maximum.
    """

    threshold: float
    everywhere: float
    curved: float
    mean: float


def generalisation(
    spectrum: Spectrum, along: np.ndarray, thresholds: Mapping[str, float]
) -> dict[str, Generalisation]:
    """Return G at every named threshold from alignments (N, M) with the eigenvectors of a spectrum.

    Eigenvectors beyond those M are orthogonal to all gradients if the spectrum is that of the exact range.
    """
    size = len(spectrum.values) + spectrum.zeros
    largest, mean = np.abs(along).max(0), np.abs(along).mean(0)
    curved = ~spectrum.is_null
    return {
        name: Generalisation(
            threshold,
            float((largest >= threshold).sum() / size),
            float((largest[curved] >= threshold).sum() / size),
            float((mean[curved] >= threshold).sum() / size),
        )
        for name, threshold in thresholds.items()
    }


def coherence(gradients: np.ndarray) -> np.ndarray:
    """Return the cosines (N, N) between gradients (N, P); 0 for one without a direction."""
    lengths = np.linalg.norm(gradients, axis=1, keepdims=True)
    unit = np.where(lengths > NO_GRADIENT, gradients / np.where(lengths > NO_GRADIENT, lengths, 1), 0)
    return unit @ unit.T
