"""A user's own code, `package.module:name`: found on the project's path, imported, and called."""

import difflib
import inspect
import re
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from anatomy.runtime.errors import InputError
from anatomy.runtime.imports import search_path

FORM = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*", re.ASCII)


def is_own(name: str) -> bool:
    """Tell whether a name in the configuration is a user's own code, and not one of this library."""
    return ":" in name


def module_of_own(reference: str) -> str:
    """Return the module of `package.module:name`; `InputError` if it is not of this form."""
    if not FORM.fullmatch(reference):
        raise InputError(f"{reference!r} names no code; expected package.module:name")
    return reference.partition(":")[0]


def load_own(reference: str) -> Callable[..., Any]:
    """Import what `package.module:name` names, of the working directory first; `InputError` if nothing."""
    module, name = module_of_own(reference), reference.partition(":")[2]
    if (first := search_path()[0]) not in sys.path:
        sys.path.insert(0, first)
    try:
        loaded = import_module(module)
    except (ImportError, SyntaxError) as error:
        raise InputError(
            f"{reference}: module {module} cannot be imported ({error}); "
            f"modules are looked for in {first} and in installed packages"
        ) from error
    named = getattr(loaded, name, None)
    if not callable(named):
        close = difflib.get_close_matches(
            name, [key for key, value in vars(loaded).items() if callable(value)], 1
        )
        hint = f"; did you mean {close[0]}?" if close else ""
        raise InputError(f"{reference}: {loaded.__file__} has no class or function {name}{hint}")
    return named


def call_own(reference: str, offered: Mapping[str, Any], options: Mapping[str, Any]) -> Any:
    """Call a user's own code with those of `offered` that it has arguments for, and with all `options`.

    `InputError` if the options are not its arguments, or if it has arguments that nothing is given for.
    """
    called = load_own(reference)
    signature = inspect.signature(called)
    given = {key: value for key, value in offered.items() if key in signature.parameters}
    try:
        bound = signature.bind(**{**given, **options})
    except TypeError as error:
        raise InputError(f"{reference} is called as {signature}, but {error}; correct `options`") from error
    return called(*bound.args, **bound.kwargs)


def takes(reference: str, argument: str) -> bool:
    """Tell whether a user's own code has an argument of this name."""
    return argument in inspect.signature(load_own(reference)).parameters
