"""The convolutional network of Sabanayagam et al. 2023 for digits: two convolutions and a linear layer."""

from anatomy.networks.layouts import Conv, Layout, Pool

NAMES = {"small_cnn": "CNN"}
LEAST_WIDTH = 0
LEAST_SIDE = 10
LINEAR = "kaiming_fan_in"
PUBLISHED = "torch"

LAYOUTS = {
    "small_cnn": Layout(
        (*(Conv(16, 3, 1, 0), "relu", Pool()), *(Conv(32, 3, 1, 0), "relu", Pool())),
        None,
        (),
    )
}
