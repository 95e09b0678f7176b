"""Prepare a data set: uint8 images or points and labels, or an index of image files, and dataset.json."""

import argparse
from importlib import import_module
from pathlib import Path

from anatomy.data.description import check_name
from anatomy.data.search_path import DATA_VARIABLE
from anatomy.data.sources import OWN, module_of, settings_of
from anatomy.runtime.errors import run_program
from anatomy.runtime.options import add_schema, entry
from anatomy.runtime.outputs import parsed
from anatomy.runtime.own_code import is_own
from anatomy.runtime.schema import read_schema


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
    return parsed(parser, "output")


def main() -> None:
    arguments = parse_arguments()
    check_name(arguments.name, "--name")
    settings = settings_of(arguments.settings, read_schema(arguments.schema)["$defs"]).require()
    own = is_own(settings.source)
    module = import_module(f"anatomy.data.{OWN}" if own else module_of(settings.source))
    module.prepare(arguments.name, settings, arguments.output)


if __name__ == "__main__":
    run_program(main)
