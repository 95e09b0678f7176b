"""The local measure against finite differences of the outputs themselves."""

import numpy as np
import pytest
import torch
from studies.invariance.small_networks import NAMES, batches, images, in_unit, labels, small
from torch import nn

from anatomy.data.normalisation import Normaliser
from anatomy.data.rotation import rotate
from anatomy.networks.build import build_network
from anatomy.networks.forward import intermediates, module_outputs
from anatomy.runtime.errors import InputError
from anatomy.runtime.streams import stream
from anatomy.studies.invariance.local import local_measure


@torch.no_grad()
def test_it_is_the_slope_of_the_outputs():
    """Of a network without kinks, along the straight line between an image turned left and turned right."""
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Tanh(), nn.Flatten(), nn.Linear(400, 3)).double()
    pixels = images().double() / 255
    names = {"map": "1", "out": "3"}
    found = local_measure(
        network, batches(pixels, labels()), names, lambda x: 2 * x - 1, ("mean", "max", "deviations")
    )
    step = torch.tensor(1.0, dtype=torch.float64)
    tangent = (rotate(pixels, step) - rotate(pixels, -step)) / (2 * np.deg2rad(1))
    ends = [module_outputs(network, 2 * (pixels + sign * 1e-6 * tangent) - 1, ["1", "3"]) for sign in (1, -1)]
    maps, out = ((ends[0][name] - ends[1][name]).numpy() / 2e-6 for name in ("1", "3"))
    outputs = np.abs(out).mean(0)
    np.testing.assert_allclose(
        found["mean"], [*np.abs(maps.mean((2, 3))).mean(0), *outputs], rtol=1e-6, atol=1e-9
    )
    np.testing.assert_allclose(
        found["deviations"], [*np.abs(maps).mean((0, 2, 3)), *outputs], rtol=1e-6, atol=1e-9
    )
    most = [(end["1"].amax((2, 3))).numpy() for end in ends]
    np.testing.assert_allclose(
        found["max"][:4], np.abs(most[0] - most[1]).mean(0) / 2e-6, rtol=1e-4, atol=1e-6
    )


def test_networks_of_the_paper_on_integers():
    """In-place units and layers of our own; integers are standardised as the same numbers."""
    network = build_network(
        "simple_conv", 4, 1, 0.25, stream(0, "initialisation"), "published", 0.01, (12, 12), {}, 0.0
    ).eval()
    names, pixels = intermediates(network, (1, 12, 12)), images()
    whole = Normaliser([0.3], [0.2], pixels.device)
    found = local_measure(network, batches(pixels, labels()), names, whole)["mean"]
    numbers = pixels.float()
    same = local_measure(network, batches(numbers, labels()), names, lambda x: (x / 255 - 0.3) / 0.2)["mean"]
    np.testing.assert_allclose(found, same, rtol=1e-3, atol=1e-6)
    assert (found[-4:] > 0).all() and network.c1act.inplace


def test_a_network_that_does_not_see_its_input_is_flat():
    network = small()
    with torch.no_grad():
        network.c1.weight.zero_()
    assert (local_measure(network, batches(images(), labels()), NAMES, in_unit)["mean"] == 0).all()


def test_no_images_are_refused():
    with pytest.raises(InputError, match="no images"):
        local_measure(small(), [], NAMES, in_unit)
