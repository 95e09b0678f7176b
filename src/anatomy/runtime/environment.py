"""Environment variables of this project, all of which begin with ANATOMY_."""

import os

from anatomy.runtime.errors import InputError

PREFIX = "ANATOMY_"
# What the variables began with before.
OLD_PREFIX = "HYPERPLANES_"


def variable(name: str) -> str | None:
    """Return $ANATOMY_<name>, None if it is not set; `InputError` if only that of the old name is set."""
    value = os.environ.get(PREFIX + name)
    if value is None and OLD_PREFIX + name in os.environ:
        raise InputError(
            f"{OLD_PREFIX}{name} is set but {PREFIX}{name} is not; it was renamed, set {PREFIX}{name}"
        )
    return value
