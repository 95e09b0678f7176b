"""Text and syntax tree of a Python file, without running it."""

import ast
import tokenize
from pathlib import Path

from anatomy.runtime.errors import InputError


def read_text(path: Path) -> str:
    """Return a source file in the encoding that it names, as Python reads it; `InputError` if it cannot."""
    try:
        with tokenize.open(path) as file:
            return file.read()
    except (SyntaxError, UnicodeError, LookupError) as error:
        raise InputError(f"{path}: {error}; save the file as UTF-8") from error


def tree_of(text: str, path: Path) -> ast.Module:
    """Return the syntax tree of the text of a file; `InputError` if it is no Python."""
    try:
        return ast.parse(text, str(path))
    except (SyntaxError, ValueError) as error:
        # A file with NUL bytes has no line, and before Python 3.11.4 no error of syntax.
        number = getattr(error, "lineno", None)
        line = "" if number is None else f", line {number}"
        raise InputError(f"{path}{line}: {getattr(error, 'msg', error)}; correct the file") from error
    except (RecursionError, MemoryError) as error:
        raise InputError(f"{path}: expressions are nested too deep for Python; correct the file") from error
