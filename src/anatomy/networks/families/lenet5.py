"""LeNet5 as Sabanayagam et al. 2023 have it: two convolutions of 5 x 5, three linear layers, ReLU."""

from anatomy.networks.layouts import Conv, Layout, Pool

NAMES = {"lenet5": "LeNet5"}
LEAST_WIDTH = 0
LEAST_SIDE = 16
LINEAR = "kaiming_fan_in"
PUBLISHED = "torch"

LAYOUTS = {
    "lenet5": Layout(
        (*(Conv(6, 5, 1, 0), "relu", Pool()), *(Conv(16, 5, 1, 0), "relu", Pool())),
        None,
        (120, "relu", 84, "relu"),
    )
}
