"""The Hessian of the training loss, H = d2 L / d theta2, as products with vectors and as a matrix.

    H v = d/d theta <dL/d theta, v>

(Pearlmutter 1994, Fast exact multiplication by the Hessian). The graph of the gradient is built once and kept
if the data are one batch; of several batches one graph at a time is kept, for all vectors of a call.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from anatomy.runtime.errors import InputError
from anatomy.studies.curvature.objective import Objective

# A symmetric solver holds the matrix, its eigenvectors and a workspace of twice its size.
COPIES = 4
MEMORY = Path("/proc/meminfo")


class Hessian:
    """The P x P Hessian of an objective; `@` and `products` multiply it with vectors of numpy."""

    def __init__(self, objective: Objective):
        self.objective = objective
        self._graph: list[torch.Tensor] | None = None

    @property
    def size(self) -> int:
        """The number of parameters P."""
        return self.objective.size

    def _graphs(self) -> Iterator[list[torch.Tensor]]:
        if len(self.objective.batches) > 1:
            yield from map(self.objective.gradient_graph, self.objective.batches)
            return
        if self._graph is None:
            self._graph = self.objective.gradient_graph(self.objective.batches[0])
        yield self._graph

    def products(self, vectors: np.ndarray) -> np.ndarray:
        """Return H V (P, K) of K vectors (P, K)."""
        columns = torch.from_numpy(np.ascontiguousarray(vectors.T))
        columns = columns.to(self.objective.device, self.objective.dtype)
        total = torch.zeros_like(columns)
        own = list(self.objective.parameters.values())
        for gradients in self._graphs():
            # Where the loss is linear in a parameter, its gradient is a constant.
            curved = [index for index, gradient in enumerate(gradients) if gradient.requires_grad]
            if not curved:
                continue
            outputs = [gradients[index] for index in curved]
            for row, column in zip(total, columns, strict=True):
                parts = self.objective.split(column)
                found = torch.autograd.grad(
                    outputs,
                    own,
                    [parts[index] for index in curved],
                    retain_graph=True,
                    materialize_grads=True,
                )
                row += torch.cat([part.reshape(-1) for part in found])
        return total.cpu().numpy().T

    def __matmul__(self, vector: np.ndarray) -> np.ndarray:
        """Return H v (P,) of a vector (P,)."""
        return self.products(np.reshape(vector, (-1, 1)))[:, 0]

    def matrix(self, copies: int = COPIES, memory: int | None = None) -> np.ndarray:
        """Return H (P, P), symmetric to the last bit.

        `InputError` if `copies` matrices of this size do not fit into `memory` bytes, by default what is
        free: it says what they would take and what to use.
        """
        require_memory(self.size, copies, memory)
        rows = np.empty((self.size, self.size))
        block = 64
        for start in range(0, self.size, block):
            stop = min(start + block, self.size)
            unit = np.zeros((self.size, stop - start))
            unit[np.arange(start, stop), np.arange(stop - start)] = 1
            rows[start:stop] = self.products(unit).T
        for start in range(0, self.size, 512):
            stop = min(start + 512, self.size)
            rows[start:stop, :stop] = (rows[start:stop, :stop] + rows[:stop, start:stop].T) / 2
            rows[:stop, start:stop] = rows[start:stop, :stop].T
        return rows


def require_memory(size: int, copies: int = COPIES, memory: int | None = None) -> None:
    """Raise `InputError` if `copies` matrices of `size` x `size` do not fit into `memory` bytes."""
    needed = 8 * copies * size**2
    free = _free_memory() if memory is None else memory
    if needed > free:
        raise InputError(
            f"the whole Hessian of {size} parameters and its solver take {needed / 2**30:.1f} GiB, "
            f"{free / 2**30:.1f} are free; use the top eigenpairs, or `spectrum: density`"
        )


def _free_memory() -> int:
    """Return what a process can take without swapping, in bytes; the whole memory where Linux is not."""
    if MEMORY.is_file():
        for line in MEMORY.read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
