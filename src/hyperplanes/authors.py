"""The options of the authors' compute_projections.py: what it measured, under the names it gave."""

import re
import sys
from argparse import Namespace
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from hyperplanes.checkpoints import read_checkpoint
from hyperplanes.cosines import Distance, distance, to_json, warn_of_filters_left_out
from hyperplanes.epochs import PRETRAINED
from hyperplanes.errors import InputError
from hyperplanes.files import check_outputs, write_json
from hyperplanes.foreign import Layer, checkpoint_layers, expected_layers, named_layers
from hyperplanes.layouts import DATASETS, LAYOUTS, OWN, TIMM_PREFIX, TORCHVISION, require_architecture
from hyperplanes.snapshots import METADATA_KEY, load_snapshot


def choices() -> str:
    """Return the names that --arch and --dataset take, as text."""
    return "\n".join(
        [
            f"architectures: {', '.join(OWN)}",
            f"  of torchvision: {', '.join(TORCHVISION)}",
            f"  of timm, if it is installed: {TIMM_PREFIX}<name>",
            f"data sets: {', '.join(DATASETS)}",
        ]
    )


def measure(options: Namespace) -> list[Path]:
    """Measure what the options ask for and write one JSON for each network; return their paths."""
    require_architecture(options.arch, options.width)
    if options.dataset not in DATASETS:
        raise InputError(f"{options.dataset!r} is not a data set; allowed: {', '.join(DATASETS)}")
    if options.pretrained and options.load_from:
        raise InputError("--pretrained and --load-from exclude each other; give one of them")
    classes, image_shape = DATASETS[options.dataset]
    classes = options.subsample_classes or classes
    known = (options.arch, image_shape, options.width, classes, options.with_linear)
    folder = result_folder(options, options.dataset)
    if options.load_from:
        check_outputs((path, _output(options, folder, path)) for path in options.load_from)
        # All are looked at before the first is measured; then one after the other is in memory.
        for path in options.load_from:
            checkpoint_layers(path, *known)
        networks = ((path, checkpoint_layers(path, *known)) for path in options.load_from)
    elif options.pretrained:
        networks = [(Path(f"pretrained_{_file_name(options.arch)}"), _released(options.arch, known))]
    else:
        seed = 0 if options.seed is None else options.seed
        print(f"no --load-from: measuring a random initialisation, seed {seed}", file=sys.stderr)
        layers = _initialisation(options.arch, classes, image_shape, options.width, seed, options.with_linear)
        networks = [(Path(f"init_{_file_name(options.arch)}"), layers)]
    initial = checkpoint_layers(options.init_from, *known) if options.init_from else None
    sources, written = [], []
    for source, layers in networks:
        statistics = [layer.statistics() for layer in layers]
        warn_of_filters_left_out(statistics, source.name)
        origin = {
            "architecture": options.arch,
            "dataset": options.dataset,
            "epoch": epoch_of(source),
            "seed": options.seed,
        }
        moved = _distances(layers, initial) if initial else None
        path = _output(options, folder, source)
        write_json(path, to_json(statistics, origin, options.normalize, moved), None)
        sources.append(source)
        written.append(path)
    _log(options, folder, sources, written)
    return written


def _file_name(architecture: str) -> str:
    return architecture.replace("/", "_")


def result_folder(options: Namespace, dataset: str) -> Path:
    """Return <dataset>[_N]/<arch>/[seed], in which the authors put their results."""
    dataset += f"_{options.subsample_classes}" if options.subsample_classes else ""
    return Path(dataset, options.arch, *([] if options.seed is None else [str(options.seed)]))


def _output(options: Namespace, folder: Path, source: Path) -> Path:
    name = source.stem if source.suffix in (".pt", ".pth", ".tar", ".safetensors") else source.name
    return Path(options.results, folder, f"{name}.json")


def _released(architecture: str, known: tuple) -> list[Layer]:
    """Return the layers of the weights IMAGENET1K_V1 of torchvision."""
    if known[3] != 1000:
        raise InputError(f"released weights tell 1000 classes apart, not {known[3]}; set --dataset imagenet")
    released = architecture.replace("bn", "_bn") if architecture in LAYOUTS else architecture
    if released not in (*TORCHVISION, "alexnet") and not re.fullmatch(r"vgg\d+", released):
        raise InputError(f"torchvision has no weights of {architecture}; allowed: those of its networks")
    from hyperplanes.pretrained import obtain, official_url

    return checkpoint_layers(obtain(official_url(released)), *known)


def _initialisation(
    architecture: str,
    classes: int,
    image_shape: tuple[int, int, int],
    width: float,
    seed: int,
    with_linear: bool,
) -> list[Layer]:
    """Return the layers of a network as the authors' code initialises it."""
    from hyperplanes.architectures import build_network
    from hyperplanes.streams import stream

    channels, *size = image_shape
    generator = stream(seed, "initialisation")
    network = build_network(
        architecture, classes, channels, width, generator, {"kind": "authors"}, tuple(size)
    )
    places, _ = expected_layers(architecture, image_shape, width, classes)
    weights = {g.name: network.get_submodule(g.name).weight.detach().numpy() for g in places}
    return named_layers(f"an initialisation of {architecture}", places, weights, with_linear)


def _distances(layers: Sequence[Layer], initial: Sequence[Layer]) -> list[Distance]:
    start = {layer.geometry.name: layer.weight for layer in initial}
    return [distance(layer.weight, start[layer.geometry.name]) for layer in layers]


def epoch_of(path: Path) -> int | None:
    """Return the number of epochs after which a file was written; None if nothing says so.

    Snapshots of the pipeline say it themselves. In the authors' names <arch>_<e>.tar counts from 0,
    <arch>_<epochs>.pt from 1, `init` is 0 and `pretrained` -1.
    """
    if path.suffix == ".safetensors" and METADATA_KEY in read_checkpoint(path).entries:
        return load_snapshot(path).origin["epoch"]
    pieces = path.stem.split("_")
    if "pretrained" in pieces:
        return PRETRAINED
    if "init" in pieces:
        return 0
    if not pieces[-1].isdecimal():
        return None
    return int(pieces[-1]) + (path.suffix == ".tar")


def _log(options: Namespace, folder: Path, sources: Sequence[Path], written: Sequence[Path]) -> None:
    """Write what was measured to log/<folder>/<date>_<name>, as the authors' programs do."""
    now = datetime.now()
    lines = [f"{now:%Y-%m-%d %H:%M:%S} {' '.join(sys.argv)}"]
    lines += [f"{source}: {path}" for source, path in zip(sources, written, strict=True)]
    path = Path("log", folder, f"{now:%Y-%m-%d_%H-%M-%S}_{options.log}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
