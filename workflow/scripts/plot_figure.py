"""Draw a figure of any kind from the tables of the experiments that it shows."""

import argparse
import inspect
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from types import UnionType
from typing import Any, get_args

from anatomy.reporting.kinds import kind_of
from anatomy.runtime.errors import InputError, run_program
from anatomy.runtime.options import entry, figure
from anatomy.runtime.outputs import parsed
from anatomy.runtime.shapes import TEXT, TEXTS, require_shape

# What an option may be by its annotation; one of another kind is not looked at.
SHAPES = {
    str: TEXT,
    int: {"type": "integer"},
    bool: {"type": "boolean"},
    Sequence[str]: TEXTS,
    Sequence[int]: {"type": "array", "items": {"type": "integer"}},
}


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kind", required=True, help="a module of a study's `figures`")
    parser.add_argument(
        "--tables", default=[], type=Path, nargs="*", help="TABLE.csv of each experiment, in their order"
    )
    parser.add_argument("--options", default={}, type=entry, help="of the kind, as JSON")
    parser.add_argument("--output", required=True, type=figure, nargs="+", help="figures to write")
    return parsed(parser, "output")


def check_options(draw: Callable, options: Mapping[str, Any], kind: str, takes: Sequence[str]) -> None:
    """Raise `InputError` if options are missing, not known, or not what their annotations say."""
    signature = inspect.signature(draw)
    try:
        signature.bind({}, **options)
    except TypeError as error:
        raise InputError(f"{kind}: {error}; its options are {', '.join(takes)}") from None
    for name, value in options.items():
        annotation = signature.parameters[name].annotation
        parts = get_args(annotation) if isinstance(annotation, UnionType) else (annotation,)
        if not (value is None and type(None) in parts):
            shape = next((SHAPES[part] for part in parts if part in SHAPES), {})
            require_shape(value, shape, f"--options: {name}")


def main() -> None:
    arguments = parse_arguments()
    # Importing them takes most of the time of --help.
    from anatomy.reporting.grids import read_known
    from anatomy.reporting.plotting import save_figure

    kind = kind_of(arguments.kind)
    paths = {name: kind.paths_of(name, arguments.tables) for name in kind.tables}
    if missing := [f"{name}.csv" for name, found in paths.items() if not found]:
        raise InputError(f"{arguments.kind}: --tables lacks {', '.join(missing)}")
    draw = import_module(kind.module).draw
    check_options(draw, arguments.options, arguments.kind, kind.takes)
    tables = {
        name: [read_known(path, kind.study_of(name)) for path in found] for name, found in paths.items()
    }
    save_figure(draw(tables, **arguments.options), arguments.output)


if __name__ == "__main__":
    run_program(main)
