"""The studies, found by name: the figures of their papers, and what each asks of the configuration.

The module `settings` of a study has `sections` (its own of the configuration, with their defaults),
`section_problems`, `experiment_problems`, `epochs_read` (whose snapshots it needs) and `FIGURE_CHECKS`
(by kind of figure); its module `paper` has `FIGURES`.
"""

import pkgutil
from importlib import import_module
from types import ModuleType

from anatomy import studies
from anatomy.reporting.figures import FigureChecks


def modules(part: str) -> list[ModuleType]:
    """Return the module `part` of every study, studies in the order of their names."""
    names = sorted(study.name for study in pkgutil.iter_modules(studies.__path__))
    return [import_module(f"{studies.__name__}.{name}.{part}") for name in names]


SETTINGS = modules("settings")
FIGURES = {name: figure for paper in modules("paper") for name, figure in paper.FIGURES.items()}
_CHECKS = {kind: checks for study in SETTINGS for kind, checks in study.FIGURE_CHECKS.items()}


def checks(figure: str) -> FigureChecks:
    """Return what is checked of a figure of the papers, by its kind."""
    return _CHECKS.get(FIGURES[figure].kind, FigureChecks())
