"""What this study asks of the configuration beyond its schema, and how it reads its own keys."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from anatomy.reporting.figures import FigureChecks
from anatomy.runtime.settings import Settings


def study_problems(where: str, own: Settings, experiments: Mapping[str, Settings]) -> Iterator[str]:
    """Yield what is wrong with the experiments that this study measures, each as a whole."""
    for name, settings in experiments.items():
        own = settings.subspaces
        if own is None or not own.average:
            continue
        key = f"experiments.{name}.subspaces.average"
        if settings.subspace is not None:
            yield f"{key}: the experiment trains a subspace, whose mid-point is evaluated; remove the key"
        elif settings.snapshots.weights != "all":
            yield f"{key}: snapshots hold convolutions only; set `weights: all` in `snapshots`"


def experiment_problems(where: str, own: Settings) -> Iterator[str]:
    """Yield what is wrong with this study's entry in an experiment."""
    if own.points % 2 == 0:
        yield f"{where}.points: {own.points} is even, so that there is no mid-point; expected an odd number"
    if len(own.average) == 1:
        yield f"{where}.average: one epoch is listed; expected two or more, or none"


def epochs_read(own: Settings) -> dict[str, Sequence[int]]:
    """Return the epochs whose snapshots this study reads, by the key that lists them."""
    return {"average": own.average}


def missing_tables(own: Settings) -> tuple[str, ...]:
    """Return the tables of this study that there are not of an experiment, whatever it trains."""
    return ()


def drawable(own: Settings) -> list[str]:
    """Return what figures can draw beside experiments: nothing."""
    return []


def has_alpha(settings: Settings) -> bool:
    """Tell whether an experiment trains a subspace with points at alpha: a line or a curve."""
    return settings.subspace is not None and settings.subspace.kind != "simplex"


def sweep_problems(
    where: str, names: Sequence[str], options: Mapping[str, Any], experiments: Mapping[str, Any]
) -> Iterator[str]:
    """Yield what is wrong with a figure over alpha: it needs a line or a curve, and no simplex."""
    if not any(has_alpha(experiments[name]) for name in names):
        yield f"{where}.experiments: none trains a line or a curve; name one with `subspace: {{kind: line}}`"
    for name in names:
        subspace = experiments[name].subspace
        if subspace is not None and subspace.kind == "simplex":
            yield f"{where}.experiments: {name!r} trains a simplex, which has no alpha; take it out"


def simplex_problems(
    where: str, names: Sequence[str], options: Mapping[str, Any], experiments: Mapping[str, Any]
) -> Iterator[str]:
    """Yield what is wrong with a figure over the corners of simplexes: it needs one, and no curve."""
    kinds = {name: own.subspace.kind for name in names if (own := experiments[name]).subspace is not None}
    if not kinds:
        yield f"{where}.experiments: none trains a line or a simplex; name one"
    for name, kind in kinds.items():
        if kind == "bezier":
            yield f"{where}.experiments: {name!r} trains a curve; expected lines, simplexes, single networks"


def ends_problems(
    where: str, names: Sequence[str], options: Mapping[str, Any], experiments: Mapping[str, Any]
) -> Iterator[str]:
    """Yield what is wrong with a figure of ends: single networks have none."""
    for name in names:
        if experiments[name].subspace is None:
            yield f"{where}.experiments: {name!r} trains no subspace and has no ends; take it out"


def average_problems(
    where: str, names: Sequence[str], options: Mapping[str, Any], experiments: Mapping[str, Any]
) -> Iterator[str]:
    """Yield what is wrong with a figure of averaged snapshots: it needs some."""
    if not any(experiments[name].subspaces.average for name in names):
        yield f"{where}.experiments: none averages snapshots; list epochs in `subspaces.average` of one"


FIGURE_CHECKS = {
    "accuracy_over_alpha": FigureChecks(sweep_problems),
    "calibration_over_alpha": FigureChecks(sweep_problems),
    "accuracy_over_corners": FigureChecks(simplex_problems),
    "distance_of_ends": FigureChecks(ends_problems),
    "averages": FigureChecks(average_problems),
}
