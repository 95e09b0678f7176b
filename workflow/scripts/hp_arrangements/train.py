"""Train a network and keep snapshots of its convolutions, as the authors' train.py does."""

from pathlib import Path

from anatomy.networks.catalogue import require_architecture
from anatomy.runtime.devices import claim_device
from anatomy.runtime.errors import run_program
from anatomy.runtime.imports import without_collection
from anatomy.studies.arrangements.hp_arrangements.options import hashes_of_code, parse_train


def main() -> None:
    options = parse_train(Path(__file__))
    if options.arch is None or options.dataset is None:
        from anatomy.studies.arrangements.hp_arrangements.names import choices

        print(choices())
        return
    require_architecture(options.arch)
    hashes = hashes_of_code(options)
    with claim_device(int(options.cuda)) as device_name:
        with without_collection():
            from anatomy.studies.arrangements.hp_arrangements.train import train

        train(options, hashes, device_name)


if __name__ == "__main__":
    run_program(main)
