"""Measure test accuracy with every layer of a checkpoint reset, as the authors' reinit_layers.py does."""

from pathlib import Path

from anatomy.runtime.devices import claim_device
from anatomy.runtime.errors import run_program
from anatomy.runtime.imports import without_collection
from anatomy.studies.arrangements.hp_arrangements.options import hashes_of_code, parse_reinit_layers


def main() -> None:
    options = parse_reinit_layers(Path(__file__))
    if not options.arch or not options.dataset:
        from anatomy.studies.arrangements.hp_arrangements.names import choices

        print(choices())
        return
    hashes = hashes_of_code(options)
    with claim_device(int(options.cuda)) as device_name:
        with without_collection():
            from anatomy.studies.arrangements.hp_arrangements.reinit_layers import measure

        measure(options, hashes, device_name)


if __name__ == "__main__":
    run_program(main)
