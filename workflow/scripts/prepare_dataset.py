"""Prepare a data set: uint8 images and labels, or an index of image files, and dataset.json about it."""

import argparse
import importlib
import json
from pathlib import Path

from anatomy.data.search_path import DATA_VARIABLE
from anatomy.runtime.errors import run_program


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=f"Data are looked for in the directories of ${DATA_VARIABLE}."
    )
    parser.add_argument("--name", required=True, help="name of the data set")
    parser.add_argument(
        "--settings", required=True, type=json.loads, help="its entry of the configuration, as JSON"
    )
    parser.add_argument("--output", required=True, type=Path, help="directory to write to")
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    settings = {key: value for key, value in arguments.settings.items() if key != "label"}
    source = importlib.import_module(f"anatomy.data.sources.{settings['source']}")
    source.prepare(arguments.name, settings, arguments.output)


if __name__ == "__main__":
    run_program(main)
