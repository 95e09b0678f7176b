"""The density of the spectrum where P is too large for all eigenvalues: stochastic Lanczos quadrature.

    phi(t) = 1/P sum_i delta(t - lambda_i) = E_v [ sum_j w_j delta(t - theta_j) ]

over random unit vectors v: theta_j and w_j are the eigenvalues of the tridiagonal matrix of m Lanczos steps
that start at v, and the squares of the first entries of its eigenvectors (Golub and Welsch 1969; Ghorbani,
Krishnan and Xiao 2019, An investigation into neural net optimization via Hessian eigenvalue density). The
first 2 m - 1 moments of each vector's measure are exact. All Lanczos vectors are kept orthogonal.
"""

from dataclasses import dataclass

import numpy as np
import scipy.linalg
import torch


@dataclass(frozen=True)
class Density:
    """Nodes (V, m) and weights (V, m) of V random vectors; the weights of each vector sum to 1.

    A vector whose steps ended early, in an invariant subspace, has weights of 0 at the end.
    """

    nodes: np.ndarray
    weights: np.ndarray

    def moment(self, power: int) -> float:
        """Return the mean of lambda^power over all eigenvalues."""
        return float((self.weights * self.nodes**power).sum(1).mean())

    def at(self, points: np.ndarray, width: float) -> np.ndarray:
        """Return the density at points (T,), each node a Gaussian of standard deviation `width`."""
        distances = (points[:, None] - self.nodes.reshape(-1)) / width
        kernel = np.exp(-(distances**2) / 2) / (width * np.sqrt(2 * np.pi))
        return kernel @ self.weights.reshape(-1) / len(self.nodes)


def lanczos(operator, start: np.ndarray, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Return diagonal (m,) and off-diagonal (m - 1,) of the tridiagonal matrix of m <= `steps` steps."""
    basis = np.empty((steps, len(start)))
    basis[0] = start / np.linalg.norm(start)
    diagonal, beside = [], []
    for step in range(steps):
        following = operator.products(basis[step][:, None])[:, 0]
        diagonal.append(following @ basis[step])
        for _ in range(2):
            following -= (basis[: step + 1] @ following) @ basis[: step + 1]
        length = np.linalg.norm(following)
        if step == steps - 1 or length <= 1e-12 * max(map(abs, diagonal)):
            break
        beside.append(length)
        basis[step + 1] = following / length
    return np.array(diagonal), np.array(beside)


def spectral_density(operator, vectors: int, steps: int, generator: torch.Generator) -> Density:
    """Return the density from `vectors` random vectors of `steps` Lanczos steps each (at most P)."""
    steps = min(steps, operator.size)
    nodes, weights = np.zeros((vectors, steps)), np.zeros((vectors, steps))
    for row in range(vectors):
        start = torch.randn(operator.size, generator=generator, dtype=torch.float64).numpy()
        values, first = scipy.linalg.eigh_tridiagonal(*lanczos(operator, start, steps))
        nodes[row, : len(values)], weights[row, : len(values)] = values, first[0] ** 2
    return Density(nodes, weights)
