"""The authors' reinit_layers.py: reinitialisation of any checkpoint, with the files that it wrote."""

import logging
import re
import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from anatomy.checkpoints.torch_files import read_checkpoint
from anatomy.data.dataset import Dataset
from anatomy.data.image_files import IndexedDataset
from anatomy.runtime.devices import set_up_torch
from anatomy.runtime.errors import InputError
from anatomy.runtime.files import read_json, sha256_of, write_json
from anatomy.runtime.outputs import check_outputs
from anatomy.runtime.run_files import RUN_FILE
from anatomy.runtime.schema import read_schema
from anatomy.runtime.settings import Settings
from anatomy.studies.arrangements.hp_arrangements.data import DataChoice, open_named, seen_as
from anatomy.studies.arrangements.hp_arrangements.names import DATASETS, epoch_of, result_folder
from anatomy.studies.arrangements.hp_arrangements.settings import settings_in, validated
from anatomy.studies.arrangements.reinitialisation.measure import Effort, measured
from anatomy.studies.arrangements.reinitialisation.names import RANDOM, draw_name
from anatomy.studies.arrangements.reinitialisation.weights import (
    LayerWeights,
    check_weights,
    fresh_weights,
    linear_layers,
    weights_of,
)
from anatomy.training.facts import require_unedited
from anatomy.training.task import Task

LOG = logging.getLogger(__name__)
# What to give, by what run.json says.
PIXELS = {
    "standardised": "no --unnormalize",
    "unit": "--unnormalize",
    "symmetric": "reinitialise_layers.py --run, for pixels from -1 to 1",
}
UPSCALING_OPTION = {
    None: "no --upscale or --upscale-padding",
    "plain": "--upscale",
    "padded": "--upscale-padding",
}


def name_of(path: Path) -> str:
    """Return the epoch of a checkpoint, or the name of its file if nothing says which that is."""
    epoch = epoch_of(path)
    return path.stem if epoch is None else str(epoch)


def tensors_of(path: Path) -> dict[str, torch.Tensor]:
    """Return the tensors of a checkpoint by name."""
    arrays = read_checkpoint(path).tensors
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def listed_paths(path: Path) -> list[Path]:
    """Return the checkpoints that a text file lists, one per line, relative to the working directory.

    Empty lines and files that do not exist are left out with a warning; `InputError` if none is left.
    """
    if not path.is_file():
        raise InputError(f"--inits-from {path} does not exist; expected a text file with one path per line")
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise InputError(
            f"--inits-from {path} is no UTF-8; expected a text file with one path per line"
        ) from error
    found = []
    for position, line in enumerate(lines, 1):
        if not line.strip():
            LOG.warning("%s, line %d is empty; skipped", path, position)
        elif not Path(line.strip()).is_file():
            LOG.warning("%s, line %d: %s does not exist; skipped", path, position, line.strip())
        else:
            found.append(Path(line.strip()))
    if not found:
        raise InputError(f"--inits-from {path} lists no file that exists; expected one path per line")
    return found


def check_run(options: Namespace, choice: DataChoice, settings: Settings, schema: Mapping[str, Any]) -> None:
    """Raise `InputError` if `--load-from` lies in a run that saw other pixels or classes than `settings` say.

    A directory's images are standardised with statistics of their own, those of a name with the authors'.
    """
    folder = options.load_from.parent
    path = (folder.parent if folder.name == "snapshots" else folder) / RUN_FILE
    if (facts := _facts_if_known(path, schema)) is None:
        return
    trained = settings_in(facts, schema)
    subset, own = trained.class_subset, settings.class_subset
    count, seed = (0, None) if subset is None else (subset.count, subset.seed)
    shuffled = "no --class-sample-seed" if seed is None else f"--class-sample-seed {seed}"
    named = trained.pixels == "standardised" and choice.statistics(settings.upscaling) is not None
    needed = {
        PIXELS[trained.pixels]: trained.pixels == settings.pixels,
        UPSCALING_OPTION[trained.upscaling]: trained.upscaling == settings.upscaling,
        f"--subsample-classes {count}": count == (0 if own is None else own.count),
        shuffled: seed == (None if own is None else own.seed),
        "the prepared directory as --dataset": not named or "statistics" in facts,
        "--dataset by its name": choice.dataset in DATASETS or "statistics" not in facts,
    }
    if wrong := [option for option, given in needed.items() if not given]:
        raise InputError(
            f"{path}: the network was trained on other pixels or classes; give {', '.join(wrong)}"
        )


