"""What this study asks of the configuration beyond its schema, and how it reads its own keys."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from anatomy.reporting.figures import FigureChecks
from anatomy.runtime.settings import Settings


def study_problems(where: str, own: Settings, experiments: Mapping[str, Settings]) -> Iterator[str]:
    """Yield what is wrong with experiments whose curvature is measured: snapshots that lack weights."""
    for name, settings in experiments.items():
        if settings.curvature is None or settings.snapshots.weights == "all":
            continue
        if needed := sorted({*settings.curvature.epochs} - {settings.epochs}):
            yield (
                f"experiments.{name}.curvature.epochs: the snapshot of epoch {needed[0]} has convolutions "
                "only; set snapshots.weights to all"
            )


def experiment_problems(where: str, own: Settings) -> Iterator[str]:
    """Yield what is wrong with this study's entry in an experiment, but for `epochs_read`."""
    factors = own.reparametrise
    if factors and not math.isclose(math.prod(factors), 1, rel_tol=1e-9):
        yield (
            f"{where}.reparametrise: the product of {', '.join(f'{factor:g}' for factor in factors)} is "
            f"{math.prod(factors):g}; expected 1, so that the network stays the same function"
        )


def epochs_read(own: Settings) -> dict[str, Sequence[int]]:
    """Return the epochs whose snapshots this study reads, by the key that lists them."""
    return {"epochs": own.epochs}


def missing_tables(own: Settings) -> tuple[str, ...]:
    """Return the tables of this study that there are not of an experiment: it makes them all."""
    return ()


def drawable(own: Settings) -> list[str]:
    """Return what figures can draw beside experiments: nothing."""
    return []


def seed_problems(
    where: str, names: Sequence[str], options: Mapping[str, Any], experiments: Mapping[str, Any]
) -> Iterator[str]:
    """Yield what is wrong with figures of one seed: every experiment needs it."""
    for name in names:
        seeds = experiments[name].seeds
        if options.get("seed", seeds[0]) not in seeds:
            allowed = ", ".join(map(str, seeds))
            yield (
                f"{where}.seed: {options['seed']} is not a seed of experiment {name!r}; allowed: {allowed}; "
                f"{where}: null switches the figure off"
            )


# Kinds of which the configuration may ask more than the experiments that it names for them.
FIGURE_CHECKS = {
    "curvature_line": FigureChecks(seed_problems),
    "curvature_maps": FigureChecks(seed_problems),
    "curvature_minima": FigureChecks(seed_problems),
    "curvature_alignments": FigureChecks(seed_problems),
    "curvature_margins": FigureChecks(seed_problems, whole=True),
    "curvature_embedding": FigureChecks(seed_problems),
}
