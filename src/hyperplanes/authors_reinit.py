"""Re-initialisation of any checkpoint: the authors' program, with the options and files that it had."""

import logging
import re
from argparse import Namespace
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from hyperplanes import authors, resume
from hyperplanes.augmentation import Normaliser
from hyperplanes.checkpoints import read_checkpoint
from hyperplanes.devices import processor, set_up_torch
from hyperplanes.errors import InputError
from hyperplanes.evaluation import pixel_statistics
from hyperplanes.files import read_json, sha256_of, write_json
from hyperplanes.loading import open_images
from hyperplanes.named_data import NAMED, DataChoice, open_named
from hyperplanes.records import TOP_FIVE, Records, discard
from hyperplanes.reinitialisation import MEMORY, Resetter, count_correct, reinit_rows, remaining_batches
from hyperplanes.reset_weights import (
    LayerWeights,
    check_weights,
    fold_all,
    fresh_weights,
    linear_layers,
    new_network,
    weights_of,
)
from hyperplanes.resets import RANDOM, draw_name
from hyperplanes.streams import stream

LOG = logging.getLogger(__name__)
# Options of this program by what run.json says.
PIXELS = {
    "standardised": "no --unnormalize",
    "unit": "--unnormalize",
    "symmetric": "--run, for pixels from -1 to 1",
}
UPSCALING_OPTION = {
    None: "no --upscale or --upscale-padding",
    "plain": "--upscale",
    "padded": "--upscale-padding",
}


def choices() -> str:
    """Return what `--arch` and `--dataset` may be, for reading."""
    return f"{authors.choices()}; or the directory of a prepared data set"


def epoch_of(path: Path) -> str:
    """Return the epoch of a checkpoint, or its name if nothing says which that is."""
    epoch = authors.epoch_of(path)
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
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            LOG.warning("%s, line %d is empty; skipped", path, number)
        elif not Path(line.strip()).is_file():
            LOG.warning("%s, line %d: %s does not exist; skipped", path, number, line.strip())
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
    path = (folder.parent if folder.name == "snapshots" else folder) / resume.RUN_FILE
    settings = _settings_of_run(path)
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
            "upscaling" in settings or pixels != "standardised" or choice.dataset not in NAMED
        ),
    }
    if wrong := [option for option, given in needed.items() if not given]:
        raise InputError(
            f"{path}: the network was trained on other pixels or classes; give {', '.join(wrong)}"
        )


def _settings_of_run(path: Path) -> Mapping[str, Any] | None:
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
    settings = settings_of(options)
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


def settings_of(options: Namespace) -> dict[str, Any]:
    """Return what decides the shapes and the initialisation of the network."""
    initialisation = {"kind": "authors"}
    return {"architecture": options.arch, "width": options.width, "initialisation": initialisation}


def resets_of(
    options: Namespace, paths: Sequence[Path], network: torch.nn.Module, description: Mapping[str, Any]
) -> dict[str, LayerWeights]:
    """Return what layers are reset to, by epoch, in the order of `paths`, and each random draw.

    `InputError` if there is nothing to reset to, no layer to reset, or one name for two of them.
    """
    names: dict[str, Path] = {}
    for path in paths:
        name = epoch_of(path)
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
    settings, seed = settings_of(options), options.seed or 0
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
    set_up_torch(options.threads, device_name)
    device = torch.device(device_name)
    memory = options.memory or MEMORY[device_name]
    paths = listed_paths(options.inits_from) if options.inits_from else []
    choice = DataChoice.of(options, options.class_sample_seed)
    check_run(options, choice)
    dataset, description = open_named(choice, test_only=True)
    network = load_network(options, description)
    resets = resets_of(options, paths, network, description)
    LOG.info("%s on %d test images of %s", options.load_from, len(dataset.test_labels), choice.name)
    resets = fold_all(network, resets, dataset.image_shape)
    network.to(device, memory_format=torch.channels_last)
    resetter = Resetter(network, resets, dataset.image_shape, options.with_linear)
    size = resetter.batch_size(options.batch_size, memory)
    name = f"reinit_{options.load_from.name.removesuffix(options.load_from.suffix)}"
    place = authors.result_folder(options, choice.name)
    results, plots = options.results / place, options.plots / place
    folder = results / f".{name}.progress"
    with resume.locked(folder, "evaluated"):
        statistics = pixel_statistics(pixels_of(options), description)
        data = [description["sha256"], choice.upscaling, choice.subsample, choice.class_seed, statistics]
        records = Records(folder, _mark(options, paths, data, resets, [size, memory], device_name))
        labels = torch.from_numpy(dataset.test_labels).to(device)
        normalise = Normaliser(*statistics, device)
        open_from = partial(open_images, dataset, "test", device, options.workers)
        batches = remaining_batches(open_from, labels, normalise, records.images, size)
        baseline, cells = count_correct(resetter, batches, records, memory)
        rows = reinit_rows(baseline, cells, len(labels), {"experiment": "", "seed": options.seed})
        content = authors_json(rows, records.correct(TOP_FIVE), options, choice.name)
        write_json(results / f"{name}.json", content)
        heat_map(content, plots / f"{name}.pdf")
        records.close()
    discard(folder)
    LOG.info("wrote %s and %s", results / f"{name}.json", plots / f"{name}.pdf")


def _mark(
    options: Namespace,
    paths: Sequence[Path],
    data: Sequence[Any],
    resets: Mapping[str, LayerWeights],
    batch: Sequence[int],
    device_name: str,
) -> str:
    """Return a fingerprint of everything that decides the predictions."""
    return resume.fingerprint(
        {
            "settings": settings_of(options),
            "weights": [sha256_of(path) for path in (options.load_from, *paths)],
            "resets": list(resets),
            "linear": options.with_linear,
            "seed": options.seed,
            "data": data,
            "code": resume.code_hash(),
            "torch": torch.__version__,
            "processor": processor(device_name),
            "threads": options.threads,
            "images at a time": batch,
        }
    )


def authors_json(
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
        "epoch": epoch_of(options.load_from),
        "cells": [{key: row[key] for key in row if key not in ("experiment", "seed")} for row in rows],
    }


def heat_map(content: Mapping[str, Any], path: Path) -> None:
    """Draw the relative drop in test accuracy by reset (rows, as listed) and layer (columns), 0 to 1."""
    import matplotlib.pyplot as plt
    import numpy as np

    from hyperplanes.plotting import HEAT_COLOURS, PAGE_WIDTH, save_figure

    best = content["top1_test"]
    resets = content["init_from_epoch"]
    layers = max(map(len, resets.values()))
    grid = np.full((len(resets), layers), np.nan)
    for row, accuracies in zip(grid, resets.values(), strict=True):
        row[: len(accuracies)] = (best - np.array(accuracies)) / best if best else np.nan
    figure, ax = plt.subplots(figsize=(PAGE_WIDTH, 0.9 + 0.25 * len(resets)), layout="constrained")
    image = ax.pcolormesh(grid, cmap=HEAT_COLOURS, edgecolors="white", linewidth=0.4, vmin=0, vmax=1)
    ax.invert_yaxis()
    ax.set_xticks(np.arange(layers) + 0.5, range(1, layers + 1), fontsize=6)
    ax.set_yticks(np.arange(len(resets)) + 0.5, resets)
    ax.set_xlabel("layer")
    ax.set_ylabel("reset to epoch")
    ax.set_title(f"{content['arch']} on {content['dataset']} (test accuracy {best:.1f} %)")
    figure.colorbar(image, ax=ax, extend="min", label="relative drop\nin test accuracy")
    save_figure(figure, [path])
    plt.close(figure)
