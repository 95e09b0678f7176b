"""Configuration: validated against its schema, defaults merged, refused with the key at fault."""

import difflib
import math
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker, ValidationError, validators

from hyperplanes import figure_settings
from hyperplanes.errors import InputError
from hyperplanes.layouts import LAYOUTS, RESNETS, name_problem, width_problem
from hyperplanes.resets import resets_anything

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

# JSON Schema alone takes 4.0 for an integer, and NaN and infinity for numbers.
_TYPES = Draft202012Validator.TYPE_CHECKER.redefine_many(
    {
        "integer": lambda _, value: type(value) is int,
        "number": lambda _, value: type(value) in (int, float) and math.isfinite(value),
    }
)
_Validator = validators.extend(Draft202012Validator, type_checker=_TYPES)
_FORMATS = FormatChecker(formats=())
_FORMATS.checks("architecture")(lambda name: not isinstance(name, str) or name_problem(name) is None)


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
    _refuse(_schema_problems(config, schema))
    config = {**_defaults(schema, schema), **config}
    base = _merge(_defaults(schema["$defs"]["experiment"], schema), config["defaults"])
    experiments = {name: _merge(base, own) for name, own in config["experiments"].items()}
    datasets = {
        name: _merge(_defaults(schema["$defs"][own["source"]], schema), own)
        for name, own in config["datasets"].items()
    }
    pretrained = {
        name: _merge(_pretrained_defaults(own["source"], schema), own)
        for name, own in config["pretrained"].items()
    }
    _refuse(_dataset_problems(datasets))
    _refuse(
        problem
        for name, settings in experiments.items()
        for problem in _experiment_problems(f"experiments.{name}", settings, datasets)
    )
    _refuse(
        f"pretrained.{name}: experiments.{name} has the same name, and so would their tables; rename one"
        for name in pretrained
        if name in experiments
    )
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
        config["device"],
        config["runs_per_gpu"],
        config["data"],
        config["critical_drop"],
        datasets,
        experiments,
        pretrained,
        figures,
        options,
        switched_off,
    )


