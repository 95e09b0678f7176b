"""What this study asks of the configuration beyond its schema, and how it reads its own keys.

`Settings` are its entry in an experiment (`reinitialise`), or its entry under `studies` (`pretrained`,
`critical_drop`).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from anatomy.networks.catalogue import architecture_label, lacks_convolutions
from anatomy.reporting.figures import FigureChecks
from anatomy.runtime.settings import Settings

PUBLISHERS = {"torchvision": "PyTorch", "matconvnet": "MatConvNet"}


def resets(own: Settings) -> bool:
    """Tell whether the layers of an experiment are reset to anything."""
    return bool(own.reinitialise.epochs or own.reinitialise.random)


def pretrained_networks(own: Settings, schema: Mapping[str, Any]) -> dict[str, Settings]:
    """Return the pretrained networks of the study, by name; `schema` is that of `read_schemas`."""
    found = {}
    for name, entry in own.pretrained.items():
        keys = schema["$defs"][f"pretrained_{entry['source']}"]["properties"]
        common = schema["$defs"]["pretrained"]["properties"]
        found[name] = Settings(entry, {"properties": {key: common.get(key, keys[key]) for key in keys}})
    return found


def pretrained_label(network: Settings) -> str:
    """Return a pretrained network in words, e.g. `VGG16, ImageNet (PyTorch)`."""
    named = f"{architecture_label(network.architecture)}, ImageNet ({PUBLISHERS[network.source]})"
    return network.label or named


def missing_tables(own: Settings) -> tuple[str, ...]:
    """Return the tables of this study that there are not of an experiment: without resets none of them."""
    return () if resets(own) else ("reinitialisation", "reinitialisation_summary")


def drawable(own: Settings) -> list[str]:
    """Return what figures can draw beside experiments: pretrained networks."""
    return list(own.pretrained)


def study_problems(where: str, own: Settings, experiments: Mapping[str, Settings]) -> Iterator[str]:
    """Yield what is wrong with this study's entry, and with measuring an experiment as it is trained."""
    for name in own.pretrained:
        if name in experiments:
            yield (
                f"{where}.pretrained.{name}: experiments.{name} has the same name, and so would their "
                "tables; rename one"
            )
    for name, experiment in experiments.items():
        if experiment.arrangements is not None:
            yield from _measuring_problems(f"experiments.{name}", experiment)


def _measuring_problems(where: str, experiment: Settings) -> Iterator[str]:
    """Yield what this study would read of the runs of an experiment and does not find."""
    if lacks_convolutions(experiment.architecture):
        yield (
            f"{where}.arrangements: {experiment.architecture} has no convolutions, which this study "
            "measures; remove the key"
        )
    resetting = experiment.arrangements.reinitialise
    if resetting.linear and 0 in resetting.epochs and experiment.snapshots.weights != "all":
        for key in ("start", "subspace"):
            if getattr(experiment, key) is not None:
                yield (
                    f"{where}.snapshots.weights: with `{key}` the seed alone does not make the linear layers "
                    "of epoch 0, to which arrangements.reinitialise.linear resets; set it to all"
                )


def experiment_problems(where: str, own: Settings) -> Iterator[str]:
    """Yield what is wrong with this study's entry in an experiment, but for `epochs_read`."""
    resetting = own.reinitialise
    if resetting.linear and not (0 in resetting.epochs or resetting.random):
        yield (
            f"{where}.reinitialise.linear: there is nothing to reset linear layers to; "
            "list epoch 0 in reinitialise.epochs, or set reinitialise.random"
        )


def epochs_read(own: Settings) -> dict[str, Sequence[int]]:
    """Return the epochs whose snapshots this study reads, by the key that lists them."""
    return {"reinitialise.epochs": own.reinitialise.epochs}


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
    elif "seed" in options and options["seed"] not in experiments[names[0]].seeds:
        seeds = ", ".join(map(str, experiments[names[0]].seeds))
        yield (
            f"{where}.seed: {options['seed']} is not a seed of experiment {names[0]!r}; allowed: {seeds}; "
            f"{where}: null switches the figure off"
        )


def heatmap_problems(
    where: str, names: Sequence[str], options: Mapping[str, Any], experiments: Mapping[str, Any]
) -> Iterator[str]:
    """Yield what is wrong with heat maps: the experiment resets layers, in as many runs as are drawn."""
    (name,) = names
    if not resets(experiments[name].arrangements):
        yield (
            f"{where}: experiment {name!r} resets nothing; set arrangements.reinitialise.epochs or "
            "arrangements.reinitialise.random"
        )
    seeds = len(experiments[name].seeds)
    if options.get("runs", 0) > seeds:
        yield (
            f"{where}.runs: {options['runs']} is more than experiment {name!r} has; allowed: 1 to {seeds}; "
            f"{where}: null switches the figure off"
        )


def comparison_problems(
    where: str, names: Sequence[str], options: Mapping[str, Any], experiments: Mapping[str, Any]
) -> Iterator[str]:
    """Yield what is wrong with a comparison: its experiments have the step and smooth schedule in turn."""
    if len(names) not in (2, 4):
        yield f"{where}.experiments: {len(names)} are named; expected 2 or 4, step and smooth in turn"
        return
    for position, name in enumerate(names):
        schedule, expected = experiments[name].schedule.kind, ("step", "smooth")[position % 2]
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
