"""VGGLike of Quiroga et al. 2019: four stages of two convolutions with ELU, then batch normalisation.

With 16 filters and 64 hidden units as for MNIST; for CIFAR-10 it has 64 and 128. Of the activations one
measures, with `variant: published`, the output of the ELU; else that of the batch normalisation after it,
which is what the next layer sees. Its outputs are log-probabilities; with `output: logits` they are not.
"""

from torch import nn

from anatomy.networks.cpu_layers import Conv2d, Linear
from anatomy.networks.layouts import require_side, scaled
from anatomy.networks.sequential import NamedSequence

NAMES = {"vgg_like": "VGGLike"}
LEAST_WIDTH = 0
LEAST_SIDE = 16
LINEAR = "torch"
PUBLISHED = "torch"
OPTIONS = {
    "filters": {"type": "integer", "minimum": 1, "maximum": 65536, "shapes": True, "default": 16},
    "hidden": {"type": "integer", "minimum": 1, "maximum": 65536, "shapes": True, "default": 64},
    "variant": {"enum": ["corrected", "published"], "default": "corrected"},
    "output": {"enum": ["log_softmax", "logits"], "default": "log_softmax"},
}


def build(
    architecture: str,
    classes: int,
    input_shape: tuple[int, ...],
    width: float,
    filters: int,
    hidden: int,
    variant: str,
    output: str,
) -> nn.Module:
    """Return a network for images (C, H, W) of one size; `InputError` if they are smaller than 16 x 16."""
    require_side(input_shape, 16)
    before, *size = input_shape
    layers: dict[str, nn.Module] = {}
    listed: dict[str, str] = {}
    for stage in range(4):
        after = scaled(filters * 2**stage, width)
        for name in (f"c{stage}_0", f"c{stage}_1"):
            layers[name] = Conv2d(before, after, 3, padding=1)
            # Not in place: batch normalisation trains on what an ELU has put out.
            layers[f"{name}elu"] = nn.ELU()
            layers[f"{name}bn"] = nn.BatchNorm2d(after)
            listed |= {name: name, f"{name}act": f"{name}{'elu' if variant == 'published' else 'bn'}"}
            before = after
        layers[f"mp{stage}"] = nn.MaxPool2d(2)
        listed[f"mp{stage}"] = f"mp{stage}"
    units = scaled(hidden, width)
    layers["flatten"] = nn.Flatten()
    layers["fc1"] = Linear(before * (size[0] // 16) * (size[1] // 16), units)
    layers["fc1bn"] = nn.BatchNorm1d(units)
    layers["fc1act"] = nn.ReLU(inplace=True)
    layers["fc2"] = Linear(units, classes)
    listed |= {name: name for name in ("fc1", "fc1act", "fc2")}
    if output == "log_softmax":
        layers["fc2act"] = nn.LogSoftmax(1)
        listed["fc2act"] = "fc2act"
    return NamedSequence(layers, listed)
