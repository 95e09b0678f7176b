"""The trace of the Hessian, estimated from products with random vectors, with an interval.

    tr H = E[x' H x],    x_i = +1 or -1 at random

(Hutchinson 1990), or with the part of H in a random subspace computed exactly, Q an orthonormal basis of H S:

    tr H = tr(Q' H Q) + E[((I - Q Q') x)' H (I - Q Q') x]

(Hutch++: Meyer, Musco, Musco and Woodruff 2021). Which of both is better depends on how fast the spectrum
decays, and a pilot of a part of the products decides. One product serves every layer: x_l' (H x)_l has the
mean tr H_ll, since the entries of x are independent.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import t as student

from anatomy.reporting.statistics import LEVEL
from anatomy.runtime.errors import InputError
from anatomy.studies.curvature.objective import Block

FEWEST = 12
HUTCHINSON, HUTCH_PP = "hutchinson", "hutch++"


@dataclass(frozen=True)
class Estimate:
    """An estimate and its 95 % interval (Student's t over random vectors)."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Traces:
    """The trace of the whole matrix, by `method`, and of every layer's block, from the same `products`."""

    whole: Estimate
    layers: dict[str, Estimate]
    method: str
    products: int


def traces(
    operator,
    products: int,
    generator: torch.Generator,
    blocks: Sequence[Block] = (),
    method: str | None = None,
) -> Traces:
    """Estimate the trace of a matrix from `products` products, and those of its diagonal blocks.

    A third goes into the basis Q of Hutch++, a third into H Q, and the rest is decided by a pilot, unless
    `method` says so. `InputError` for fewer than 12.
    """
    if products < FEWEST:
        raise InputError(f"{products} products are too few for a trace; expected {FEWEST} or more")
    pilot = min(products // 4, operator.size)
    signs = _signs(operator.size, pilot, generator)
    images = operator.products(signs)
    probes, answers = [signs], [images]
    basis = np.linalg.qr(images)[0]
    curved = operator.products(basis)
    left = products - 2 * pilot
    first = left // 2
    probes.append(_signs(operator.size, first, generator))
    answers.append(operator.products(probes[1]))
    if method is None:
        plain = _samples(np.hstack(probes), np.hstack(answers))
        deflated = _deflated(probes[1], answers[1], basis, curved)
        errors = _error(plain, pilot + left), _error(deflated, left)
        method = HUTCHINSON if errors[0] <= errors[1] else HUTCH_PP
    probes.append(_signs(operator.size, left - first, generator))
    answers.append(operator.products(probes[2]))
    every, replies = np.hstack(probes), np.hstack(answers)
    if method == HUTCH_PP:
        # The first probes made the basis, so that they are not independent of it.
        remaining = _deflated(every[:, pilot:], replies[:, pilot:], basis, curved)
        whole = _estimate(remaining + np.sum(basis * curved))
    else:
        whole = _estimate(_samples(every, replies))
    layers = {
        block.layer: _estimate(_samples(every[block.entries], replies[block.entries])) for block in blocks
    }
    return Traces(whole, layers, method, products)


def _signs(size: int, count: int, generator: torch.Generator) -> np.ndarray:
    return 2.0 * torch.randint(2, (size, count), generator=generator).numpy() - 1


def _samples(probes: np.ndarray, images: np.ndarray) -> np.ndarray:
    """Return x' H x (K,) of probes x (P, K) and their images H x."""
    return (probes * images).sum(0)


def _deflated(probes: np.ndarray, images: np.ndarray, basis: np.ndarray, curved: np.ndarray) -> np.ndarray:
    """Return y' H y (K,) of y = (I - Q Q') x, from H x and H Q."""
    inside = basis.T @ probes
    return _samples(probes - basis @ inside, images - curved @ inside)


def _error(samples: np.ndarray, count: int) -> float:
    return float(samples.std(ddof=1) / np.sqrt(count))


def _estimate(samples: np.ndarray) -> Estimate:
    value, half = float(samples.mean()), _error(samples, len(samples))
    half *= float(student.ppf((1 + LEVEL) / 2, len(samples) - 1))
    return Estimate(value, value - half, value + half)
