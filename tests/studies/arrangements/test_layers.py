"""Layers of checkpoints and modules: which there are, and files of another network."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from anatomy.networks.build import network_shape
from anatomy.runtime.errors import InputError
from anatomy.runtime.torchvision_import import models
from anatomy.studies.arrangements.layers import (
    checkpoint_layers,
    expected_layers,
    module_layers,
    require_same,
)

# One of each family.
FAMILIES = (
    *("convnext_tiny", "densenet121", "efficientnet_b0", "efficientnet_v2_s", "googlenet", "inception_v3"),
    *("maxvit_t", "mnasnet1_0", "mobilenet_v2", "mobilenet_v3_small", "regnet_x_400mf", "regnet_y_400mf"),
    *("resnet18", "resnet50", "wide_resnet50_2", "resnext50_32x4d", "shufflenet_v2_x1_0", "squeezenet1_1"),
    *("swin_t", "swin_v2_t", "vgg11_bn", "vit_b_16"),
)


@pytest.mark.parametrize("architecture", ["vit_b_32", "swin_t", "swin_v2_t", "maxvit_t", "convnext_tiny"])
def test_layers_are_the_same_with_and_without_images(architecture):
    network = network_shape(architecture, 3, 3).to_empty(device="cpu")
    for indices in network.buffers():
        indices.zero_()
    expected = {n: m for n, m in network.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)}
    for image_shape in (None, (3, 224, 224)):
        layers = module_layers(network, image_shape, True)
        assert {layer.geometry.name for layer in layers} == set(expected)
    linear = [layer.geometry for layer in layers if layer.layer_type == "linear"]
    assert all(g.input_shape == (expected[g.name].in_features,) for g in linear)
    assert len({(layer.geometry.stage, layer.geometry.block) for layer in layers}) == len(layers)


@pytest.mark.parametrize("architecture", FAMILIES)
def test_weights_of_torchvisions_networks_are_theirs(architecture):
    """As many parameters as torchvision publishes, and every weight of a file is expected and met."""
    network = network_shape(architecture, 1000, 3)
    published = models.get_model_weights(architecture).DEFAULT.meta["num_params"]
    if architecture == "inception_v3":
        with torch.device("meta"):
            published -= sum(p.numel() for p in models.inception.InceptionAux(768, 1000).parameters())
    assert sum(parameter.numel() for parameter in network.parameters()) == published
    found = {
        name.removesuffix(".weight"): tuple(value.shape)
        for name, value in network.state_dict().items()
        if name.endswith(".weight") and value.ndim > 1
    }
    geometries, expected = expected_layers(architecture, (3, 224, 224), 1.0, 1000)
    require_same(Path("x.pt"), architecture, found, expected)
    assert {geometry.name for geometry in geometries} == set(expected)
    found["other"] = (3, 3)
    with pytest.raises(InputError, match=f"is not a {architecture}: it also has a convolution other"):
        require_same(Path("x.pt"), architecture, found, expected)


@pytest.mark.parametrize("name", ["swin_t", "squeezenet1_1", "convnext_tiny"])
def test_files_with_any_number_of_classes(name, tmp_path):
    network = network_shape(name, 7, 3).to_empty(device="cpu")
    save_file(network.state_dict(), tmp_path / "x.safetensors")
    layers = checkpoint_layers(tmp_path / "x.safetensors", name, with_linear=True)
    assert len(layers[-1].weight) == 7
    with pytest.raises(InputError, match="tells 7 classes apart"):
        checkpoint_layers(tmp_path / "x.safetensors", name, classes=10)


def test_every_head_has_as_many_outputs_as_the_last(tmp_path, monkeypatch):
    class TwoHeads(nn.Module):
        def __init__(self, classes):
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)
            self.first, self.second = nn.Linear(4, classes), nn.Linear(4, classes)

        def forward(self, images):
            features = self.conv(images).mean((2, 3))
            return self.first(features) + self.second(features)

    shape = "anatomy.networks.build.network_shape"
    monkeypatch.setattr(shape, lambda architecture, classes, *_: TwoHeads(classes).to("meta"))
    torch.save(TwoHeads(7).state_dict(), tmp_path / "x.pt")
    expected_layers.cache_clear()
    for classes in (None, 7):
        layers = checkpoint_layers(tmp_path / "x.pt", "resnet18", classes=classes, with_linear=True)
        assert [len(layer.weight) for layer in layers] == [4, 7, 7]
    with pytest.raises(InputError, match="tells 7 classes apart"):
        checkpoint_layers(tmp_path / "x.pt", "resnet18", classes=10)
    expected_layers.cache_clear()
