"""Names of a user's own code in the configuration, `package.module:name`."""

import re

from anatomy.runtime.errors import InputError

_NAME = "[A-Za-z_][A-Za-z0-9_]*"
# As JSON Schema has patterns.
FORM = rf"^{_NAME}(\.{_NAME})*:{_NAME}\Z"


def is_own(name: str) -> bool:
    """Tell whether a name in the configuration is a user's own code, and not one of this library."""
    return ":" in name


def module_of_own(reference: str) -> str:
    """Return the module of `package.module:name`; `InputError` if it is not of this form."""
    if not re.match(FORM, reference):
        raise InputError(f"{reference!r} names no code of your own; expected package.module:name")
    return reference.partition(":")[0]
