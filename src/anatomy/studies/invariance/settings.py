"""What this study asks of the configuration beyond its schema."""

from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import Any

from anatomy.reporting.figures import FigureChecks, each_needs
from anatomy.runtime.settings import Settings

# Points cannot be rotated.
MEASURES_POINTS = False
# What must be the same of both networks of a pair.
SHARED = ("architecture", "width", "options", "dataset")


def study_problems(where: str, own: Settings, experiments: Mapping[str, Settings]) -> Iterator[str]:
    """Yield what is wrong with experiments that are measured at other epochs: snapshots that lack weights."""
    for name, settings in experiments.items():
        if settings.invariance is None or settings.snapshots.weights == "all":
            continue
        # The seed alone makes a network at epoch 0, unless it began with something learned.
        begins = settings.start is None and settings.subspace is None
        needed = sorted({*settings.invariance.epochs} - {settings.epochs} - ({0} if begins else set()))
        if needed:
            yield (
                f"experiments.{name}.invariance.epochs: the snapshot of epoch {needed[0]} has convolutions "
                "only; set snapshots.weights to all"
            )


def experiment_problems(where: str, own: Settings) -> Iterator[str]:
    """Yield what is wrong with this study's entry in an experiment."""
    if own.variant == "published" and own.artefacts:
        yield (
            f"{where}.artefacts: the authors' code has no floor; set it to false with `variant: published`"
        )
    if own.local and {*own.aggregations} == {"same_equivariance"}:
        yield f"{where}.local: there is none of maps that are turned back; add mean to aggregations"
    further = own.transformations
    if further is not None and not (further.scale or further.translation or further.combined):
        yield f"{where}.transformations: there are none; add scale, translation or combined"
    if further is not None and further.combined and prod(further.combined) < 2:
        yield f"{where}.transformations.combined: there is one transformation; expected two or more"


def epochs_read(own: Settings) -> dict[str, Sequence[int]]:
    """Return the epochs whose snapshots this study reads, by the key that lists them."""
    return {"epochs": own.epochs}


def missing_tables(own: Settings) -> tuple[str, ...]:
    """Return the tables of this study that there are not of an experiment."""
    return ()


def drawable(own: Settings) -> list[str]:
    """Return what figures can draw beside experiments: nothing."""
    return []


def pair_problems(
    where: str, names: Sequence[str], options: Mapping[str, Any], experiments: Mapping[str, Settings]
) -> Iterator[str]:
    """Yield what is wrong with pairs: one network trained on plain images, and the same on rotated ones."""
    if len(names) % 2:
        yield f"{where}.experiments: {len(names)} are named; expected pairs, plain and rotated in turn"
        return
    for position, name in enumerate(names):
        turned = experiments[name].augmentation.rotate > 0
        if turned != bool(position % 2):
            expected = "rotated" if position % 2 else "plain"
            yield (
                f"{where}.experiments: {name!r} trains on {'rotated' if turned else 'plain'} images "
                f"(augmentation.rotate); expected {expected} ones here, plain and rotated in turn"
            )
    for one, other in zip(names[::2], names[1::2], strict=True):
        for key in SHARED:
            if getattr(experiments[one], key) != getattr(experiments[other], key):
                yield f"{where}.experiments: {one!r} and {other!r} are a pair, but differ in {key}"


def angle_problems(
    where: str, names: Sequence[str], options: Mapping[str, Any], experiments: Mapping[str, Settings]
) -> Iterator[str]:
    """Yield what is wrong with a pair whose accuracy by angle is drawn."""
    yield from pair_problems(where, names, options, experiments)
    for name in names:
        if experiments[name].invariance.variant == "published":
            yield (
                f"{where}.experiments: {name!r} is measured with `variant: published`, which counts no "
                "accuracy; switch the figure off with null"
            )


_PAIRS = FigureChecks(pair_problems, whole=True)
FIGURE_CHECKS = {
    "invariance_layers": _PAIRS,
    "invariance_units": _PAIRS,
    "invariance_classes": _PAIRS,
    "invariance_training": _PAIRS,
    "invariance_angles": FigureChecks(angle_problems, whole=True),
    "invariance_epochs": FigureChecks(
        each_needs(
            lambda own: own.invariance.epochs,
            "is measured after its last epoch alone; set invariance.epochs of it",
        )
    ),
    "invariance_stability": FigureChecks(
        each_needs(
            lambda own: 0 in own.invariance.epochs,
            "is not measured at initialisation; add 0 to invariance.epochs of it",
        )
    ),
    "invariance_transformations": FigureChecks(
        each_needs(
            lambda own: own.invariance.transformations is not None,
            "is measured under rotation alone; set invariance.transformations of it",
        )
    ),
}
