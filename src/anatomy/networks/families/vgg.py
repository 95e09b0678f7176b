"""VGG networks (Simonyan and Zisserman 2015) with torchvision's names of layers."""

from anatomy.networks.layouts import Conv, Layout, Pool

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
    # Initialised with N(0, 0.01^2), and a VGG19 otherwise.
    "vgg19_orig": _vgg(*STAGES["vgg19"]),
}
