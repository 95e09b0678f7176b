"""how invariant the layers of a finished run are to rotation, or to another transformation of images."""

import argparse
from pathlib import Path

from anatomy.runtime.options import natural, positive


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("run_folder", type=Path, metavar="run", help="directory of a finished run")
    parser.add_argument("--dataset", type=Path, required=True, help="directory of its prepared data set")
    parser.add_argument(
        "--epoch", type=natural, help="epoch of a snapshot with all weights; the last if absent"
    )
    parser.add_argument("--images", type=positive, help="test images, the first ones; all if absent")
    parser.add_argument(
        "--layers", nargs="+", metavar="NAME", help="names of modules; the usual ones if absent"
    )
    parser.add_argument(
        "--transformation",
        default="rotation",
        choices=("rotation", "scale", "translation", "combined"),
        help="of the images",
    )
    parser.add_argument("--angles", type=positive, default=16, help="number of rotations")
    parser.add_argument("--jitter", type=float, default=0.0, help="random degrees around each of them")
    parser.add_argument(
        "--aggregation",
        default="mean",
        choices=("sum", "mean", "max", "deviations", "same_equivariance"),
        help="what stands for a feature map",
    )
    parser.add_argument(
        "--project", type=Path, default=Path(), help="folder with the Snakefile; here if absent"
    )
    parser.add_argument("--output", type=Path, help="CSV to write, one row for each unit and kind")


def run(arguments: argparse.Namespace) -> int:
    """Measure the units on test images; print means over layers, write a table if asked to."""
    import torch

    from anatomy.reporting.tables import write_table
    from anatomy.runtime.errors import InputError
    from anatomy.runtime.outputs import check_outputs
    from anatomy.runtime.schema import RUN, read_schema
    from anatomy.studies.invariance.any_network import invariance
    from anatomy.training.trained import open_run

    path = arguments.project / "workflow" / "schemas" / "config.schema.yaml"
    if not path.is_file():
        raise InputError(
            f"{arguments.project} is no folder of this project: it has no {path.name}; give it with --project"
        )
    check_outputs([("--output", arguments.output)], [arguments.run_folder, arguments.dataset, path])
    trained = open_run(arguments.run_folder, arguments.dataset, read_schema(path)["$defs"][RUN])
    task = trained.task
    if task.has_points:
        raise InputError(f"{arguments.run_folder} was trained on points, which cannot be rotated")
    images, labels = task.test
    count = arguments.images or len(labels)
    table = invariance(
        trained.network(arguments.epoch),
        torch.cat(list(images.plain(task.settings.batch_size)))[:count],
        labels[:count],
        transformation=arguments.transformation,
        layers=arguments.layers,
        angles=arguments.angles,
        jitter=arguments.jitter,
        aggregation=arguments.aggregation,
        normalise=task.normalise,
    )
    if arguments.output is not None:
        write_table(table, arguments.output)
    finite = table[table["kind"].isin(("all", "stratified")) & table["invariance"].abs().lt(float("inf"))]
    means = finite.pivot_table(
        index="layer", columns="kind", values="invariance", aggfunc="mean", sort=False
    ).reindex(table["layer"].unique())
    means["units"] = table[table["kind"] == "all"].groupby("layer", sort=False).size()
    print(means[["units", "all", "stratified"]].to_string(float_format="%.4f"))
    return 0
