"""LeNet as the authors' code has it: six convolutions in three stages, for digits."""

from anatomy.networks.layouts import Conv, Layout, Pool

NAMES = {"lenet": "LeNet"}
LEAST_WIDTH = 0
LEAST_SIDE = 8
# With weights as small as those of a VGG it does not leave its first plateau.
LINEAR = "kaiming_fan_in"
PUBLISHED = "xavier"

LAYOUTS = {
    "lenet": Layout(
        (
            *(Conv(6), "relu", Conv(6), "relu", Pool()),
            *(Conv(16), "relu", Conv(16), "relu", Pool()),
            *(Conv(64), "relu", Conv(64), "relu", Pool()),
        ),
        3,
        (120, "relu", "dropout", 84, "relu", "dropout"),
    )
}
