"""Networks of timm, which is optional, as they are there; it knows their names when they are built."""

import difflib
import importlib.util

from torch import nn

from anatomy.runtime.errors import InputError

NAMES = ()
PREFIX = "timm/"


def build(architecture: str, classes: int, input_shape: tuple[int, int, int], width: float) -> nn.Module:
    """Return a network as timm initialises it; `InputError` without timm, or if it has none of that name."""
    name = architecture.removeprefix(PREFIX)
    if importlib.util.find_spec("timm") is None:
        raise InputError(f"architecture {architecture} needs timm; install it with: pip install '.[timm]'")
    # timm imports torchvision, which needs the schemas that anatomy.runtime.torchvision_import declares.
    import anatomy.runtime.torchvision_import  # noqa: F401, I001
    import timm

    if not timm.is_model(name):
        close = difflib.get_close_matches(name, timm.list_models(), 3)
        hint = f"; did you mean one of {', '.join(close)}?" if close else ""
        raise InputError(f"timm has no network {name!r}; timm.list_models() lists them{hint}")
    return timm.create_model(name, num_classes=classes, in_chans=input_shape[0])
