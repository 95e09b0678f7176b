"""The authors' compute_projections.py: what it measured of any network, under the names that it gave."""

import sys
from argparse import Namespace
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from anatomy.networks.catalogue import require_architecture
from anatomy.runtime.errors import InputError
from anatomy.runtime.files import naming, write_json
from anatomy.runtime.outputs import check_outputs
from anatomy.studies.arrangements.hp_arrangements.names import described, epoch_of, file_name, result_folder
from anatomy.studies.arrangements.layers import Layer, checkpoint_layers, expected_layers, named_layers
from anatomy.studies.arrangements.projections import Distance, distance, to_json, warn_of_filters_left_out


def measure(options: Namespace) -> list[Path]:
    """Measure what the options ask for and write one JSON for each network; return their paths."""
    require_architecture(options.arch, options.width)
    data, image_shape, classes = described(options.dataset)
    classes = options.subsample_classes or classes
    if options.pretrained and options.load_from:
        raise InputError("--pretrained and --load-from exclude each other; give one of them")
    image_shape = _seen(options.arch, image_shape, options.width, classes)
    known = (options.arch, image_shape, options.width, classes, options.with_linear)
    folder = result_folder(options, data)
    if options.load_from:
        outputs = [(path, _output(options, folder, path)) for path in options.load_from]
        check_outputs(outputs, [*options.load_from, options.init_from])
        # All are looked at before the first is measured; then one after the other is in memory.
        for path in options.load_from:
            checkpoint_layers(path, *known)
        networks = ((path, checkpoint_layers(path, *known)) for path in options.load_from)
    elif options.pretrained:
        networks = [(Path(f"pretrained_{file_name(options.arch)}"), _released(options.arch, known))]
    else:
        seed = 0 if options.seed is None else options.seed
        print(f"no --load-from: measuring a random initialisation, seed {seed}", file=sys.stderr)
        layers = _initialisation(options.arch, classes, image_shape, options.width, seed, options.with_linear)
        networks = [(Path(f"init_{file_name(options.arch)}"), layers)]
    initial = checkpoint_layers(options.init_from, *known) if options.init_from else None
    sources, written = [], []
    for source, layers in networks:
        statistics = [layer.statistics() for layer in layers]
        warn_of_filters_left_out(statistics, source.name)
        origin = {
            "architecture": options.arch,
            "dataset": data,
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


def _output(options: Namespace, folder: Path, source: Path) -> Path:
    name = source.stem if source.suffix in (".pt", ".pth", ".tar", ".safetensors") else source.name
    return Path(options.results, folder, f"{name}.json")


def _seen(
    architecture: str, image_shape: tuple[int, int, int], width: float, classes: int
) -> tuple[int, int, int]:
    """Return the (C, H, W) that a network sees of a data set's images."""
    try:
        expected_layers(architecture, image_shape, width, classes)
    except InputError:
        # Smaller images than it takes can only have been scaled.
        return (image_shape[0], 224, 224)
    return image_shape


def _released(architecture: str, known: tuple) -> list[Layer]:
    """Return the layers of the weights IMAGENET1K_V1 of torchvision."""
    if known[3] != 1000:
        raise InputError(f"released weights tell 1000 classes apart, not {known[3]}; set --dataset imagenet")
    from anatomy.studies.arrangements.pretrained.read import obtain, official_url

    return checkpoint_layers(obtain(official_url(architecture)), *known)


def _initialisation(
    architecture: str,
    classes: int,
    image_shape: tuple[int, int, int],
    width: float,
    seed: int,
    with_linear: bool,
) -> list[Layer]:
    """Return the layers of a network as the authors' code initialises it."""
    from anatomy.networks.build import build_network
    from anatomy.runtime.streams import stream

    channels, *size = image_shape
    generator = stream(seed, "initialisation")
    network = build_network(architecture, classes, channels, width, generator, "published", size=tuple(size))
    geometries, _ = expected_layers(architecture, image_shape, width, classes)
    weights = {g.name: network.get_submodule(g.name).weight.detach().numpy() for g in geometries}
    return named_layers(f"an initialisation of {architecture}", geometries, weights, with_linear)


def _distances(layers: Sequence[Layer], initial: Sequence[Layer]) -> list[Distance]:
    start = {layer.geometry.name: layer.weight for layer in initial}
    return [distance(layer.weight, start[layer.geometry.name]) for layer in layers]


def _log(options: Namespace, folder: Path, sources: Sequence[Path], written: Sequence[Path]) -> None:
    """Write what was measured to log/<folder>/<date>_<name>, as the authors' programs do."""
    now = datetime.now()
    lines = [f"{now:%Y-%m-%d %H:%M:%S} {' '.join(sys.argv)}"]
    lines += [f"{source}: {path}" for source, path in zip(sources, written, strict=True)]
    path = Path("log", folder, f"{now:%Y-%m-%d_%H-%M-%S}_{options.log}")
    path.parent.mkdir(parents=True, exist_ok=True)
    with naming(path):
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
