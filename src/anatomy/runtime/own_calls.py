"""A user's own code, `package.module:name`: imported from the file that is hashed, and called."""

import difflib
import inspect
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from anatomy.runtime.errors import InputError
from anatomy.runtime.imports import file_of, search_path
from anatomy.runtime.own_code import module_of_own


@contextmanager
def running(reference: str) -> Iterator[None]:
    """Let a user's own code run in this context, and put back the working directory afterwards.

    So are torch's default type, and whether it takes gradients. `InputError` if the code ends the program, be
    it with the exit status of one that is done; other errors say in a note where they are from.
    """
    # One that works without torch does not import it here.
    torch, folder = sys.modules.get("torch"), None
    # A directory may have been removed since.
    with suppress(OSError):
        folder = os.getcwd()
    if torch is not None:
        dtype, gradients = torch.get_default_dtype(), torch.is_grad_enabled()
    try:
        yield
    except SystemExit as stop:
        asked = " ".join(f"sys.exit({'' if stop.code is None else repr(stop.code)})".split())
        raise InputError(
            f"{reference} ends the program, {asked}; raise an exception that says what is wrong"
        ) from stop
    except Exception as error:
        error.add_note(f"raised in code of your own, {reference}")
        raise
    finally:
        if folder is not None:
            with suppress(OSError):
                os.chdir(folder)
        if torch is not None:
            torch.set_default_dtype(dtype)
            torch.set_grad_enabled(gradients)


def load_own(reference: str) -> Callable[..., Any]:
    """Import what `package.module:name` names, of the working directory first; `InputError` if nothing."""
    module, name = module_of_own(reference), reference.partition(":")[2]
    file = file_of(module)
    if (first := search_path()[0]) != sys.path[0]:
        sys.path.insert(0, first)
    if find_spec("torchvision") is not None:
        # The plain import of the user's module fails beside a CPU build of torch.
        import anatomy.runtime.torchvision_import  # noqa: F401
    try:
        with running(reference):
            loaded = import_module(module)
    except (ImportError, SyntaxError) as error:
        raise InputError(f"{reference}: {file} cannot be imported ({error})") from error
    # A module of the same name may have been imported before.
    if Path(loaded.__file__ or "").resolve() != file.resolve():
        raise InputError(
            f"{reference}: module {module} is imported from {loaded.__file__}, not from {file}; rename yours"
        )
    named = getattr(loaded, name, None)
    if not callable(named):
        close = difflib.get_close_matches(
            name, [key for key, value in vars(loaded).items() if callable(value)], 1
        )
        hint = f"; did you mean {close[0]}?" if close else ""
        raise InputError(f"{reference}: {file} has no class or function {name}{hint}")
    return named


def call_own(reference: str, offered: Mapping[str, Any], options: Mapping[str, Any]) -> Any:
    """Call a user's own code with those of `offered` that it has arguments for, and with all `options`.

    `InputError` if the options are not its arguments, if it has arguments that nothing is given for, or if
    nobody can tell which it has.
    """
    called = load_own(reference)
    signature = _signature(reference, called)
    given = {key: value for key, value in offered.items() if key in signature.parameters}
    try:
        bound = signature.bind(**{**given, **options})
    except TypeError as error:
        raise InputError(f"{reference} is called as {signature}, but {error}; correct `options`") from error
    with running(reference):
        return called(*bound.args, **bound.kwargs)


def takes(reference: str, argument: str) -> bool:
    """Tell whether a user's own code has an argument of this name."""
    return argument in _signature(reference, load_own(reference)).parameters


def _signature(reference: str, called: Callable[..., Any]) -> inspect.Signature:
    try:
        return inspect.signature(called)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{reference} does not say its arguments ({error}); give a function, or a class with an __init__ "
            "of its own"
        ) from error
