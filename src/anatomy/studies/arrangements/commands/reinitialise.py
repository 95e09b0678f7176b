"""test accuracy of a trained run of the pipeline with each of its layers reset, one at a time."""

import argparse
from pathlib import Path

from anatomy.runtime.options import add_schema, figure
from anatomy.studies.arrangements.reinitialisation.options import add_options as add_resets


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="directory of a trained run")
    parser.add_argument("dataset", type=Path, help="directory of its prepared data set")
    # Beside the working directory's Snakefile, if there is one.
    add_schema(parser, Path("workflow", "command"))
    parser.add_argument("--snapshots", type=Path, nargs="*", default=[], help="snapshots to reset layers to")
    add_resets(parser)
    parser.add_argument("--cuda", action="store_true", help="evaluate on a GPU")
    parser.add_argument("--output", type=Path, help="CSV to write, one row for each layer and reset")
    parser.add_argument("--plot", type=figure, help="heat map of the drops to write, PNG or PDF")


def run(arguments: argparse.Namespace) -> int:
    """Print the drop of every layer; write them to a table and a figure if asked to."""
    import pandas as pd

    from anatomy.networks.memory_order import order_for_inference
    from anatomy.reporting.plotting import save_figure
    from anatomy.reporting.tables import write_table
    from anatomy.runtime.devices import claim_device, set_up_torch
    from anatomy.runtime.errors import InputError
    from anatomy.runtime.outputs import check_outputs
    from anatomy.runtime.schema import RUN, read_schema
    from anatomy.studies.arrangements.any_plot import plot
    from anatomy.studies.arrangements.reinitialisation import measure, resetter
    from anatomy.studies.arrangements.reinitialisation.weights import fold_all, weights_of_run
    from anatomy.training.evaluation import autocast
    from anatomy.training.trained import open_run

    if not arguments.snapshots and not arguments.rand:
        raise InputError("nothing to reset to; give --snapshots, --rand or both")
    read = [arguments.run_folder, arguments.dataset, arguments.schema, *arguments.snapshots]
    check_outputs([("--output", arguments.output), ("--plot", arguments.plot)], read)
    with claim_device(int(arguments.cuda)) as device:
        schema = read_schema(arguments.schema)["$defs"][RUN]
        trained = open_run(arguments.run_folder, arguments.dataset, schema, device, arguments.workers)
        set_up_torch(arguments.threads, device, trained.settings.precision)
        network, task, linear = trained.network(), trained.task, arguments.with_linear
        resets = weights_of_run(network, trained, arguments.snapshots, arguments.rand, linear)
        resets = fold_all(network, resets, task.input_shape)
        order_for_inference(network, task.input_shape, task.device, task.settings.precision)
        steps = resetter.Resetter(network, resets, task.input_shape, linear)
        memory = arguments.memory or resetter.MEMORY[task.device.type]
        batches = measure.batches_of_test(task, 0, steps.batch_size(arguments.batch_size, memory))
        with autocast(task.device, trained.settings.precision):
            correct, cells = resetter.count_correct(steps, batches, memory=memory)
        images = len(task.dataset.test_labels)
        rows = measure.reinitialisation_rows(correct, cells, images, trained.facts)
    table = pd.DataFrame(rows, columns=measure.COLUMNS)
    if arguments.output is not None:
        write_table(table, arguments.output)
    if arguments.plot is not None:
        save_figure(plot(table), [arguments.plot])
    columns = ["layer", "name", "reset_to", "accuracy", "drop", "drop_low", "drop_high"]
    print(f"test accuracy {table['trained_accuracy'].iloc[0]:.4g} on {images} images; drops when reset:")
    print(table[columns].to_string(index=False, float_format="%.3g"))
    return 0
