"""What this study asks of the configuration beyond its schema, and how it reads its own keys.

Its keys are `reinitialise` of an experiment, the sections `pretrained` and `critical_drop`, and its kinds
of figures.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from anatomy.networks.catalogue import architecture_label
from anatomy.reporting.figures import FigureChecks
from anatomy.runtime.schema import defaults, merge
from anatomy.studies.arrangements.reinitialisation.names import resets_anything


def resets(experiment: Mapping[str, Any]) -> bool:
    """Tell whether the layers of an experiment are reset to anything."""
    return resets_anything(experiment["reinitialise"])


def pretrained_label(network: Mapping[str, Any]) -> str:
    """Return a pretrained network in words, e.g. `VGG16, ImageNet (PyTorch)`."""
    publisher = {"torchvision": "PyTorch", "matconvnet": "MatConvNet"}[network["source"]]
    return network.get("label", f"{architecture_label(network['architecture'])}, ImageNet ({publisher})")


def sections(config: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return this study's own sections of a configuration, with the defaults of its schema."""
    pretrained = {
        name: merge(_pretrained_defaults(own["source"], schema), own)
        for name, own in config["pretrained"].items()
    }
    return {"pretrained": pretrained, "critical_drop": config["critical_drop"]}


def _pretrained_defaults(source: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the defaults that pretrained networks share, and those of their source."""
    parts = ("pretrained", f"pretrained_{source}")
    return {key: value for part in parts for key, value in defaults(schema["$defs"][part]).items()}


def section_problems(own: Mapping[str, Any], experiments: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with this study's `sections`."""
    for name in own["pretrained"]:
        if name in experiments:
            yield (
                f"pretrained.{name}: experiments.{name} has the same name, and so would their tables; "
                "rename one"
            )


def experiment_problems(where: str, experiment: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with this study's keys of an experiment, but for `epochs_read`."""
    own = experiment["reinitialise"]
    if own["linear"] and not (0 in own["epochs"] or own["random"]):
        yield (
            f"{where}.reinitialise.linear: there is nothing to reset linear layers to; "
            "list epoch 0 in reinitialise.epochs, or set reinitialise.random"
        )


def epochs_read(experiment: Mapping[str, Any]) -> dict[str, Sequence[int]]:
    """Return the epochs whose snapshots this study reads, by the key of the experiment that lists them."""
    return {"reinitialise.epochs": experiment["reinitialise"]["epochs"]}


def histogram_problems(
    where: str, names: Sequence[str], options: Mapping[str, Any], experiments: Mapping[str, Any]
) -> Iterator[str]:
    """Yield what is wrong with histograms: they are of one network, of a run if it is trained here."""
    if len(names) != 1:
        yield (
            f"{where}: {', '.join(names) or 'nothing'} named; "
            "expected either an experiment or a pretrained network, and null for the other"
        )
    elif "seed" in options and names[0] not in experiments:
        yield f"{where}.seed: {names[0]!r} is pretrained, not trained from seeds; remove the key"
    elif "seed" in options and options["seed"] not in experiments[names[0]]["seeds"]:
        seeds = ", ".join(map(str, experiments[names[0]]["seeds"]))
        yield f"{where}.seed: {options['seed']} is not a seed of experiment {names[0]!r}; allowed: {seeds}"


def heatmap_problems(
    where: str, names: Sequence[str], options: Mapping[str, Any], experiments: Mapping[str, Any]
) -> Iterator[str]:
    """Yield what is wrong with heat maps: the experiment resets layers, in as many runs as are drawn."""
    (name,) = names
    if not resets(experiments[name]):
        yield f"{where}: experiment {name!r} resets nothing; set reinitialise.epochs or reinitialise.random"
    seeds = len(experiments[name]["seeds"])
    if options.get("runs", 0) > seeds:
        yield f"{where}.runs: {options['runs']} is more than experiment {name!r} has; allowed: 1 to {seeds}"


def comparison_problems(
    where: str, names: Sequence[str], options: Mapping[str, Any], experiments: Mapping[str, Any]
) -> Iterator[str]:
    """Yield what is wrong with a comparison: its experiments have the step and smooth schedule in turn."""
    if len(names) not in (2, 4):
        yield f"{where}.experiments: {len(names)} are named; expected 2 or 4, step and smooth in turn"
        return
    for position, name in enumerate(names):
        schedule, expected = experiments[name]["schedule"]["kind"], ("step", "smooth")[position % 2]
        if schedule != expected:
            yield (
                f"{where}.experiments: {name!r} has the {schedule} schedule; "
                f"expected {expected} here, step and smooth in turn"
            )


# Kinds of which the configuration may ask more, or less, than the experiments that it names for them.
FIGURE_CHECKS = {
    "histograms": FigureChecks(histogram_problems, pretrained=True),
    "heatmaps": FigureChecks(heatmap_problems),
    "comparison": FigureChecks(comparison_problems, whole=True),
}
