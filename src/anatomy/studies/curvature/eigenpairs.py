"""The largest eigenvalues of the Hessian, and their eigenvectors.

    H v_i = lambda_i v_i,    lambda_1 >= lambda_2 >= ...,    |v_i| = 1

by the implicitly restarted Lanczos method (ARPACK), from products with vectors alone. The sign of an
eigenvector is arbitrary: here its largest entry is positive.
"""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

from anatomy.runtime.errors import InputError

# A pair has converged if |H v - lambda v| is at most this fraction of |lambda| ...
TOLERANCE = 1e-6
# ... or, where an eigenvalue is 0 but for rounding, this fraction of the largest.
FLOOR = 1e-13


@dataclass(frozen=True)
class Pairs:
    """K eigenpairs: values (K,), descending; vectors (P, K); residuals |H v - lambda v| (K,).

    `converged` (K,) tells which residuals are small enough; the others are no eigenpairs.
    """

    values: np.ndarray
    vectors: np.ndarray
    residuals: np.ndarray
    converged: np.ndarray

    def require_converged(self) -> "Pairs":
        """Return the pairs; `InputError` names the first that has not converged."""
        if not self.converged.all():
            first = int(np.argmin(self.converged))
            raise InputError(
                f"eigenpair {first + 1} of {len(self.values)} has not converged: its residual is "
                f"{self.residuals[first]:.2g}, its value {self.values[first]:.2g}; ask for fewer pairs, "
                "or for the whole spectrum"
            )
        return self


def top_pairs(operator, k: int, seed: int = 0, tolerance: float = TOLERANCE, restarts: int = 300) -> Pairs:
    """Return the k largest eigenpairs of a `Hessian`, or of what has its `size` and `products`.

    The start is random, a function of `seed`. A pair that has not converged after `restarts` is marked.
    `InputError` if k is not one of 1 to P.
    """
    size = operator.size
    if not 1 <= k <= size:
        raise InputError(f"{k} eigenpairs are asked for; expected 1 to {size}, the number of parameters")
    if 3 * k > size or size <= 64:
        values, vectors = np.linalg.eigh(_symmetric(operator.products(np.eye(size))))
        return check_pairs(operator, values[::-1][:k], vectors[:, ::-1][:, :k], tolerance)
    linear = LinearOperator(
        (size, size), lambda v: operator.products(v.reshape(-1, 1))[:, 0], dtype=np.float64
    )
    start = torch.randn(size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).numpy()
    try:
        values, vectors = eigsh(linear, k, which="LA", v0=start, tol=tolerance / 10, maxiter=restarts)
    except ArpackNoConvergence as found:
        values, vectors = found.eigenvalues, found.eigenvectors.reshape(size, -1)
    order = np.argsort(values)[::-1]
    found = check_pairs(operator, values[order], vectors[:, order], tolerance)
    return found if len(values) == k else _with_missing(found, k)


def check_pairs(operator, values: np.ndarray, vectors: np.ndarray, tolerance: float = TOLERANCE) -> Pairs:
    """Return eigenpairs with their residuals, the signs of vectors fixed."""
    vectors = np.array(vectors, order="F")
    largest = vectors[np.abs(vectors).argmax(0), np.arange(vectors.shape[1])]
    vectors *= np.where(largest < 0, -1, 1)
    residuals = np.linalg.norm(operator.products(vectors) - vectors * values, axis=0)
    small = np.maximum(tolerance * np.abs(values), operator.size * FLOOR * np.abs(values).max(initial=0))
    return Pairs(np.array(values), vectors, residuals, residuals <= small)


def _with_missing(found: Pairs, k: int) -> Pairs:
    """Return k pairs of which the last are not there: marked rows of NaN."""
    missing = k - len(found.values)
    return Pairs(
        np.append(found.values, np.full(missing, np.nan)),
        np.hstack([found.vectors, np.full((len(found.vectors), missing), np.nan)]),
        np.append(found.residuals, np.full(missing, np.nan)),
        np.append(found.converged, np.zeros(missing, bool)),
    )


def _symmetric(matrix: np.ndarray) -> np.ndarray:
    return (matrix + matrix.T) / 2
