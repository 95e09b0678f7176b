"""Hyperplanes of a convolution: its matrix, and the cone of a filter around the identity line (section 2).

Every row of the matrix is the normal of one hyperplane in the space of the layer's input. The rows of a
filter whose receptive field lies inside the image share their cosine with the identity line (1, ..., 1),
equation 1; rows at the border lack the weights that fall on the padding.
"""

import numpy as np


def convolution_matrix(weight: np.ndarray, shape: tuple[int, int], padding: int) -> np.ndarray:
    """Return the matrix of a convolution with stride 1 and zero padding, (F r, C H W).

    `weight` is (F, C, k, k), `shape` the height H and width W of its input. Rows count filters, then
    the r receptive fields row by row; columns count channels, then pixels row by row.
    """
    filters, channels, size, _ = weight.shape
    height, width = shape
    rows, columns = (side + 2 * padding - size + 1 for side in shape)
    padded = (height + 2 * padding, width + 2 * padding)
    matrix = np.zeros((filters, rows, columns, channels, *padded))
    for row in range(rows):
        for column in range(columns):
            matrix[:, row, column, :, row : row + size, column : column + size] = weight
    inside = matrix[..., padding : padding + height, padding : padding + width]
    return inside.reshape(filters * rows * columns, channels * height * width)


def circulant(kernel: np.ndarray) -> np.ndarray:
    """Return the matrix of a cyclic single-channel filter with `kernel` (n,): each row is shifted by one."""
    return np.stack([np.roll(kernel, shift) for shift in range(len(kernel))])


def identity_cosines(matrix: np.ndarray) -> np.ndarray:
    """Return the cosine of each row with the identity line, equation 1 written out."""
    return matrix.sum(1) / (np.linalg.norm(matrix, axis=1) * np.sqrt(matrix.shape[1]))


def cone_edges(matrix: np.ndarray) -> np.ndarray:
    """Return the edges of the cone {x: matrix x >= 0} as unit columns, for a regular (n, n) matrix.

    Edge i lies on all hyperplanes but the i-th and on the positive side of that one.
    """
    edges = np.linalg.inv(matrix)
    return edges / np.linalg.norm(edges, axis=0)


def face_angle(normal: np.ndarray) -> float:
    """Return the angle in radians between the identity line and the hyperplane with this `normal` (n,).

    It is measured to the line's shadow on the hyperplane, and positive if (1, ..., 1) is on the
    positive side. Its sine is the cosine of equation 1.
    """
    unit = normal / np.linalg.norm(normal)
    height = unit.sum()
    shadow = np.ones_like(unit) - height * unit
    return float(np.arctan2(height, np.linalg.norm(shadow)))