def training_settings(experiment: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of an experiment that decides its weights, for one seed and data set."""
    return {key: experiment[key] for key in TRAINING_KEYS}


def resets(experiment: Mapping[str, Any]) -> bool:
    """Tell whether the layers of an experiment are reset to anything."""
    return resets_anything(experiment["reinitialise"])


def label(experiment: Mapping[str, Any], datasets: Mapping[str, Mapping[str, Any]]) -> str:
    """Return network and data set of an experiment in words, e.g. `VGG19 (width 1/4), CIFAR-10`."""
    network = _architecture_label(experiment["architecture"])
    if experiment["width"] != 1:
        numerator, denominator = float(experiment["width"]).as_integer_ratio()
        exact = 1 < denominator <= 64
        network += f" (width {numerator}/{denominator})" if exact else f" (width {experiment['width']:g})"
    data = datasets[experiment["dataset"]].get("label", experiment["dataset"])
    changes = {"unit": ", pixels in [0, 1]", "symmetric": ", pixels in [-1, 1]"}.get(experiment["pixels"], "")
    if share := experiment["label_noise"]["share"]:
        changes += f", {share:.0%} label noise"
    if experiment["pixel_shuffle"]:
        changes += ", shuffled pixels"
    if experiment["initialisation"]["kind"] == "normal":
        changes += f", weights from N(0, {experiment['initialisation']['std']:g}²)"
    return f"{network}, {data}{changes}"


def pretrained_label(network: Mapping[str, Any]) -> str:
    """Return a pretrained network in words, e.g. `VGG16, ImageNet (PyTorch)`."""
    publisher = {"torchvision": "PyTorch", "matconvnet": "MatConvNet"}[network["source"]]
    return network.get("label", f"{_architecture_label(network['architecture'])}, ImageNet ({publisher})")


def _architecture_label(architecture: str) -> str:
    """Return the name of a network as it is usually written, e.g. `VGG19-BN`, `ResNet18`."""
    names = {"lenet": "LeNet", "alexnet": "AlexNet", "vgg19_orig": "VGG19, N(0, 0.01²)", "mlp_bn": "MLP-BN"}
    if architecture in names:
        return names[architecture]
    if architecture in LAYOUTS:
        return architecture.upper().replace("BN", "-BN")
    return architecture.replace("resnet", "ResNet") if architecture in RESNETS else architecture


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


def _merge(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return `base` overridden by `own`, key by key at any depth; lists are replaced."""
    merged = deepcopy(dict(base))
    for key, value in own.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _merge(merged[key], value) if both else deepcopy(value)
    return merged


def _defaults(schema: Mapping[str, Any], root: Mapping[str, Any]) -> dict[str, Any]:
    """Collect the defaults of a schema's properties, nested ones included."""
    defaults = {}
    for key, part in schema["properties"].items():
        if "default" in part:
            nested = _defaults(part, root) if "properties" in part else {}
            own = part["default"]
            defaults[key] = _merge(nested, own) if isinstance(own, Mapping) else deepcopy(own)
    return defaults


def _pretrained_defaults(source: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the defaults that pretrained networks share, and those of their source."""
    parts = ("pretrained", f"pretrained_{source}")
    return {key: value for part in parts for key, value in _defaults(schema["$defs"][part], schema).items()}


def _refuse(problems: Iterator[str]) -> None:
    found = list(dict.fromkeys(problems))
    if found:
        raise InputError("configuration: " + "\n".join(found))


def _schema_problems(config: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[str]:
    """Yield one sentence for each violation of the schema."""
    errors = _Validator(schema, format_checker=_FORMATS).iter_errors(config)
    for error in sorted(errors, key=lambda error: list(map(str, error.absolute_path))):
        yield from _sentences(error)


def _sentences(error: ValidationError) -> Iterator[str]:
    """Say which key is wrong, what it is, and what is allowed; one sentence for each key."""
    where = ".".join(map(str, error.absolute_path)) or "the top level"
    expected = error.validator_value
    match error.validator:
        case "additionalProperties":
            allowed = error.schema["properties"]
            for key in error.instance:
                if key in allowed:
                    continue
                close = difflib.get_close_matches(str(key), allowed, 1)
                hint = f"; did you mean {close[0]}?" if close else ""
                path = ".".join(map(str, [*error.absolute_path, key]))
                yield f"{path}: unknown key; allowed: {', '.join(allowed)}{hint}"
        case "required":
            for key in expected:
                if key not in error.instance:
                    yield f"{where}: key {key} is missing"
        case "enum":
            yield f"{where}: {error.instance!r} is not allowed; allowed: {', '.join(map(str, expected))}"
        case "type":
            hint = ""
            if expected == "number" and isinstance(error.instance, str):
                hint = "; YAML reads 1e-3 as text, write 1.0e-3 or 0.001"
            kinds = [expected] if isinstance(expected, str) else expected
            yield f"{where}: {error.instance!r} is not of type {' or '.join(kinds)}{hint}"
        case "format":
            yield f"{where}: {name_problem(error.instance)}"
        case "pattern":
            yield f"{where}: {error.instance!r} does not match {expected}"
        case "oneOf" if where.endswith(".snapshots"):
            yield f"{where}: {error.instance!r} is not allowed; expected `all` or a list of epochs"
        case _:
            yield f"{where}: {error.message}"


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
    resets = settings["reinitialise"]
    if resets["linear"] and not (0 in resets["epochs"] or resets["random"]):
        yield (
            f"{where}.reinitialise.linear: there is nothing to reset linear layers to; "
            "list epoch 0 in reinitialise.epochs, or set reinitialise.random"
        )
    snapshots = settings["snapshots"]
    lists = {
        "seeds": settings["seeds"],
        "snapshots": [] if snapshots == "all" else snapshots,
        "reinitialise.epochs": resets["epochs"],
    }
    for key, values in lists.items():
        twice = [value for place, value in enumerate(values) if value in values[:place]]
        if twice:
            yield f"{where}.{key}: {twice[0]} is listed twice; expected distinct values"
    for key in ("snapshots", "reinitialise.epochs"):
        for epoch in lists[key]:
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
