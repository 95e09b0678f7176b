"""Prepare a data set: uint8 images and labels, or an index of image files, and dataset.json about it."""

import argparse
import json
from pathlib import Path

from hyperplanes.datasets import Dataset, limited, write_dataset
from hyperplanes.errors import run_program
from hyperplanes.files import sha256_of
from hyperplanes.places import DATA_VARIABLE, locate, search_path


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
    name, settings = arguments.name, arguments.settings
    source = {key: value for key, value in settings.items() if key != "label"}
    # Each source imports what the others do not need.
    match settings["source"]:
        case "embedded":
            from hyperplanes.embedded import class_names, make_embedded

            keys = ("train", "test", "seed", "polarity")
            options = {key: settings[key] for key in keys if key in settings}
            arrays = make_embedded(settings["variant"], **options)
            dataset = Dataset(**arrays, classes=class_names(settings["variant"]))
        case "torchvision":
            from hyperplanes.official import read_official

            dataset = read_official(settings["official"], search_path()[0])
        case "folder":
            from hyperplanes.folder import read_folder

            path = locate(settings["path"], name, settings.get("homepage"))
            dataset = read_folder(path, name, settings["channels"], settings.get("sha256"))
            if path.is_file():
                source["sha256"] = sha256_of(path)
        case "images":
            from hyperplanes.image_files import index_folder, write_index

            root = locate(settings["path"], name, settings.get("homepage"))
            write_index(index_folder(root, name, settings), arguments.output, name, source)
            return
    if settings["source"] != "embedded":
        dataset = limited(dataset, name, settings.get("train"), settings.get("test"))
    write_dataset(dataset, arguments.output, name, source)


if __name__ == "__main__":
    run_program(main)
