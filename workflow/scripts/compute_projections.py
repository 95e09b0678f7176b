"""Compute projection statistics: equation 1 per filter, n_l (equation 2) per layer.

Of snapshots of this pipeline: --snapshots and --output. Of any other network: --arch and --dataset, with the
options and results of the authors' program. Without either, the names of networks and data sets are listed.
"""

import argparse
from pathlib import Path

from hyperplanes.errors import run_program
from hyperplanes.options import factor, given, natural, seed


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    ours = parser.add_argument_group("snapshots of this pipeline")
    ours.add_argument("--snapshots", type=Path, nargs="+", help="safetensors files of train.py")
    ours.add_argument("--output", type=Path, help="directory for one JSON per snapshot")
    theirs = parser.add_argument_group("any network, as in the authors' program")
    theirs.add_argument("--arch", help="network; without it all names are listed")
    theirs.add_argument("--dataset", help="data set it was trained on; without it all names are listed")
    theirs.add_argument(
        "--subsample-classes",
        type=natural,
        default=0,
        metavar="N",
        help="classes that the network tells apart; 0, the default, for those of the data set",
    )
    theirs.add_argument(
        "--load-from", type=Path, nargs="+", metavar="FILE", help="checkpoint: safetensors, .pt, .pth or .tar"
    )
    theirs.add_argument("--init-from", type=Path, metavar="FILE", help="also measure distances from this one")
    theirs.add_argument("--pretrained", action="store_true", help="measure the weights that torchvision has")
    theirs.add_argument("--cuda", action="store_true", help="accepted; the statistics need no GPU")
    theirs.add_argument("--normalize", action="store_true", help="write cosines; otherwise sums of weights")
    theirs.add_argument("--with-linear", action="store_true", help="measure fully connected layers as well")
    theirs.add_argument("--results", type=Path, default=Path("./results"), help="where to write (./results)")
    theirs.add_argument(
        "--log", default="positive_orthant.log", help="name of the log file (positive_orthant.log)"
    )
    theirs.add_argument("--seed", type=seed, help="seed that the network was trained with, or is drawn with")
    theirs.add_argument("--width", type=factor, default=1.0, help="factor on the channels of the network (1)")
    arguments = parser.parse_args()
    if bool(arguments.snapshots) != bool(arguments.output):
        parser.error("--snapshots and --output belong together")
    if arguments.snapshots and (others := given(arguments, theirs)):
        parser.error(f"--snapshots excludes {', '.join(others)}")
    return arguments


def measure_snapshots(snapshots: list[Path], output: Path) -> None:
    from hyperplanes.cosines import snapshot_statistics, to_json, warn_of_filters_left_out
    from hyperplanes.files import check_outputs, write_json
    from hyperplanes.snapshots import load_snapshot

    outputs = [(path, output / f"{path.stem}.json") for path in snapshots]
    check_outputs(outputs)
    for path, result in outputs:
        snapshot = load_snapshot(path)
        statistics = snapshot_statistics(snapshot)
        warn_of_filters_left_out(statistics, path.name)
        write_json(result, to_json(statistics, snapshot.origin), None)


def main() -> None:
    arguments = parse_arguments()
    if arguments.snapshots:
        measure_snapshots(arguments.snapshots, arguments.output)
        return
    from hyperplanes import authors

    if not arguments.arch or not arguments.dataset:
        print(authors.choices())
        return
    for path in authors.measure(arguments):
        print(path)


if __name__ == "__main__":
    run_program(main)
