"""What the configuration asks of each figure: what it draws, what is left out, what is wrong with it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from anatomy.configuration.studies import checks


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

    A figure goes with all that it draws; one of a kind that is drawn whole goes with any part of it.
    """
    drawn, missing = {}, {}
    for figure, own in figures.items():
        named = [*own.get("experiments", [])]
        named += [own[key] for key in ("experiment", "pretrained") if key in own]
        left = [name for name in named if name not in off]
        if len(left) < len(named):
            missing[figure] = [name for name in named if name in off]
        if left == named or (left and not checks(figure).whole):
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
        where, asked = f"figures.{figure}", checks(figure)
        known = {**experiments, **pretrained} if asked.pretrained else experiments
        unknown = [name for name in names if name not in known]
        for name in unknown:
            what = "experiment or pretrained network" if asked.pretrained else "experiment"
            yield (
                f"{where}: {what} {name!r} is not in the configuration; "
                f"allowed: {', '.join(known)}; or switch the figure off with null"
            )
        if not unknown:
            yield from asked.problems(where, names, options[figure], experiments)
