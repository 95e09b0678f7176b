"""Compute the projection statistics of snapshots: equation 1 per filter, n_l (equation 2) per layer."""

import argparse
from pathlib import Path

from anatomy.runtime.errors import run_program
from anatomy.runtime.files import write_json
from anatomy.runtime.outputs import check_outputs


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--snapshots", required=True, type=Path, nargs="+", help="safetensors files of a training"
    )
    parser.add_argument("--output", required=True, type=Path, help="directory for one JSON per snapshot")
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    outputs = [(path, arguments.output / f"{path.stem}.json") for path in arguments.snapshots]
    check_outputs(outputs, arguments.snapshots)
    # Importing numpy takes most of the time of --help.
    from anatomy.checkpoints.snapshots import load_snapshot
    from anatomy.studies.arrangements.projections import (
        snapshot_statistics,
        to_json,
        warn_of_filters_left_out,
    )

    for path, result in outputs:
        snapshot = load_snapshot(path, checked=False)
        statistics = snapshot_statistics(snapshot)
        warn_of_filters_left_out(statistics, path.name)
        write_json(result, to_json(statistics, snapshot.origin), None)


if __name__ == "__main__":
    run_program(main)
