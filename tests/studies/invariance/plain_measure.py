"""The measure of all activations, kept, with numpy in float64: what the study is held against."""

import numpy as np
import torch


def activations(network, images, names, rotations, normalise, aggregate):
    """Aggregated outputs (R, N, units) of every image under every rotation, of all layers."""
    generator = rotations.generator()
    jitter = torch.rand(len(images), rotations.count, generator=generator, dtype=torch.float64).numpy()
    kept = []
    for k in range(rotations.count):
        angle = -180 + k * 360 / rotations.count
        turned = torch.stack(
            [
                rotations.apply(
                    image[None], torch.tensor([angle + rotations.jitter * (2 * jitter[n, k] - 1)])
                )[0]
                for n, image in enumerate(images)
            ]
        )
        found = {}
        hooks = [
            module.register_forward_hook(
                lambda m, i, o, name=name, found=found: found.__setitem__(name, o.clone())
            )
            for name, module in network.named_modules()
            if name in names
        ]
        with torch.no_grad():
            network(normalise(turned))
        for hook in hooks:
            hook.remove()
        outputs = [found[name].double().numpy() for name in names]
        kept.append(np.concatenate([aggregate(o) if o.ndim > 2 else o for o in outputs], 1))
    return np.stack(kept)


AGGREGATE = {
    "sum": lambda maps: maps.sum((2, 3)),
    "mean": lambda maps: maps.mean((2, 3)),
    "max": lambda maps: maps.max((2, 3)),
}


def deviations(values):
    """V and B (units,) of activations (R, N, units)."""
    return values.std(0, ddof=1).mean(0), values.std(1, ddof=1).mean(0)
