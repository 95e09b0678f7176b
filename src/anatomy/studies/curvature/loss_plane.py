"""The loss on a plane through a minimum, spanned by two directions, e.g. the top eigenvectors.

L(theta + a u + b w)
"""

import numpy as np
import torch
from torch.func import vmap

from anatomy.studies.curvature.objective import Objective

# Parameters of networks that are held at a time.
HELD = 2**23


def loss_plane(objective: Objective, u: np.ndarray, w: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Return L (S, S) at a = steps (rows) and b = steps (columns) along directions u and w (P,)."""
    theta = objective.theta
    first, second = (torch.from_numpy(np.array(own)).to(theta) for own in (u, w))
    along = torch.from_numpy(np.array(steps)).to(theta)
    a, b = (grid.reshape(-1, 1) for grid in torch.meshgrid(along, along, indexing="ij"))
    losses = []
    with torch.no_grad():
        for some in torch.hstack([a, b]).split(max(1, HELD // objective.size)):
            points = theta + some @ torch.stack([first, second])
            total = torch.zeros(len(points), dtype=theta.dtype, device=theta.device)
            for inputs, targets in objective.batches:
                every = vmap(objective.logits, in_dims=(None, 0))(inputs, points)
                total += torch.stack([objective.loss(own, targets, reduction="sum") for own in every])
            losses.append(total / objective.count)
    return torch.cat(losses).reshape(len(along), len(along)).cpu().numpy()
