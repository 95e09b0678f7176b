"""What the study makes of its own keys of the configuration."""

import pytest

from anatomy.studies.arrangements.settings import pretrained_label


@pytest.mark.parametrize(
    ("network", "text"),
    [
        ({"architecture": "vgg19", "source": "torchvision"}, "VGG19, ImageNet (PyTorch)"),
        ({"architecture": "alexnet", "source": "matconvnet"}, "AlexNet, ImageNet (MatConvNet)"),
        ({"architecture": "alexnet", "source": "matconvnet", "label": "theirs"}, "theirs"),
    ],
)
def test_label_of_a_pretrained_network_names_its_publisher(network, text):
    assert pretrained_label(network) == text
