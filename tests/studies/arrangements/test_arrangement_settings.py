"""What the study makes of its own keys of the configuration."""

import pytest
from conftest import ROOT

from anatomy.runtime.schema import read_schemas
from anatomy.runtime.settings import Settings
from anatomy.studies.arrangements.settings import (
    drawable,
    epochs_read,
    pretrained_label,
    pretrained_networks,
    resets,
)

SCHEMA = read_schemas(ROOT / "workflow" / "schemas" / "config.schema.yaml")
STUDY = SCHEMA["properties"]["studies"]["properties"]["arrangements"]
MEASURED = SCHEMA["$defs"]["experiment"]["properties"]["arrangements"]


def networks(**entries):
    return pretrained_networks(Settings({"pretrained": entries}, STUDY), SCHEMA)


@pytest.mark.parametrize(
    ("network", "text"),
    [
        ({"architecture": "vgg19", "source": "torchvision"}, "VGG19, ImageNet (PyTorch)"),
        ({"architecture": "alexnet", "source": "matconvnet", "path": "x"}, "AlexNet, ImageNet (MatConvNet)"),
        ({"architecture": "alexnet", "source": "matconvnet", "path": "x", "label": "theirs"}, "theirs"),
    ],
)
def test_label_of_a_pretrained_network_names_its_publisher(network, text):
    assert pretrained_label(networks(net=network)["net"]) == text


def test_pretrained_networks_have_the_keys_of_their_source():
    found = networks(
        theirs={"source": "torchvision", "architecture": "vgg16"},
        zoo={"source": "matconvnet", "architecture": "alexnet", "path": "x.mat", "seed": 3},
    )
    assert list(found) == ["theirs", "zoo"]
    assert (found["theirs"].seed, found["zoo"].seed) == (0, 3)
    assert found["zoo"].homepage.startswith("https://")
    assert (found["zoo"].path, found["zoo"].sha256) == ("x.mat", None)
    assert "path" not in list(found["theirs"])
    # In the fingerprint stands what differs from the defaults.
    assert found["theirs"].stored() == {"source": "torchvision", "architecture": "vgg16"}


def test_pretrained_networks_can_be_drawn():
    own = {"net": {"source": "torchvision", "architecture": "vgg16"}}
    assert drawable(Settings({"pretrained": own}, STUDY)) == ["net"]
    assert drawable(Settings({}, STUDY)) == []


@pytest.mark.parametrize(
    ("keys", "expected", "epochs"),
    [
        ({}, True, (0,)),
        ({"epochs": []}, True, ()),
        ({"random": False}, True, (0,)),
        ({"epochs": [], "random": False}, False, ()),
        ({"epochs": [], "random": 0}, False, ()),
        ({"epochs": [2, 4], "random": 0}, True, (2, 4)),
    ],
)
def test_layers_are_reset_to_epochs_or_at_random(keys, expected, epochs):
    own = Settings({"reinitialise": keys}, MEASURED)
    assert resets(own) is expected
    assert epochs_read(own) == {"reinitialise.epochs": epochs}
