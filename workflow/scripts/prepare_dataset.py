"""Prepare a data set: uint8 images or points and labels, or an index of image files, and dataset.json."""

import argparse
from importlib import import_module
from pathlib import Path

from anatomy.data.search_path import DATA_VARIABLE
from anatomy.data.sources import module_of
from anatomy.runtime.errors import run_program
from anatomy.runtime.options import add_schema, entry
from anatomy.runtime.own_code import is_own
from anatomy.runtime.schema import read_schema
from anatomy.runtime.settings import Settings

# What makes data sets of a user's own source; named and not imported, as other sources do not run it.
OWN = "own_source"


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=f"Data are looked for in the directories of ${DATA_VARIABLE}."
    )
    parser.add_argument("--name", required=True, help="name of the data set")
    parser.add_argument(
        "--settings", required=True, type=entry, help="its entry of the configuration, as JSON"
    )
    add_schema(parser, Path(__file__))
    parser.add_argument("--output", required=True, type=Path, help="directory to write to")
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    parts, given = read_schema(arguments.schema)["$defs"], arguments.settings
    common = parts["dataset"]
    named = Settings({key: given[key] for key in common["required"] if key in given}, common)
    source = named.require().source
    own = is_own(source)
    module = import_module(f"anatomy.data.{OWN}" if own else module_of(source))
    settings = Settings(given, parts[OWN if own else source]).require()
    module.prepare(arguments.name, settings, arguments.output)


if __name__ == "__main__":
    run_program(main)
