"""Released weights of networks trained on ImageNet: found, verified, and read as snapshots."""

import re
from collections.abc import Mapping
from dataclasses import replace
from http.client import HTTPException
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from anatomy.checkpoints.snapshots import Snapshot
from anatomy.checkpoints.torch_files import read_checkpoint
from anatomy.data.search_path import search_path
from anatomy.networks.catalogue import layout_of
from anatomy.networks.initialisation import initialise_layers
from anatomy.networks.layouts import geometry
from anatomy.runtime.errors import InputError
from anatomy.runtime.files import sha256_of
from anatomy.runtime.streams import stream
from anatomy.studies.arrangements.layers import checkpoint_layers, require_same

IMAGE_SHAPE = (3, 224, 224)
# (F, C / groups, k, k) of AlexNet as published in 2012, with two groups in layers 2, 4 and 5. That of
# torchvision is a later one, narrower and without groups.
ALEXNET_2012 = (
    (96, 3, 11, 11),
    (256, 48, 5, 5),
    (384, 256, 3, 3),
    (384, 192, 3, 3),
    (256, 192, 3, 3),
)


def official_url(architecture: str) -> str:
    """Return where torchvision's weights IMAGENET1K_V1 of a network are published, by its name here."""
    from anatomy.runtime.torchvision_import import models

    try:
        weights = models.get_model_weights(re.sub(r"^(vgg\d+)bn$", r"\1_bn", architecture))
        return weights.IMAGENET1K_V1.url
    except (ValueError, AttributeError) as error:
        raise InputError(
            f"torchvision has no weights of {architecture}; allowed: those of its networks"
        ) from error


def obtain(url: str) -> Path:
    """Return a verified file of the search path, downloading it to the first directory if it is in none.

    Its name ends in the beginning of its SHA-256, e.g. vgg16-397923af.pth; `InputError` if they differ.
    """
    name = url.rsplit("/", 1)[1]
    digits = re.fullmatch(r".*-([0-9a-f]{8,})\.pth", name)[1]
    candidates = [directory / name for directory in search_path()]
    for path in candidates:
        if path.is_file():
            verify(path, digits)
            return path
    path = candidates[0]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(path), digits, progress=False)
    except (OSError, RuntimeError, HTTPException) as error:
        raise InputError(
            f"{name} not found; looked for {', '.join(map(str, candidates))}, and the download from "
            f"{url} failed ({' '.join(str(error).split())}); try again, or put the file there"
        ) from error
    return path


def verify(path: Path, sha256: str) -> None:
    """Compare a file with its SHA-256, or with the beginning of it; `InputError` if they differ."""
    if not (found := sha256_of(path)).startswith(sha256):
        raise InputError(
            f"{path} has SHA-256 {found}, expected {sha256}{'…' if len(sha256) < 64 else ''}; "
            "the file is damaged or another one: remove it and get it again"
        )


def read_torchvision(path: Path, architecture: str, origin: Mapping[str, Any]) -> Snapshot:
    """Return the convolutions of a state dict of torchvision's `architecture`, measured at 224 px.

    Nothing but tensors is unpickled. `InputError` if the file holds anything else, or another network.
    """
    layers = checkpoint_layers(path, architecture, IMAGE_SHAPE, classes=1000)
    tensors = read_checkpoint(path).tensors
    names = [f"{layer.geometry.name}.{part}" for layer in layers for part in ("weight", "bias")]
    if layout_of(architecture) and (missing := [name for name in names if name not in tensors]):
        raise InputError(f"{path} has no {missing[0]}; expected a state dict of torchvision's {architecture}")
    arrays = {name: np.asarray(tensors[name], np.float32) for name in names if name in tensors}
    return Snapshot(arrays, [layer.geometry for layer in layers], origin)


def require_filters(path: Path, architecture: str, snapshot: Snapshot) -> None:
    """Compare the filters of a MatConvNet network with `architecture`; `InputError` names the first other."""
    found = {g.name: snapshot.arrays[f"{g.name}.weight"].shape for g in snapshot.layers}
    if architecture == "alexnet":
        shapes = ALEXNET_2012
    else:
        shapes = [shape for _, shape in geometry(layout_of(architecture), IMAGE_SHAPE)]
    # Layers are compared by position: MatConvNet has names of its own.
    names = [*found, *(f"layer {position}" for position in range(len(found) + 1, len(shapes) + 1))]
    require_same(path, architecture, found, dict(zip(names, shapes, strict=False)))


def redraw(snapshot: Snapshot, seed: int) -> Snapshot:
    """Return convolutions of the same shapes, drawn as the first of an experiment with this seed.

    torch takes F * k * k for the fan-out of a grouped convolution as well; the scale of a layer's
    weights does not change its cosines.
    """
    layers = {}
    for met in snapshot.layers:
        filters, channels, *kernel = snapshot.arrays[f"{met.name}.weight"].shape
        inputs = met.input_shape[0]
        options = {"kernel_size": kernel, "groups": inputs // channels}
        layers[met.name] = nn.utils.skip_init(nn.Conv2d, inputs, filters, **options)
    architecture, generator = snapshot.origin["architecture"], stream(seed, "initialisation")
    initialise_layers(layers.values(), architecture, 1.0, generator, "kaiming")
    arrays = {
        f"{name}.{part}": getattr(layer, part).detach().numpy()
        for name, layer in layers.items()
        for part in ("weight", "bias")
    }
    return replace(snapshot, arrays=arrays, origin={**snapshot.origin, "epoch": 0})
