"""fraction of negative projections of every layer of a checkpoint, and the cosine of every filter."""

import argparse
from pathlib import Path

from anatomy.runtime.options import factor, figure, positive


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("checkpoint", type=Path, help="safetensors, a state dict of torch.save, a snapshot")
    parser.add_argument("--architecture", help="network that the checkpoint is compared with, e.g. resnet50")
    parser.add_argument(
        "--width", type=factor, default=1.0, help="factor on its channels (1), with --architecture"
    )
    parser.add_argument(
        "--image-shape",
        type=positive,
        nargs=3,
        metavar=("C", "H", "W"),
        help="images that it was trained on, which `cosine` needs; with --architecture",
    )
    parser.add_argument("--with-linear", action="store_true", help="measure linear layers too")
    parser.add_argument("--output", type=Path, help="CSV to write, one row for each filter")
    parser.add_argument("--plot", type=figure, help="figure of n_l by layer to write, PNG or PDF")


def run(arguments: argparse.Namespace) -> int:
    """Print the summary of all layers; write the filters to a table if asked to."""
    from anatomy.reporting.tables import write_table
    from anatomy.runtime.outputs import check_outputs
    from anatomy.studies.arrangements.any_network import projections, summarise

    check_outputs([("--output", arguments.output), ("--plot", arguments.plot)], [arguments.checkpoint])
    shape = tuple(arguments.image_shape) if arguments.image_shape else None
    table = projections(
        arguments.checkpoint,
        architecture=arguments.architecture,
        image_shape=shape,
        width=arguments.width,
        with_linear=arguments.with_linear,
    )
    if arguments.output is not None:
        write_table(table, arguments.output)
    if arguments.plot is not None:
        from anatomy.reporting.plotting import save_figure
        from anatomy.studies.arrangements.any_plot import plot

        save_figure(plot(table), [arguments.plot])
    columns = ["layer", "name", "kind", "filters", "n_l", "low", "high", "p_corrected"]
    print(summarise(table)[columns].to_string(index=False, float_format="%.3g"))
    return 0
