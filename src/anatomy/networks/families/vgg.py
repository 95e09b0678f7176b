"""VGG networks (Simonyan and Zisserman 2015) with torchvision's names of layers."""

from anatomy.networks.layouts import Conv, Layout, Pool

NAMES = {
    "vgg11": "VGG11",
    "vgg13": "VGG13",
    "vgg16": "VGG16",
    "vgg19": "VGG19",
    "vgg11bn": "VGG11-BN",
    "vgg13bn": "VGG13-BN",
    "vgg16bn": "VGG16-BN",
    "vgg19bn": "VGG19-BN",
    "vgg19_orig": "VGG19, N(0, 0.01²)",
}
LEAST_WIDTH = 0
LEAST_SIDE = 32
LINEAR = "normal_by_width"
# A VGG19 but for these weights, with which it does not learn.
ALWAYS_NORMAL = {"vgg19_orig": 0.01}

STAGES = {
    "vgg11": ((64,), (128,), (256,) * 2, (512,) * 2, (512,) * 2),
    "vgg13": ((64,) * 2, (128,) * 2, (256,) * 2, (512,) * 2, (512,) * 2),
    "vgg16": ((64,) * 2, (128,) * 2, (256,) * 3, (512,) * 3, (512,) * 3),
    "vgg19": ((64,) * 2, (128,) * 2, (256,) * 4, (512,) * 4, (512,) * 4),
}


def _vgg(*stages: tuple[int, ...], norm: tuple[str, ...] = ()) -> Layout:
    features: list[Conv | Pool | str] = []
    for stage in stages:
        for filters in stage:
            features += [Conv(filters), *norm, "relu"]
        features.append(Pool())
    return Layout(tuple(features), 7, (4096, "relu", "dropout") * 2)


LAYOUTS = {
    **{name: _vgg(*stages) for name, stages in STAGES.items()},
    **{f"{name}bn": _vgg(*stages, norm=("norm",)) for name, stages in STAGES.items()},
    "vgg19_orig": _vgg(*STAGES["vgg19"]),
}
