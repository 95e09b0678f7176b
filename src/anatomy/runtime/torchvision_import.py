"""The one module that imports torchvision.

torchvision's wheel on PyPI is built against CUDA builds of torch. Beside a CPU build its compiled
operators do not load, and `import torchvision` then raises because it registers shape functions for
operators that have no schema. Declaring those two schemas first is enough for models, datasets and
transforms, which use none of the compiled operators.
"""

import importlib

import torch

_SCHEMAS = {
    "nms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}
# A Library declares its schemas for as long as it lives.
_library: torch.library.Library | None = None


def _import_torchvision():
    """Import torchvision, declaring the missing operator schemas if the plain import fails."""
    global _library
    try:
        return importlib.import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
    _library = torch.library.Library("torchvision", "DEF")
    for name, schema in _SCHEMAS.items():
        _library.define(name + schema)
    return importlib.import_module("torchvision")


torchvision = _import_torchvision()
datasets = torchvision.datasets
models = torchvision.models
v2 = importlib.import_module("torchvision.transforms.v2")
