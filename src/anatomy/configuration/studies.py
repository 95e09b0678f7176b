"""The studies, found by name: what each asks of the configuration, and the figures of its paper.

The module `settings` of a study has `study_problems` and `experiment_problems` (what its schema cannot
tell), `epochs_read` (whose snapshots it needs), `missing_tables` (of an experiment), `drawable` (what figures
can draw beside experiments) and `FIGURE_CHECKS` (by kind of figure), and `MEASURES_POINTS = False` if it
needs images; its module `paper` has `FIGURES`, and may have `PAPER`.
"""

import pkgutil
from importlib import import_module
from types import ModuleType
from typing import NamedTuple

from anatomy import studies
from anatomy.reporting.figures import FigureChecks, PaperFigure


class Study(NamedTuple):
    """The modules of a study that the configuration needs."""

    settings: ModuleType
    paper: ModuleType


def _study(name: str) -> Study:
    return Study(*(import_module(f"{studies.__name__}.{name}.{part}") for part in Study._fields))


STUDIES = {each.name: _study(each.name) for each in pkgutil.iter_modules(studies.__path__)}
# Figures of all papers by name, and the study that each belongs to.
FIGURES: dict[str, PaperFigure] = {}
for _each in STUDIES.values():
    FIGURES |= _each.paper.FIGURES


def checks(kind: str) -> FigureChecks:
    """Return what is checked of figures of a kind."""
    for study in STUDIES.values():
        if kind in study.settings.FIGURE_CHECKS:
            return study.settings.FIGURE_CHECKS[kind]
    return FigureChecks()
