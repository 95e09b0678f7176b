"""Networks of torchvision, with a first convolution for images of any number of channels."""

from torch import nn

from anatomy.networks.forward import conv_layers


def torchvision_network(architecture: str, classes: int, channels: int) -> nn.Module:
    """Return a network of torchvision.models on the current device, as torchvision initialises it."""
    from anatomy.runtime.torchvision_import import models

    # Auxiliary heads would make the network's output a tuple.
    auxiliary = architecture in ("googlenet", "inception_v3")
    options = {"aux_logits": False, "init_weights": True} if auxiliary else {}
    network = models.get_model(architecture, num_classes=classes, **options)
    if channels != 3:
        _replace_first_convolution(network, channels)
    return network


def _replace_first_convolution(network: nn.Module, channels: int) -> None:
    """Let the first convolution of a network take images of `channels` channels, in place."""
    name, first = next(iter(conv_layers(network).items()))
    parent, _, attribute = name.rpartition(".")
    options = {key: getattr(first, key) for key in ("kernel_size", "stride", "padding", "dilation")}
    other = nn.Conv2d(channels, first.out_channels, bias=first.bias is not None, **options)
    nn.init.kaiming_normal_(other.weight, mode="fan_out", nonlinearity="relu")
    if other.bias is not None:
        nn.init.zeros_(other.bias)
    setattr(network.get_submodule(parent), attribute, other)
