"""The curvature of each layer: top eigenvalue of its block H_ll, and its share of an eigenvector.

The share of layer l in the eigenvector v_i is the sum of v_i^2 over the parameters of l; over all layers the
shares sum to 1.
"""

from collections.abc import Sequence

import numpy as np

from anatomy.studies.curvature.eigenpairs import Pairs, top_pairs
from anatomy.studies.curvature.objective import Block


class DiagonalBlock:
    """The block H_ll of a matrix that is known by its products."""

    def __init__(self, operator, block: Block):
        self.operator, self.block = operator, block

    @property
    def size(self) -> int:
        """The number of parameters of the layer."""
        return self.block.stop - self.block.start

    def products(self, vectors: np.ndarray) -> np.ndarray:
        """Return H_ll V of vectors (P_l, K)."""
        whole = np.zeros((self.operator.size, vectors.shape[1]))
        whole[self.block.entries] = vectors
        return self.operator.products(whole)[self.block.entries]


def top_of_layers(operator, blocks: Sequence[Block], seed: int = 0) -> dict[str, Pairs]:
    """Return the largest eigenpair of every layer's block."""
    return {block.layer: top_pairs(DiagonalBlock(operator, block), 1, seed) for block in blocks}


def layer_shares(vectors: np.ndarray, blocks: Sequence[Block]) -> np.ndarray:
    """Return the share (layers, K) of every layer in eigenvectors (P, K)."""
    return np.array([(vectors[block.entries] ** 2).sum(0) for block in blocks])
