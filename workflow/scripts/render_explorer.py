"""Write the page on which what studies measured of layers can be looked at."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from anatomy.runtime.errors import InputError, run_program
from anatomy.runtime.files import write_text
from anatomy.runtime.options import entry
from anatomy.runtime.outputs import parsed
from anatomy.runtime.shapes import TEXT, require_named


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    tables = "of each, STUDY/tables/EXPERIMENT/"
    parser.add_argument("--layers", required=True, type=Path, nargs="*", help=f"{tables}layers.csv")
    parser.add_argument("--histograms", required=True, type=Path, nargs="*", help=f"{tables}histograms.csv")
    parser.add_argument("--labels", required=True, type=entry, help="names of experiments, as JSON")
    parser.add_argument("--output", required=True, type=Path, help="HTML to write")
    return parsed(parser, "output")


def by_study(paths: Sequence[Path]) -> dict[str, list[Path]]:
    found = {}
    for path in paths:
        if len(path.parents) < 4:
            raise InputError(f"{path}: expected STUDY/tables/EXPERIMENT/{path.name}, which names the study")
        found.setdefault(path.parents[2].name, []).append(path)
    return found


def main() -> None:
    arguments = parse_arguments()
    # Importing them takes most of the time of --help.
    from anatomy.reporting.explorer import explorer_data, explorer_page
    from anatomy.reporting.tables import read_table

    require_named(arguments.labels, TEXT, "--labels")
    layers, histograms = (
        {study: list(map(read_table, paths)) for study, paths in by_study(given).items()}
        for given in (arguments.layers, arguments.histograms)
    )
    data = explorer_data(layers, histograms)
    write_text(arguments.output, explorer_page(data, arguments.labels))


if __name__ == "__main__":
    run_program(main)
