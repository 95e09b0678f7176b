"""Put the invariance and the accuracies of networks beside those that the authors published."""

import argparse
from pathlib import Path

from anatomy.reporting.tables import read_table, write_table
from anatomy.runtime.errors import run_program
from anatomy.runtime.options import entry
from anatomy.runtime.outputs import parsed
from anatomy.runtime.shapes import TEXTS, require_named
from anatomy.studies.invariance.published_values import NETWORK, beside_published

REPEATED = {**TEXTS, "minItems": len(NETWORK), "maxItems": len(NETWORK)}


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--experiments", required=True, type=entry, help="network, data and training of each, as JSON"
    )
    parser.add_argument(
        "--networks", required=True, type=Path, nargs="+", help="network_invariance.csv of each experiment"
    )
    parser.add_argument("--scores", required=True, type=Path, nargs="+", help="scores.csv of each experiment")
    parser.add_argument("--output", required=True, type=Path, help="CSV to write")
    return parsed(parser, "output")


def main() -> None:
    arguments = parse_arguments()
    require_named(arguments.experiments, REPEATED, "--experiments")
    networks, scores = (list(map(read_table, paths)) for paths in (arguments.networks, arguments.scores))
    write_table(beside_published(arguments.experiments, networks, scores), arguments.output)


if __name__ == "__main__":
    run_program(main)
