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
from anatomy.data.normalisation import pixel_statistics
from anatomy.runtime.devices import set_up_torch
from anatomy.runtime.errors import InputError
from anatomy.runtime.files import read_json, sha256_of, write_json
from anatomy.runtime.streams import stream
from anatomy.studies.arrangements.hp_arrangements.data import DataChoice, open_named
from anatomy.studies.arrangements.hp_arrangements.names import DATASETS, epoch_of, result_folder
from anatomy.studies.arrangements.reinitialisation.measure import Effort, EvaluationData, measured
from anatomy.studies.arrangements.reinitialisation.names import RANDOM, draw_name
from anatomy.studies.arrangements.reinitialisation.weights import (
    LayerWeights,
    check_weights,
    fresh_weights,
    linear_layers,
    weights_of,
)
from anatomy.training.facts import RUN_FILE
from anatomy.training.trained import new_network

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
    found = []
    for position, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            LOG.warning("%s, line %d is empty; skipped", path, position)
        elif not Path(line.strip()).is_file():
            LOG.warning("%s, line %d: %s does not exist; skipped", path, position, line.strip())
        else:
            found.append(Path(line.strip()))
    if not found:
        raise InputError(f"--inits-from {path} lists no file that exists; expected one path per line")
    return found


def pixels_of(options: Namespace) -> str:
    """Return which pixels the network sees, as the settings of a run call them."""
    return "unit" if options.unnormalize else "standardised"


def check_run(options: Namespace, choice: DataChoice) -> None:
    """Raise `InputError` if `--load-from` lies in a run that saw other pixels or classes."""
    folder = options.load_from.parent
    path = (folder.parent if folder.name == "snapshots" else folder) / RUN_FILE
    settings = _settings_if_known(path)
    if settings is None:
        return
    classes, seed = settings.get("subsample_classes", 0), settings.get("class_seed")
    pixels, upscaling = settings["pixels"], settings.get("upscaling")
    shuffled = "no --class-sample-seed" if seed is None else f"--class-sample-seed {seed}"
    needed = {
        PIXELS[pixels]: pixels == pixels_of(options),
        UPSCALING_OPTION[upscaling]: upscaling == choice.upscaling,
        f"--subsample-classes {classes}": classes == choice.subsample,
        shuffled: seed == choice.class_seed,
        # Runs of the pipeline, which have no upscaling, saw the statistics of their data; a name has others.
        "the prepared directory as --dataset": (
            "upscaling" in settings or pixels != "standardised" or choice.dataset not in DATASETS
        ),
    }
    if wrong := [option for option, given in needed.items() if not given]:
        raise InputError(
            f"{path}: the network was trained on other pixels or classes; give {', '.join(wrong)}"
        )


def _settings_if_known(path: Path) -> Mapping[str, Any] | None:
    """Return the settings in a run.json; None if there is no such file, or another program's."""
    try:
        content = read_json(path) if path.is_file() else None
    except ValueError:
        return None
    settings = content.get("settings") if isinstance(content, Mapping) else None
    if not isinstance(settings, Mapping) or settings.get("pixels") not in list(PIXELS):
        return None
    return settings if settings.get("upscaling") in list(UPSCALING_OPTION) else None


def load_network(options: Namespace, description: Mapping[str, Any]) -> torch.nn.Module:
    """Return the network of `--load-from`; `InputError` if it does not fit `--arch` or the classes."""
    tensors = tensors_of(options.load_from)
    settings = network_settings(options)
    network = new_network(settings, description, stream(0, "not used"))
    weights = weights_of(tensors)
    last = next(reversed(linear_layers(network)), None)
    classes = len(description["classes"])
    if last in weights and len(weights[last][0]) != classes:
        raise InputError(
            f"{options.load_from} tells {len(weights[last][0])} classes apart, but {description['name']} has "
            f"{classes}; give the data set that it was trained on, or --subsample-classes"
        )
    check_weights(weights, network, str(options.load_from))
    missing = sorted(network.state_dict().keys() - tensors.keys())
    missing = [name for name in missing if not name.endswith("num_batches_tracked")]
    if missing:
        raise InputError(f"{options.load_from} has no {missing[0]}; expected the whole network")
    network.load_state_dict(tensors, strict=False)
    return network


def network_settings(options: Namespace) -> dict[str, Any]:
    """Return what decides the shapes and the initialisation of the network."""
    initialisation = {"kind": "published"}
    return {"architecture": options.arch, "width": options.width, "initialisation": initialisation}


def resets_of(
    options: Namespace, paths: Sequence[Path], network: torch.nn.Module, description: Mapping[str, Any]
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
    settings, seed = network_settings(options), options.seed or 0
    for draw in range(1, options.rand + 1):
        fresh = fresh_weights(settings, description, seed, draw, options.with_linear)
        resets[draw_name(draw)] = fresh
    if not resets:
        raise InputError("nothing to reset to; give --inits-from, --rand or both")
    if not any(resets.values()):
        raise InputError(
            f"no file of --inits-from {options.inits_from} has a layer of the network; "
            "snapshots hold convolutions only: list whole networks, or give --rand"
        )
    return resets


def measure(options: Namespace, device_name: str) -> None:
    """Reset the layers of a checkpoint; write the authors' JSON file and a heat map."""
    _log_to(options.log)
    set_up_torch(options.threads, device_name)
    paths = listed_paths(options.inits_from) if options.inits_from else []
    choice = DataChoice.of(options, options.class_sample_seed)
    check_run(options, choice)
    dataset, description = open_named(choice, test_only=True)
    network = load_network(options, description)
    resets = resets_of(options, paths, network, description)
    LOG.info("%s on %d test images of %s", options.load_from, len(dataset.test_labels), choice.name)
    name = f"reinit_{options.load_from.name.removesuffix(options.load_from.suffix)}"
    relative = result_folder(options, choice.name)
    results, plots = options.results / relative, options.plots / relative
    statistics = pixel_statistics(pixels_of(options), description)
    effort = Effort(device_name, options.threads, options.workers, options.batch_size, options.memory)
    decisive = {
        "settings": network_settings(options),
        "weights": [sha256_of(path) for path in (options.load_from, *paths)],
        "seed": options.seed,
        "data": [description["sha256"], choice.upscaling, choice.subsample, choice.class_seed, statistics],
    }
    with measured(
        network,
        resets,
        options.with_linear,
        EvaluationData(dataset, statistics),
        effort,
        {"experiment": "", "seed": options.seed},
        decisive,
        results / f".{name}.progress",
    ) as (rows, top_five):
        content = published_json(rows, top_five, options, choice.name)
        write_json(results / f"{name}.json", content)
        draw_heat_map(content, plots / f"{name}.pdf")
    LOG.info("wrote %s and %s", results / f"{name}.json", plots / f"{name}.pdf")


def _log_to(path: Path) -> None:
    """Write what is logged to stderr, and to the end of a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handlers = [logging.StreamHandler(sys.stderr), logging.FileHandler(path)]
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", handlers=handlers)


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
        accuracies.setdefault(key, []).append(100 * row["accuracy"])
    images = rows[0]["images"]
    seed = {} if options.seed is None else {"seed": str(options.seed)}
    return {
        "init_from_epoch": accuracies,
        "arch": options.arch,
        "dataset": dataset,
        "top1_test": 100 * rows[0]["trained_accuracy"],
        "top5_test": 100 * top_five / images,
        **seed,
        "epoch": name_of(options.load_from),
        "cells": [{key: row[key] for key in row if key not in ("experiment", "seed")} for row in rows],
    }


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
