"""line between two checkpoints or runs: sweep it, evaluate points of it, or recalibrate and export one."""

import argparse
from pathlib import Path
from typing import Any

from anatomy.runtime.options import add_schema, factor, odd_points


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument(
        "action",
        choices=("sweep", "evaluate", "recalibrate"),
        help="sweep: equal steps of the line and their ensembles; evaluate: the points --at; recalibrate: "
        "write the network at one point with statistics of its own",
    )
    parser.add_argument("first", type=Path, help="directory of a finished run, or checkpoint; alpha 0")
    parser.add_argument("second", type=Path, help="another one of the same network and data; alpha 1")
    parser.add_argument("--dataset", type=Path, required=True, help="directory of their prepared data set")
    parser.add_argument("--architecture", help="network of two checkpoints, e.g. resnet18")
    parser.add_argument("--width", type=factor, default=1.0, help="factor on its number of channels (1)")
    parser.add_argument(
        "--pixels",
        choices=("standardised", "unit", "symmetric", "raw"),
        default="standardised",
        help="how two checkpoints see images (standardised)",
    )
    parser.add_argument(
        "--points", type=odd_points, default=11, help="of a sweep, an odd number of at least 3 (11)"
    )
    parser.add_argument(
        "--at", type=float, nargs="+", metavar="ALPHA", help="points from 0 to 1; one to recalibrate"
    )
    # Beside the working directory's Snakefile, if there is one.
    add_schema(parser, Path("workflow", "command"))
    parser.add_argument("--cuda", action="store_true", help="evaluate on a GPU")
    parser.add_argument(
        "--output", type=Path, help="CSV to write, a row for each point and ensemble of two; or safetensors"
    )


def run(arguments: argparse.Namespace) -> int:
    """Recalibrate points of the line and evaluate them, or write the network at one of them."""
    import torch
    from safetensors.torch import save_file

    from anatomy.reporting.tables import write_table
    from anatomy.runtime.devices import claim_device, set_up_torch
    from anatomy.runtime.errors import InputError
    from anatomy.runtime.files import atomic
    from anatomy.runtime.outputs import check_outputs
    from anatomy.studies.subspaces.any_networks import line
    from anatomy.studies.subspaces.recalibration import training_batches

    at, exporting = arguments.at, arguments.action == "recalibrate"
    if (arguments.action != "sweep") != (at is not None):
        expected = "takes no --at" if arguments.action == "sweep" else "needs --at, e.g. --at 0.5"
        raise InputError(f"{arguments.action} {expected}")
    if exporting and (len(at) != 1 or arguments.output is None):
        raise InputError("recalibrate writes the network at one point; give one number to --at, and --output")
    read = [arguments.first, arguments.second, arguments.dataset, arguments.schema]
    check_outputs([("--output", arguments.output)], read)
    with claim_device(int(arguments.cuda)) as device:
        task, networks = _opened(arguments, device)
        set_up_torch(1, device, task.settings.precision)
        networks = [n.to(device=task.device, memory_format=torch.channels_last) for n in networks]
        between = line(*networks)
        between.recalibrate(lambda: training_batches(task, False), points=arguments.points, at=at)
        if exporting:
            state = between.network(at[0]).state_dict()
            with atomic(arguments.output) as temporary:
                save_file({n: tensor.cpu().contiguous() for n, tensor in state.items()}, temporary)
            return 0
        images, labels = task.test
        size = task.settings.batch_size
        table = between.sweep(lambda: map(task.normalise, images.plain(size)), labels.cpu())
    if arguments.output is not None:
        write_table(table, arguments.output)
    single = table[table["members"] == 1].sort_values("alpha")
    columns = ["alpha", "accuracy", "accuracy_low", "accuracy_high", "loss", "ece"]
    print(single[columns].to_string(index=False, float_format="%.3g"))
    return 0


def _opened(arguments: argparse.Namespace, device: str) -> tuple[Any, list[Any]]:
    """Return the data of a run, or of two checkpoints, and both networks."""
    import torch

    from anatomy.checkpoints.torch_files import read_checkpoint
    from anatomy.data.dataset import open_dataset
    from anatomy.runtime.errors import InputError
    from anatomy.runtime.schema import RUN, read_schema
    from anatomy.runtime.settings import Settings
    from anatomy.training.task import Task
    from anatomy.training.trained import open_run

    schema = read_schema(arguments.schema)["$defs"][RUN]
    paths = arguments.first, arguments.second
    runs = {path: open_run(path, arguments.dataset, schema, device) for path in paths if path.is_dir()}
    if runs:
        task = next(iter(runs.values())).task
    elif arguments.architecture is None:
        raise InputError(
            f"{paths[0]} and {paths[1]} are no directories of runs; if they are checkpoints, say of which "
            "network with --architecture"
        )
    else:
        entry = {"architecture": arguments.architecture, "width": arguments.width}
        entry |= {"pixels": arguments.pixels, "validation_fraction": 0, "epochs": 1}
        dataset, description = open_dataset(arguments.dataset)
        task = Task(Settings(entry, schema), dataset, description, 0, torch.device(device))
    networks = []
    for path in paths:
        if path in runs:
            networks.append(runs[path].network())
            continue
        network = task.initial_network().eval()
        tensors = {n: torch.from_numpy(array.copy()) for n, array in read_checkpoint(path).tensors.items()}
        try:
            network.load_state_dict(tensors)
        except RuntimeError as error:
            raise InputError(
                f"{path} is not of {task.settings.architecture}: {' '.join(str(error).split())[:300]}; "
                "give its network with --architecture, and its --width"
            ) from error
        for name, tensor in network.state_dict().items():
            if not tensor.isfinite().all():
                raise InputError(f"{path}: {name} is not finite; expected numbers, give another checkpoint")
        networks.append(network)
    return task, networks
