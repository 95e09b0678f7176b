"""The whole configuration: validated against its schema, defaults merged, refused with the key at fault."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from anatomy.configuration import figures as figure_settings
from anatomy.configuration.messages import schema_problems
from anatomy.configuration.studies import SETTINGS
from anatomy.networks.catalogue import width_problem
from anatomy.runtime.errors import InputError
from anatomy.runtime.schema import defaults, merge

REQUIRED = ("dataset", "architecture", "epochs", "seeds")
# What decides the weights and files of a run; the rest may change without training again.
TRAINING_KEYS = (
    "architecture",
    "width",
    "initialisation",
    "epochs",
    "batch_size",
    "precision",
    "pixels",
    "label_noise",
    "pixel_shuffle",
    "augmentation",
    "validation_fraction",
    "split_seed",
    "optimiser",
    "schedule",
    "snapshots",
    "whole_snapshots",
)


@dataclass(frozen=True)
class Configuration:
    """A validated configuration; everything switched off is gone, every default filled in."""

    device: str
    runs_per_gpu: int
    data: str
    critical_drop: float
    datasets: Mapping[str, Mapping[str, Any]]
    experiments: Mapping[str, Mapping[str, Any]]
    pretrained: Mapping[str, Mapping[str, Any]]
    # Experiments and pretrained networks that a figure draws, and its other keys.
    figures: Mapping[str, Sequence[str]]
    figure_options: Mapping[str, Mapping[str, Any]]
    # What is named for a figure but null in the configuration.
    switched_off: Mapping[str, Sequence[str]]


def resolve(config: Mapping[str, Any], schema: Mapping[str, Any]) -> Configuration:
    """Validate `config`, fill in defaults, and return it; `InputError` lists everything wrong."""
    config = _selected(config)
    off = figure_settings.switched_off(config)
    config = _without_null(config)
    _refuse(schema_problems(config, schema))
    config = {**defaults(schema), **config}
    base = merge(defaults(schema["$defs"]["experiment"]), config["defaults"])
    experiments = {name: merge(base, own) for name, own in config["experiments"].items()}
    datasets = {
        name: merge(defaults(schema["$defs"][own["source"]]), own) for name, own in config["datasets"].items()
    }
    sections = {key: own for study in SETTINGS for key, own in study.sections(config, schema).items()}
    pretrained = sections["pretrained"]
    _refuse(_dataset_problems(datasets))
    _refuse(
        problem
        for name, settings in experiments.items()
        for problem in _experiment_problems(f"experiments.{name}", settings, datasets)
    )
    _refuse(problem for study in SETTINGS for problem in study.section_problems(sections, experiments))
    figures, switched_off = figure_settings.drawn(
        config["figures"], off - experiments.keys() - pretrained.keys()
    )
    options = figure_settings.options(config["figures"], figures)
    _refuse(figure_settings.problems(figures, options, experiments, pretrained))
    for settings in experiments.values():
        settings["snapshots"] = _snapshot_epochs(settings)
        if settings["augmentation"]["random_resized_crop"]:
            settings["augmentation"]["shift"] = 0
    return Configuration(
        device=config["device"],
        runs_per_gpu=config["runs_per_gpu"],
        data=config["data"],
        datasets=datasets,
        experiments=experiments,
        figures=figures,
        figure_options=options,
        switched_off=switched_off,
        **sections,
    )


def training_settings(experiment: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of an experiment that decides its weights, for one seed and data set."""
    return {key: experiment[key] for key in TRAINING_KEYS}


