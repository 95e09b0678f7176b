"""What this study asks of the configuration beyond its schema, and how it reads its own keys."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from anatomy.reporting.figures import FigureChecks, each_needs
from anatomy.runtime.settings import Settings

# Tables of what is evaluated.
EVALUATED = ("evaluations", "evaluations_summary", "ensembles", "geometry", "layers", "plane")


def study_problems(where: str, own: Settings, experiments: Mapping[str, Settings]) -> Iterator[str]:
    """Yield what is wrong with the experiments that this study measures, each as a whole."""
    for name, settings in experiments.items():
        own = settings.subspaces
        if own is None:
            continue
        key = f"experiments.{name}.subspaces"
        corners = (
            0
            if settings.subspace is None
            else {"bezier": 3}.get(settings.subspace.kind, settings.subspace.corners)
        )
        if own.plane and corners != 3:
            yield f"{key}.plane: a plane goes through three corners; train a curve, or a simplex of 3 corners"
        if own.barrier and (settings.subspace is not None or len(settings.seeds) < 2):
            yield f"{key}.barrier: expected single networks of two seeds or more"
        if not own.average:
            continue
        key += ".average"
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
    if own.between and not own.average:
        yield f"{where}.between: no networks are averaged; list their epochs in `average`"
    if own.plane == 1:
        yield f"{where}.plane: a grid of one point is none; expected 2 or more, or 0"
    if own.barrier and (own.barrier % 2 == 0 or own.barrier < 3):
        yield f"{where}.barrier: {own.barrier} points; expected an odd number from 3 on, or 0"


def epochs_read(own: Settings) -> dict[str, Sequence[int]]:
    """Return the epochs whose snapshots this study reads, by the key that lists them."""
    return {"average": own.average}


def missing_tables(own: Settings) -> tuple[str, ...]:
    """Return the tables of this study that there are not of an experiment, whatever it trains."""
    missing = [] if own.barrier else ["barrier"]
    missing += [] if own.corruptions is not None else ["corruptions"]
    return (*missing, *([] if own.evaluated else EVALUATED))


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


def average_problems(
    where: str, names: Sequence[str], options: Mapping[str, Any], experiments: Mapping[str, Any]
) -> Iterator[str]:
    """Yield what is wrong with a figure of averaged snapshots: it needs some."""
    if not any(experiments[name].subspaces.average for name in names):
        yield f"{where}.experiments: none averages snapshots; list epochs in `subspaces.average` of one"


def noise_problems(
    where: str, names: Sequence[str], options: Mapping[str, Any], experiments: Mapping[str, Any]
) -> Iterator[str]:
    """Yield what is wrong with a figure over label noise: two fractions, and tests of every epoch."""
    if len({experiments[name].label_noise.fraction for name in names}) < 2:
        yield (
            f"{where}.experiments: all have the same label noise; name experiments of two fractions or more "
            "(`label_noise: {fraction: ...}`)"
        )
    for name in names:
        own = experiments[name]
        if own.subspace is None and own.validation_fraction:
            yield (
                f"{where}.experiments: {name!r} holds images out, and the best epoch is that on the test "
                "images; set its `validation_fraction` to 0"
            )


def plane_problems(
    where: str, names: Sequence[str], options: Mapping[str, Any], experiments: Mapping[str, Any]
) -> Iterator[str]:
    """Yield what is wrong with a figure of a plane: its experiment evaluates none, or has no such seed."""
    for name in names:
        own = experiments[name]
        if not own.subspaces.plane:
            yield f"{where}.experiment: {name!r} evaluates no plane; set `subspaces: {{plane: 9}}` in it"
        if (seed := options.get("seed")) is not None and seed not in own.seeds:
            yield f"{where}.seed: {name!r} has no seed {seed}; allowed: {', '.join(map(str, own.seeds))}"


def _of_evaluations(problems: Callable[..., Iterator[str]]) -> FigureChecks:
    """Return the checks of a figure whose experiments have to be evaluated."""

    def all_problems(
        where: str, names: Sequence[str], options: Mapping[str, Any], experiments: Mapping[str, Any]
    ) -> Iterator[str]:
        for name in names:
            if not experiments[name].subspaces.evaluated:
                yield f"{where}.experiments: {name!r} is not evaluated; remove `evaluated: false` from it"
        yield from problems(where, names, options, experiments)

    return FigureChecks(all_problems)


FIGURE_CHECKS = {
    "accuracy_over_alpha": _of_evaluations(sweep_problems),
    "calibration_over_alpha": _of_evaluations(sweep_problems),
    "accuracy_over_corners": _of_evaluations(simplex_problems),
    "distance_of_ends": _of_evaluations(
        each_needs(
            lambda own: own.subspace is not None,
            "trains no subspace and has no ends; take it out",
            ".experiments",
        )
    ),
    "averages": _of_evaluations(average_problems),
    "accuracy_over_noise": _of_evaluations(noise_problems),
    "plane_of_corners": _of_evaluations(plane_problems),
    "barrier_of_seeds": FigureChecks(
        each_needs(
            lambda own: own.subspaces.barrier,
            "measures no barrier; set `subspaces: {barrier: 11}` in it",
            ".experiments",
        )
    ),
    "accuracy_under_corruption": FigureChecks(
        each_needs(
            lambda own: own.subspaces.corruptions is not None,
            "has no `corruptions` in its `subspaces`; add them",
            ".experiments",
        )
    ),
}
