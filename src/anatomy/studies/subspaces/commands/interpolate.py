"""accuracy and calibration along the line between the networks of two runs, e.g. of two seeds."""

import argparse
from pathlib import Path

from anatomy.runtime.options import positive


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("first", type=Path, help="directory of a finished run, at alpha 0")
    parser.add_argument("second", type=Path, help="another one of the same network and data, at alpha 1")
    parser.add_argument("--dataset", type=Path, required=True, help="directory of their prepared data set")
    parser.add_argument("--points", type=positive, default=11, help="points of the line, an odd number")
    parser.add_argument(
        "--project", type=Path, default=Path(), help="folder with the Snakefile; here if absent"
    )
    parser.add_argument(
        "--output", type=Path, help="CSV to write, one row for each point and ensemble of two"
    )


def run(arguments: argparse.Namespace) -> int:
    """Recalibrate and evaluate points of the line; print accuracies, write a table if asked to."""
    from anatomy.reporting.tables import write_table
    from anatomy.runtime.errors import InputError
    from anatomy.runtime.schema import RUN, read_schema
    from anatomy.studies.subspaces.any_networks import line
    from anatomy.studies.subspaces.recalibration import training_batches
    from anatomy.training.trained import open_run

    path = arguments.project / "workflow" / "schemas" / "config.schema.yaml"
    if not path.is_file():
        raise InputError(
            f"{arguments.project} is no folder of this project: it has no {path.name}; give it with --project"
        )
    schema = read_schema(path)["$defs"][RUN]
    first, second = (
        open_run(each, arguments.dataset, schema) for each in (arguments.first, arguments.second)
    )
    task = first.task
    between = line(first.network(), second.network())
    between.recalibrate(lambda: training_batches(task, False), points=arguments.points)
    images, labels = task.test
    size = task.settings.batch_size
    table = between.sweep(lambda: map(task.normalise, images.plain(size)), labels)
    if arguments.output is not None:
        write_table(table, arguments.output)
    single = table[table["members"] == 1].sort_values("alpha")
    columns = ["alpha", "accuracy", "accuracy_low", "accuracy_high", "loss", "ece"]
    print(single[columns].to_string(index=False, float_format="%.3g"))
    return 0