def _selected(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Switch off every experiment that `only` does not name."""
    if not isinstance(config, Mapping):
        return config
    only, experiments = config.get("only"), config.get("experiments")
    if not (isinstance(only, list) and isinstance(experiments, Mapping)):
        return config
    _refuse(
        f"only: {name!r} is not an experiment; allowed: {', '.join(map(str, experiments))}"
        for name in only
        if name not in experiments
    )
    selected = {name: own if name in only else None for name, own in experiments.items()}
    return {**config, "experiments": selected}


def _without_null(value: Any) -> Any:
    """Remove every key whose value is null, at any depth."""
    if isinstance(value, Mapping):
        return {key: _without_null(item) for key, item in value.items() if item is not None}
    return value


def _refuse(problems: Iterator[str]) -> None:
    found = list(dict.fromkeys(problems))
    if found:
        raise InputError("configuration: " + "\n".join(found))


def _dataset_problems(datasets: Mapping[str, Any]) -> Iterator[str]:
    """Yield what the schema cannot tell about the data sets."""
    for name, settings in datasets.items():
        if "polarity" in settings and settings["variant"] != "digits-grey":
            yield (
                f"datasets.{name}.polarity: {settings['variant']} has digits of both polarities as it is; "
                "remove the key, or set variant to digits-grey"
            )
        if settings["source"] == "images" and settings["crop"] > settings["resize"]:
            yield (
                f"datasets.{name}.crop: {settings['crop']} is larger than resize; "
                f"allowed: 1 to {settings['resize']}"
            )


def _experiment_problems(
    where: str, settings: Mapping[str, Any], datasets: Mapping[str, Any]
) -> Iterator[str]:
    """Yield what the schema cannot tell about one experiment with its defaults."""
    missing = [key for key in REQUIRED if key not in settings]
    if missing:
        for key in missing:
            yield f"{where}: key {key} is missing; set it there or in defaults"
        return
    if problem := width_problem(settings["architecture"], settings["width"]):
        yield f"{where}.width: {problem}"
    if settings["dataset"] not in datasets:
        yield (f"{where}.dataset: {settings['dataset']!r} is not a data set; allowed: {', '.join(datasets)}")
    else:
        yield from _image_problems(where, settings, datasets[settings["dataset"]]["source"])
    for study in SETTINGS:
        yield from study.experiment_problems(where, settings)
    snapshots = settings["snapshots"]
    epochs = {"snapshots": [] if snapshots == "all" else snapshots}
    for study in SETTINGS:
        epochs |= study.epochs_read(settings)
    for key, values in {"seeds": settings["seeds"], **epochs}.items():
        twice = [value for index, value in enumerate(values) if value in values[:index]]
        if twice:
            yield f"{where}.{key}: {twice[0]} is listed twice; expected distinct values"
    for key, values in epochs.items():
        for epoch in values:
            if epoch > settings["epochs"]:
                yield (
                    f"{where}.{key}: epoch {epoch} is past the end; "
                    f"allowed: 0 to {settings['epochs']} (epochs)"
                )
            elif epoch not in _snapshot_epochs(settings):
                yield (
                    f"{where}.{key}: epoch {epoch} has no snapshot; "
                    f"allowed: {', '.join(map(str, _snapshot_epochs(settings)))}"
                )


def _image_problems(where: str, settings: Mapping[str, Any], source: str) -> Iterator[str]:
    """Yield what an experiment asks of its images that those of this source do not allow."""
    dataset = settings["dataset"]
    if settings["augmentation"]["random_resized_crop"] and source != "images":
        yield (
            f"{where}.augmentation.random_resized_crop: images of data set {dataset!r} are small and of one "
            "size; expected a data set with `source: images`"
        )
    if settings["pixel_shuffle"] and source == "images":
        yield (
            f"{where}.pixel_shuffle: one permutation for each image of data set {dataset!r} does not fit in "
            "memory; expected a data set of another source than `images`"
        )


def _snapshot_epochs(settings: Mapping[str, Any]) -> list[int]:
    """Return the epochs whose weights are kept: those asked for, 0 and the last."""
    last = settings["epochs"]
    if settings["snapshots"] == "all":
        return list(range(last + 1))
    return sorted({0, last, *settings["snapshots"]})
