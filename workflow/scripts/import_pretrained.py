"""Import released weights as a snapshot, with one random initialisation of the same convolutions."""

import argparse
from pathlib import Path

from anatomy.data.search_path import DATA_VARIABLE, locate
from anatomy.runtime.errors import run_program
from anatomy.runtime.options import add_schema, entry
from anatomy.runtime.outputs import parsed
from anatomy.runtime.schema import read_schemas
from anatomy.runtime.settings import Settings
from anatomy.studies.arrangements.epochs import PRETRAINED

STUDY = "arrangements"


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=f"Weights are looked for in the directories of ${DATA_VARIABLE}."
    )
    parser.add_argument("--name", required=True, help="name of the pretrained network")
    parser.add_argument(
        "--settings", required=True, type=entry, help="its entry of the configuration, as JSON"
    )
    add_schema(parser, Path(__file__))
    parser.add_argument("--output", required=True, type=Path, help="directory to write to")
    return parsed(parser, "output")


def main() -> None:
    arguments = parse_arguments()
    # Importing them takes most of the time of --help.
    from anatomy.checkpoints.snapshots import save_snapshot
    from anatomy.studies.arrangements.pretrained.read import (
        obtain,
        official_url,
        read_torchvision,
        redraw,
        require_filters,
        verify,
    )
    from anatomy.studies.arrangements.settings import pretrained_networks

    name, schema = arguments.name, read_schemas(arguments.schema)
    part = schema["properties"]["studies"]["properties"][STUDY]
    own, common = arguments.settings, schema["$defs"]["pretrained"]
    named = Settings({key: own[key] for key in common["required"] if key in own}, common)
    source = named.require().source
    settings = pretrained_networks(Settings({"pretrained": {name: own}}, part), schema)[name]
    settings.require(*schema["$defs"][f"pretrained_{source}"]["required"])
    architecture, seed = settings.architecture, settings.seed
    origin = {
        "architecture": architecture,
        "dataset": "imagenet",
        "experiment": name,
        "seed": seed,
        "epoch": PRETRAINED,
    }
    match source:
        case "torchvision":
            path = obtain(official_url(architecture))
            pretrained = read_torchvision(path, architecture, origin)
        case "matconvnet":
            from anatomy.studies.arrangements.pretrained.matconvnet import read_matconvnet

            path = locate(settings.path, name, settings.homepage, "pretrained network")
            if settings.sha256 is not None:
                verify(path, settings.sha256)
            pretrained = read_matconvnet(path, origin)
            require_filters(path, architecture, pretrained)
    save_snapshot(arguments.output / "pretrained.safetensors", pretrained)
    save_snapshot(arguments.output / "random.safetensors", redraw(pretrained, seed))


if __name__ == "__main__":
    run_program(main)
