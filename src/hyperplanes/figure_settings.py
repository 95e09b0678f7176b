"""What the configuration asks of each figure: what it draws, what is left out, what is wrong with it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hyperplanes import figures as paper
from hyperplanes.resets import resets_anything


def switched_off(config: Any) -> set[str]:
    """Return the names of experiments and pretrained networks that are present but null."""
    sections = [config.get(key) for key in ("experiments", "pretrained")] if _is_mapping(config) else []
    return {
        name for section in sections if _is_mapping(section) for name, own in section.items() if own is None
    }


def _is_mapping(value: Any) -> bool:
    return isinstance(value, Mapping)


def drawn(
    figures: Mapping[str, Mapping[str, Any]], off: set[str]
) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Return what each figure draws, and what it is asked to draw but is switched off.

    A figure goes with all that it draws; a comparison goes with any part of it.
    """
    drawn, missing = {}, {}
    for figure, own in figures.items():
        named = [*own.get("experiments", [])]
        named += [own[key] for key in ("experiment", "pretrained") if key in own]
        left = [name for name in named if name not in off]
        if len(left) < len(named):
            missing[figure] = [name for name in named if name in off]
        if left == named or (left and paper.FIGURES[figure].kind != "comparison"):
            drawn[figure] = left
    return drawn, missing


def options(
    figures: Mapping[str, Mapping[str, Any]], drawn: Mapping[str, Sequence[str]]
) -> dict[str, dict[str, Any]]:
    """Return `seed` and `runs` of each figure; they go with the experiment that they are of."""
    found = {}
    for figure, names in drawn.items():
        own = figures[figure]
        kept = "experiment" not in own or own["experiment"] in names
        found[figure] = {key: own[key] for key in ("seed", "runs") if kept and key in own}
    return found


def problems(
    figures: Mapping[str, Sequence[str]],
    options: Mapping[str, Mapping[str, Any]],
    experiments: Mapping[str, Any],
    pretrained: Mapping[str, Any],
) -> Iterator[str]:
    """Yield figures that cannot be drawn from what they name."""
    for figure, names in figures.items():
        where, kind = f"figures.{figure}", paper.FIGURES[figure].kind
        known = {**experiments, **pretrained} if kind == "histograms" else experiments
        unknown = [name for name in names if name not in known]
        for name in unknown:
            what = "experiment or pretrained network" if kind == "histograms" else "experiment"
            yield (
                f"{where}: {what} {name!r} is not in the configuration; "
                f"allowed: {', '.join(known)}; or switch the figure off with null"
            )
        if not unknown:
            yield from _KIND_PROBLEMS.get(kind, _no_problems)(where, names, options[figure], experiments)


def _no_problems(where: str, names: Sequence[str], options: Mapping, experiments: Mapping) -> Iterator[str]:
    yield from ()


def _histogram_problems(
    where: str, names: Sequence[str], options: Mapping[str, Any], experiments: Mapping[str, Any]
) -> Iterator[str]:
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


def _heatmap_problems(
    where: str, names: Sequence[str], options: Mapping[str, Any], experiments: Mapping[str, Any]
) -> Iterator[str]:
    (name,) = names
    if not resets_anything(experiments[name]["reinitialise"]):
        yield f"{where}: experiment {name!r} resets nothing; set reinitialise.epochs or reinitialise.random"
    seeds = len(experiments[name]["seeds"])
    if options.get("runs", 0) > seeds:
        yield f"{where}.runs: {options['runs']} is more than experiment {name!r} has; allowed: 1 to {seeds}"


def _comparison_problems(
    where: str, names: Sequence[str], options: Mapping[str, Any], experiments: Mapping[str, Any]
) -> Iterator[str]:
    if len(names) not in (2, 4):
        yield f"{where}.experiments: {len(names)} are named; expected 2 or 4, step and smooth in turn"
        return
    for place, name in enumerate(names):
        kind, expected = experiments[name]["schedule"]["kind"], ("step", "smooth")[place % 2]
        if kind != expected:
            yield (
                f"{where}.experiments: {name!r} has the {kind} schedule; "
                f"expected {expected} here, step and smooth in turn"
            )


_KIND_PROBLEMS = {
    "histograms": _histogram_problems,
    "heatmaps": _heatmap_problems,
    "comparison": _comparison_problems,
}