def _facts_if_known(path: Path, schema: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the facts in a run.json; None if there is no such file, or another program's."""
    try:
        content = read_json(path) if path.is_file() else None
    except ValueError:
        return None
    settings = content.get("settings") if isinstance(content, Mapping) else None
    try:
        return content if isinstance(settings, Mapping) and validated(settings, schema) else None
    except InputError:
        return None


def task_of(
    options: Namespace,
    choice: DataChoice,
    dataset: Dataset | IndexedDataset,
    description: Mapping[str, Any],
    settings: Settings,
    device: str,
) -> Task:
    """Return what the network sees of a data set; fresh weights are drawn with --seed, 0 if absent."""
    statistics, seed = choice.statistics(settings.upscaling), options.seed or 0
    return Task(settings, dataset, description, seed, torch.device(device), options.workers, statistics)


def network_settings(options: Namespace, schema: Mapping[str, Any]) -> Settings:
    """Return the settings of a run that decide the network and how it sees the data."""
    entry = {"architecture": options.arch, "width": options.width, "initialisation": {"kind": "published"}}
    return validated({**entry, **seen_as(options, options.class_sample_seed)}, schema)


def load_network(path: Path, task: Task, dataset: str) -> torch.nn.Module:
    """Return the network in a file; `InputError` if it is not that of `task`, or has not its classes."""
    tensors = tensors_of(path)
    network = task.initial_network()
    weights = weights_of(tensors)
    last = next(reversed(linear_layers(network)), None)
    if last in weights and len(weights[last][0]) != task.classes:
        raise InputError(
            f"{path} tells {len(weights[last][0])} classes apart, but {dataset} has {task.classes}; give the "
            "data set that it was trained on, or --subsample-classes"
        )
    check_weights(weights, network, str(path))
    missing = sorted(network.state_dict().keys() - tensors.keys())
    missing = [name for name in missing if not name.endswith("num_batches_tracked")]
    if missing:
        raise InputError(f"{path} has no {missing[0]}; expected the whole network")
    network.load_state_dict(tensors, strict=False)
    return network


def resets_of(
    options: Namespace, paths: Sequence[Path], network: torch.nn.Module, task: Task
) -> dict[str, LayerWeights]:
    """Return what layers are reset to, by epoch, in the order of `paths`, and each random draw.

    `InputError` if there is nothing to reset to, no layer to reset, or one name for two of them.
    """
    names: dict[str, Path] = {}
    for path in paths:
        name = name_of(path)
        if re.fullmatch(r"rand(om)?(-\d+)?", name):
            raise InputError(f"{path} would be called {name}, as the draws of --rand are; rename it")
        other = names.setdefault(name, path)
        if other is not path:
            raise InputError(f"{other} and {path} are both of epoch {name}; list one of them, or rename one")
    resets: dict[str, LayerWeights] = {}
    for name, path in names.items():
        weights = weights_of(tensors_of(path))
        check_weights(weights, network, str(path))
        absent = [layer for layer in linear_layers(network) if layer not in weights]
        if options.with_linear and absent:
            LOG.warning("%s has no weights of %s, which it does not reset", path, ", ".join(absent))
        resets[name] = weights
    for draw in range(1, options.rand + 1):
        resets[draw_name(draw)] = fresh_weights(task, draw, options.with_linear)
    if not resets:
        raise InputError("nothing to reset to; give --inits-from, --rand or both")
    if not any(resets.values()):
        raise InputError(
            f"no file of --inits-from {options.inits_from} has a layer of the network; "
            "snapshots hold convolutions only: list whole networks, or give --rand"
        )
    return resets


def measure(options: Namespace, hashes: Mapping[str, str], device_name: str) -> None:
    """Reset the layers of a checkpoint; write the authors' JSON file and a heat map.

    `hashes` are those of `hashes_of_code`.
    """
    check_outputs([("--log", options.log)], [options.load_from, options.inits_from])
    _log_to(options.log)
    set_up_torch(options.threads, device_name)
    paths = listed_paths(options.inits_from) if options.inits_from else []
    choice, schema = DataChoice(options.dataset, options.data_path), read_schema(options.schema)
    settings = network_settings(options, schema)
    check_run(options, choice, settings, schema)
    dataset, description = open_named(choice, test_only=True)
    task = task_of(options, choice, dataset, description, settings, device_name)
    network = load_network(options.load_from, task, choice.name)
    resets = resets_of(options, paths, network, task)
    LOG.info("%s on %d test images of %s", options.load_from, len(task.dataset.test_labels), choice.name)
    name = f"reinit_{options.load_from.name.removesuffix(options.load_from.suffix)}"
    relative = result_folder(options, choice.name)
    results, plots = options.results / relative, options.plots / relative
    code = hashes[settings.schedule.kind]
    decisive = {
        "settings": settings.stored(),
        "weights": [sha256_of(path) for path in (options.load_from, *paths)],
        "seed": options.seed,
        "data": [description["sha256"], choice.statistics(settings.upscaling)],
        "code": code,
    }
    with measured(
        network,
        resets,
        options.with_linear,
        task,
        Effort(options.threads, options.batch_size, options.memory),
        {"experiment": "", "seed": options.seed},
        decisive,
        results / f".{name}.progress",
    ) as (rows, top_five):
        require_unedited(code, options.program, settings, f"{options.load_from} was measured")
        content = published_json(rows, top_five, options, choice.name)
        write_json(results / f"{name}.json", content)
        draw_heat_map(content, plots / f"{name}.pdf")
    LOG.info("wrote %s and %s", results / f"{name}.json", plots / f"{name}.pdf")


def _log_to(path: Path) -> None:
    """Write what is logged to stderr, and to the end of a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handlers = [logging.StreamHandler(sys.stderr), logging.FileHandler(path)]
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", handlers=handlers)
    # What is put into a PDF of the heat map is nobody's concern.
    logging.getLogger("fontTools").setLevel(logging.WARNING)


def published_json(
    rows: Sequence[Mapping[str, Any]], top_five: int, options: Namespace, dataset: str
) -> dict[str, Any]:
    """Return the content of a `reinit_*.json`: the authors' keys, and `cells` with the counts of each.

    Accuracies of the authors' keys are percentages, one per layer.
    """
    draws = {name: name.replace(RANDOM, "rand") for name in map(draw_name, range(1, options.rand + 1))}
    accuracies: dict[str, list[float]] = {}
    for row in rows:
        key = draws.get(row["reset_to"], row["reset_to"])
        accuracies.setdefault(key, []).append(percent(row["accuracy"]))
    images = rows[0]["images"]
    seed = {} if options.seed is None else {"seed": str(options.seed)}
    return {
        "init_from_epoch": accuracies,
        "arch": options.arch,
        "dataset": dataset,
        "top1_test": percent(rows[0]["trained_accuracy"]),
        "top5_test": percent(top_five / images),
        **seed,
        "epoch": name_of(options.load_from),
        "cells": [{key: row[key] for key in row if key not in ("experiment", "seed")} for row in rows],
    }


def percent(fraction: float) -> float:
    """Return a percentage without the digits that rounding of binary fractions adds."""
    return round(100 * fraction, 10)


def draw_heat_map(content: Mapping[str, Any], path: Path) -> None:
    """Draw the relative drop in test accuracy by reset (rows, as listed) and layer (columns), 0 to 1."""
    import matplotlib.pyplot as plt
    import numpy as np

    from anatomy.reporting.plotting import PAGE_WIDTH, save_figure
    from anatomy.studies.arrangements.figures.style import heat_map

    best = content["top1_test"]
    resets = content["init_from_epoch"]
    layers = max(map(len, resets.values()))
    grid = np.full((len(resets), layers), np.nan)
    for row, accuracies in zip(grid, resets.values(), strict=True):
        row[: len(accuracies)] = (best - np.array(accuracies)) / best if best else np.nan
    figure, axes = plt.subplots(figsize=(PAGE_WIDTH, 0.9 + 0.25 * len(resets)), layout="constrained")
    mesh = heat_map(axes, grid, list(resets), range(1, layers + 1), 0, 1)
    axes.invert_yaxis()
    axes.set_xlabel("layer")
    axes.set_ylabel("reset to epoch")
    axes.set_title(f"{content['arch']} on {content['dataset']} (test accuracy {best:.1f} %)")
    figure.colorbar(mesh, ax=axes, extend="min", label="relative drop\nin test accuracy")
    save_figure(figure, [path])
    plt.close(figure)
