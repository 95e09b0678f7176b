"""Compute projection statistics of snapshots: equation 1 per filter, n_l (equation 2) per layer."""

import argparse
from pathlib import Path

from hyperplanes.errors import run_program
from hyperplanes.files import write_json
from hyperplanes.projections import snapshot_statistics, to_json
from hyperplanes.snapshots import load_snapshot


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--snapshots", required=True, type=Path, nargs="+", help="safetensors files")
    parser.add_argument("--output", required=True, type=Path, help="directory for one JSON per snapshot")
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    for path in arguments.snapshots:
        snapshot = load_snapshot(path)
        content = to_json(snapshot_statistics(snapshot), snapshot.origin)
        write_json(arguments.output / f"{path.stem}.json", content)


if __name__ == "__main__":
    run_program(main)
