"""Draw a figure of any kind from the tables of the experiments that it shows."""

import argparse
from importlib import import_module
from pathlib import Path

from anatomy.reporting.kinds import kind_of
from anatomy.runtime.errors import InputError, run_program
from anatomy.runtime.options import entry, figure
from anatomy.runtime.outputs import parsed


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kind", required=True, help="a module of a study's `figures`")
    parser.add_argument(
        "--tables", default=[], type=Path, nargs="*", help="TABLE.csv of each experiment, in their order"
    )
    parser.add_argument("--options", default={}, type=entry, help="of the kind, as JSON")
    parser.add_argument("--output", required=True, type=figure, nargs="+", help="figures to write")
    return parsed(parser, "output")


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
    kind.check_options(draw, arguments.options)
    tables = {
        name: [read_known(path, kind.study_of(name)) for path in found] for name, found in paths.items()
    }
    save_figure(draw(tables, **arguments.options), arguments.output)


if __name__ == "__main__":
    run_program(main)
