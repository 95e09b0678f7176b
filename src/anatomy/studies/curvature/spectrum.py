"""The whole spectrum of the Hessian: all P eigenvalues, and projections on all eigenvectors.

Two ways, each a check of the other: a symmetric solver (LAPACK) on the whole matrix, for any network; and the
exact range, below, for a network that is piecewise linear in the parameters of its largest layer.

Let theta = (a, b), b the parameters of that layer. Where the network is piecewise linear in b (ReLU, max
pooling), second derivatives of the logits in b vanish, and

    H_bb = 1/N sum_n J_n' D_n J_n,    J_n = df(x_n)/db,    D_n = d2loss/df2

exactly. So the range of H lies in the span of all of a, of the columns of H_ba, and of the rows of
D_n^(1/2) J_n. With an orthonormal basis Q of the latter two (QR), H is

    [I 0; 0 Q]  [H_aa  H_ab Q; Q'H_ba  Q'H_bb Q]  [I 0; 0 Q]'

and 0 on everything orthogonal to it: a small symmetric problem, and the rest of the spectrum exactly 0.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.linalg
import torch

from anatomy.studies.curvature.gradients import chunk_of, logits_of, loss_curvatures, pullback
from anatomy.studies.curvature.hessian import Hessian, require_memory
from anatomy.studies.curvature.objective import Block

# An eigenvalue below this fraction of the largest magnitude is 0: two correct solvers differ there.
NULL = 1e-11
# Relative error of a product with a random vector, above which the exact range does not hold.
AGREEMENT = 1e-8


@dataclass(frozen=True)
class Spectrum:
    """Eigenvalues (M,), descending, and their eigenvectors.

    `zeros` further eigenvalues, P - M, are exactly 0. The eigenvectors are `inner` (M, M) in the basis:
    entries `rest` of theta are in it themselves, those of `block` by the columns of `basis`.
    """

    values: np.ndarray
    zeros: int
    inner: np.ndarray
    rest: np.ndarray
    block: slice
    basis: np.ndarray | None

    @property
    def all_values(self) -> np.ndarray:
        """All P eigenvalues, descending."""
        return np.sort(np.append(self.values, np.zeros(self.zeros)))[::-1]

    @property
    def is_null(self) -> np.ndarray:
        """Which of the M eigenvalues are 0 but for rounding."""
        return np.abs(self.values) <= NULL * np.abs(self.values).max(initial=0)

    def coordinates(self, vectors: np.ndarray) -> np.ndarray:
        """Return vectors (N, P) in the basis: (N, M)."""
        if self.basis is None:
            return vectors
        return np.hstack([vectors[:, self.rest], vectors[:, self.block] @ self.basis])

    def project(self, vectors: np.ndarray) -> np.ndarray:
        """Return the products (N, M) of vectors (N, P) with the M eigenvectors."""
        return self.coordinates(vectors) @ self.inner

    def layer_traces(self, blocks: Sequence[Block]) -> np.ndarray:
        """Return tr H_ll = sum_i lambda_i |v_i|^2 over the parameters of each layer (layers,)."""
        if self.basis is None:
            squares = (self.inner**2) @ self.values
            return np.array([squares[block.entries].sum() for block in blocks])
        squares = (self.inner**2) @ self.values
        outer = np.zeros(len(self.values) + self.zeros)
        outer[self.rest] = squares[: len(self.rest)]
        # The basis is orthonormal, and its columns lie in one layer.
        return np.array(
            [
                squares[len(self.rest) :].sum() if block.entries == self.block else outer[block.entries].sum()
                for block in blocks
            ]
        )

    def vectors(self, count: int) -> np.ndarray:
        """Return the first `count` eigenvectors (P, count)."""
        chosen = self.inner[:, :count]
        if self.basis is None:
            return chosen
        own = np.empty((len(self.values) + self.zeros, chosen.shape[1]))
        own[self.rest] = chosen[: len(self.rest)]
        own[self.block] = self.basis @ chosen[len(self.rest) :]
        return own


def whole_spectrum(hessian: Hessian) -> Spectrum:
    """Return the whole spectrum, by the exact range where it holds and is smaller, else by LAPACK.

    `InputError` if the matrices do not fit into memory.
    """
    block = max(hessian.objective.blocks, key=lambda block: block.stop - block.start)
    rest = hessian.size - (block.stop - block.start)
    if 2 * rest + _rank_bound(hessian) < hessian.size:
        found = exact_range(hessian, block)
        if found is not None:
            return found
    return solved(hessian)


def solved(hessian: Hessian) -> Spectrum:
    """Return the whole spectrum by LAPACK on the whole matrix."""
    values, vectors = scipy.linalg.eigh(hessian.matrix(), overwrite_a=True, check_finite=False, driver="evd")
    nothing = np.empty(0, int)
    return Spectrum(values[::-1], 0, vectors[:, ::-1], nothing, slice(0, 0), None)


def solved_values(hessian: Hessian) -> np.ndarray:
    """Return all eigenvalues, descending, by LAPACK, in a fifth of the time of the eigenvectors."""
    matrix = hessian.matrix(copies=2)
    return scipy.linalg.eigvalsh(matrix, overwrite_a=True, check_finite=False)[::-1]


def exact_range(hessian: Hessian, block: Block) -> Spectrum | None:
    """Return the whole spectrum by the exact range, `block` being b; None where it does not hold.

    It holds if H v equals the product of what was found for a random v.
    """
    objective = hessian.objective
    rest = np.r_[0 : block.start, block.stop : hessian.size]
    require_memory(block.stop - block.start, 1)
    unit = np.zeros((hessian.size, len(rest)))
    unit[rest, np.arange(len(rest))] = 1
    columns = hessian.products(unit)
    rows, signs = _curved_rows(hessian, block)
    basis, factors = scipy.linalg.qr(
        np.hstack([columns[block.entries], rows.T]),
        mode="economic",
        overwrite_a=True,
        check_finite=False,
    )
    of_rest, of_rows = factors[:, : len(rest)], factors[:, len(rest) :]
    corner = columns[rest]
    small = np.block([[(corner + corner.T) / 2, of_rest.T], [of_rest, (of_rows * signs) @ of_rows.T]])
    values, inner = scipy.linalg.eigh(small, overwrite_a=True, check_finite=False, driver="evd")
    zeros = hessian.size - len(values)
    found = Spectrum(values[::-1], zeros, inner[:, ::-1], rest, block.entries, basis)
    generator = torch.Generator().manual_seed(0)
    vector = torch.randn(hessian.size, generator=generator, dtype=objective.dtype).double().numpy()
    expected = hessian @ vector
    coefficients = found.values * found.project(vector[None])[0]
    inside = found.inner @ coefficients
    product = np.empty(hessian.size)
    product[rest], product[block.entries] = inside[: len(rest)], basis @ inside[len(rest) :]
    error = np.linalg.norm(product - expected)
    return found if error <= AGREEMENT * np.linalg.norm(expected) else None


def _rank_bound(hessian: Hessian) -> int:
    """Return the largest number of rows of D^(1/2) J."""
    objective = hessian.objective
    classes = objective.network(objective.batches[0][0][:1]).shape[1]
    return objective.count * classes


def _curved_rows(hessian: Hessian, block: Block) -> tuple[np.ndarray, np.ndarray]:
    """Return rows r_i (R, |b|) and signs s_i (R,) with H_bb = sum_i s_i r_i' r_i."""
    objective = hessian.objective
    found, signs = [], []
    for inputs, targets in objective.batches:
        curvatures = loss_curvatures(objective, logits_of(objective, inputs), targets)
        values, vectors = torch.linalg.eigh(curvatures / objective.count)
        kept = values.abs() > 1e-15 * values.abs().amax(1, keepdim=True)
        sample, number = kept.nonzero(as_tuple=True)
        weights = vectors[sample, :, number] * values[sample, number].abs().sqrt()[:, None]
        signs.append(values[sample, number].sign())
        parts = zip(*_chunks((inputs[sample], weights), chunk_of(objective.size)), strict=True)
        found += [pullback(objective, *part)[:, block.entries] for part in parts]
    return torch.cat(found).cpu().numpy(), torch.cat(signs).cpu().numpy()


def _chunks(tensors: Iterable[torch.Tensor], size: int) -> list[tuple[torch.Tensor, ...]]:
    return [tensor.split(size) for tensor in tensors]
