"""Kinds of figures: the modules `figures/<kind>.py` of the studies, found by name without importing them.

The file of a kind has the literals TABLES, the names of the tables of each experiment that it draws, one of
another study as `study/table`; TAKES, the names of its options; SHOWS, a few words for the report; and
CAPTION, its text there, a template of Jinja over the options without any markup. `draw(tables, **options)`
returns the figure; `tables` has a list of frames for each name of TABLES, in the order of the experiments.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Any, get_args

from anatomy.runtime.errors import InputError
from anatomy.runtime.literals import literals
from anatomy.runtime.shapes import INTEGER, TEXT, TEXTS, require_shape

PACKAGE = Path(__file__).parent.parent
# What an option may be by its annotation; one of another kind is not looked at.
SHAPES = {
    str: TEXT,
    int: INTEGER,
    bool: {"type": "boolean"},
    Sequence[str]: TEXTS,
    Sequence[int]: {"type": "array", "items": INTEGER},
}


@dataclass(frozen=True)
class Kind:
    """A kind of figure: the dotted name of its module, its study, and the literals of its file."""

    module: str
    study: str
    tables: tuple[str, ...]
    takes: tuple[str, ...]
    shows: str
    caption: str

    @property
    def other_studies(self) -> list[str]:
        """The other studies whose tables it draws."""
        return [study for study, _, _ in (name.rpartition("/") for name in self.tables) if study]

    def study_of(self, table: str) -> str:
        """Return the study whose table one in `tables` is."""
        return table.rpartition("/")[0] or self.study

    def paths_of(self, table: str, paths: Iterable[Path]) -> list[Path]:
        """Return those of the paths of tables that are of one name in `tables`, in their order."""
        study, _, name = table.rpartition("/")
        named = [path for path in paths if path.stem == name]
        if study:
            return [path for path in named if _is_of(path, study)]
        return [path for path in named if not any(_is_of(path, other) for other in self.other_studies)]

    def check_options(self, draw: Callable, options: Mapping[str, Any]) -> None:
        """Raise `InputError` if options of `draw` are missing, not known, or not what annotations say."""
        signature = inspect.signature(draw)
        try:
            signature.bind({}, **options)
        except TypeError as error:
            name = self.module.rpartition(".")[2]
            raise InputError(f"{name}: {error}; its options are {', '.join(self.takes)}") from None
        for name, value in options.items():
            annotation = signature.parameters[name].annotation
            parts = get_args(annotation) if isinstance(annotation, UnionType) else (annotation,)
            if not (value is None and type(None) in parts):
                shape = next((SHAPES[part] for part in parts if part in SHAPES), {})
                require_shape(value, shape, f"--options: {name}")


def _is_of(path: Path, study: str) -> bool:
    """Tell whether a table lies where those of a study do."""
    return path.match(f"{study}/tables/*/*")


@cache
def kinds() -> dict[str, Kind]:
    """Return the kinds of all studies by name; what else lies beside them has no literal TABLES."""
    found = {}
    for path in sorted(PACKAGE.glob("studies/*/figures/*.py")):
        own = literals(path)
        if "TABLES" in own:
            if path.stem in found:
                raise ValueError(f"{path}: {found[path.stem].study} has a kind of the same name; rename one")
            module = ".".join((PACKAGE.name, *path.relative_to(PACKAGE).with_suffix("").parts))
            words = (own["TABLES"], own["TAKES"], own["SHOWS"], own["CAPTION"])
            found[path.stem] = Kind(module, path.parent.parent.name, *words)
    return found


def kind_of(name: str) -> Kind:
    """Return the kind of this name; `InputError` names those there are."""
    if name not in kinds():
        raise InputError(f"{name!r} is not a kind of figure; allowed: {', '.join(sorted(kinds()))}")
    return kinds()[name]
