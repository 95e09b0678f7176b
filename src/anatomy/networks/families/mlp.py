"""The multi-layer perceptron of the authors' code: linear layers of 4,096 units with bottlenecks of 1,024."""

from anatomy.networks.layouts import Layout

NAMES = {"mlp": "MLP", "mlp_bn": "MLP-BN"}
LEAST_WIDTH = 0
LINEAR = "kaiming_fan_out"
POINTS = True


def _mlp(norm: tuple[str, ...] = ()) -> Layout:
    bottleneck = (1024, 4096, "dropout", *norm, "relu")
    return Layout((), None, (4096, *norm, "relu", *bottleneck * 3), 0.2)


LAYOUTS = {"mlp": _mlp(), "mlp_bn": _mlp(("norm",))}
