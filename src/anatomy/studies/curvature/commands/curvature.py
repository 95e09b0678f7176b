"""largest eigenvalues of the Hessian of a trained run of the pipeline, and the curvature of its layers."""

import argparse
from pathlib import Path

from anatomy.runtime.options import add_schema, natural, positive, threads


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="directory of a trained run")
    parser.add_argument("dataset", type=Path, help="directory of its prepared data set")
    # Beside the working directory's Snakefile, if there is one.
    add_schema(parser, Path("workflow", "command"))
    parser.add_argument(
        "--epoch", type=natural, help="epoch of a snapshot with all weights; the end if absent"
    )
    parser.add_argument("--k", type=positive, default=10, help="number of eigenvalues")
    parser.add_argument("--layers", nargs="+", help="modules whose parameters count; all if absent")
    parser.add_argument("--inputs", type=positive, help="the first so many training inputs alone")
    parser.add_argument(
        "--products", type=positive, default=60, help="products with random vectors, for traces"
    )
    parser.add_argument("--threads", type=threads, default=1, help="CPU threads")
    parser.add_argument("--cuda", action="store_true", help="measure on a GPU")
    parser.add_argument("--output", type=Path, help="CSV to write, one row for each layer")


def run(arguments: argparse.Namespace) -> int:
    """Print eigenvalues, trace and layers; write the layers to a table if asked to."""
    from anatomy.runtime.devices import claim_device, limit_numpy, set_up_torch

    limit_numpy(arguments.threads)
    import torch

    from anatomy.reporting.tables import write_table
    from anatomy.runtime.outputs import check_outputs
    from anatomy.runtime.schema import RUN, read_schema
    from anatomy.studies.curvature.any_network import curvature
    from anatomy.studies.curvature.measure import training_batches
    from anatomy.training.losses import minimised
    from anatomy.training.trained import open_run

    read = [arguments.run_folder, arguments.dataset, arguments.schema]
    check_outputs([("--output", arguments.output)], read)
    with claim_device(int(arguments.cuda)) as device:
        set_up_torch(arguments.threads, device)
        schema = read_schema(arguments.schema)["$defs"][RUN]
        trained = open_run(arguments.run_folder, arguments.dataset, schema, device)
        inputs, labels = map(torch.cat, zip(*training_batches(trained, arguments.inputs), strict=True))
        found = curvature(
            trained.network(arguments.epoch),
            inputs,
            labels,
            minimised(trained.settings.loss),
            arguments.k,
            arguments.layers,
            arguments.products,
        )
    if arguments.output is not None:
        write_table(found.layers, arguments.output)
    trace = found.trace.whole
    values = ", ".join(f"{value:.4g}" for value in found.pairs.values)
    print(
        f"{len(inputs)} training inputs, {len(found.pairs.vectors)} parameters; largest eigenvalues: {values}"
    )
    print(
        f"trace {trace.value:.4g} ({trace.low:.4g} to {trace.high:.4g}); outliers: {found.outliers}; layers:"
    )
    columns = ["layer", "parameters", "trace", "trace_low", "trace_high", "top", "share_1"]
    print(found.layers[columns].to_string(index=False, float_format="%.3g"))
    return 0
