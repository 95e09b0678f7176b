"""Prepare a data set: uint8 images and labels, or an index of image files, and dataset.json about it."""

import argparse
import json
from importlib import import_module
from pathlib import Path

from anatomy.data import own_source
from anatomy.data.search_path import DATA_VARIABLE
from anatomy.data.sources import module_of
from anatomy.runtime.errors import run_program
from anatomy.runtime.own_code import is_own
from anatomy.runtime.schema import read_schema
from anatomy.runtime.settings import Settings


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=f"Data are looked for in the directories of ${DATA_VARIABLE}."
    )
    parser.add_argument("--name", required=True, help="name of the data set")
    parser.add_argument(
        "--settings", required=True, type=json.loads, help="its entry of the configuration, as JSON"
    )
    parser.add_argument(
        "--schema", required=True, type=Path, help="schema of the configuration, config.schema.yaml"
    )
    parser.add_argument("--output", required=True, type=Path, help="directory to write to")
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    source = arguments.settings["source"]
    module = own_source if is_own(source) else import_module(module_of(source))
    part = "own_source" if is_own(source) else source
    settings = Settings(arguments.settings, read_schema(arguments.schema)["$defs"][part])
    module.prepare(arguments.name, settings, arguments.output)


if __name__ == "__main__":
    run_program(main)
