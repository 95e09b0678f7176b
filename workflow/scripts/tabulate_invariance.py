"""Collect the invariance of units, layers and networks of one experiment over seeds, and its scores."""

import argparse
from pathlib import Path

from anatomy.runtime.errors import run_program
from anatomy.runtime.outputs import parsed


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--measurements", required=True, type=Path, nargs="+", help="of every seed, by measure_invariance.py"
    )
    parser.add_argument("--output", required=True, type=Path, help="directory to write the tables to")
    return parsed(parser, "output")


def main() -> None:
    arguments = parse_arguments()
    # Importing them takes most of the time of --help.
    from anatomy.reporting.grids import RUN, read_distinct
    from anatomy.reporting.tables import write_table
    from anatomy.studies.invariance.measurement import Measurement
    from anatomy.studies.invariance.tables import (
        angles_table,
        epochs_table,
        layer_table,
        layers_table,
        local_table,
        network_table,
        outputs_table,
        scores_table,
        transformations_table,
        units_table,
    )

    seeds = read_distinct(
        arguments.measurements, Measurement.read, lambda own: {key: own.facts[key] for key in RUN}
    )
    measurements = list(seeds)
    units = units_table(measurements)
    layers, epochs = layer_table(units), epochs_table(measurements)
    tables = {
        "units": units,
        "layer_invariance": layers,
        "network_invariance": network_table(units),
        "outputs": outputs_table(units),
        "scores": scores_table(measurements),
        "angles": angles_table(measurements),
        "layers": layers_table(layers, measurements[0].facts["epoch"], epochs),
        "epochs": epochs,
        "transformations": transformations_table(measurements),
        "local": local_table(measurements),
    }
    for name, table in tables.items():
        write_table(table, arguments.output / f"{name}.csv")


if __name__ == "__main__":
    run_program(main)
