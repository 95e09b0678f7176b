"""AlexNet as torchvision has it (Krizhevsky 2014): one column, no groups."""

from anatomy.networks.layouts import Conv, Layout, Pool

NAMES = {"alexnet": "AlexNet"}
LEAST_WIDTH = 0
LEAST_SIDE = 63
# With weights as small as those of a VGG it does not leave its first plateau.
LINEAR = "kaiming_fan_in"
PUBLISHED = "torch"

LAYOUTS = {
    "alexnet": Layout(
        (
            *(Conv(64, 11, 4, 2), "relu", Pool(3)),
            *(Conv(192, 5, 1, 2), "relu", Pool(3)),
            *(Conv(384), "relu", Conv(256), "relu", Conv(256), "relu", Pool(3)),
        ),
        6,
        ("dropout", 4096, "relu") * 2,
    )
}
