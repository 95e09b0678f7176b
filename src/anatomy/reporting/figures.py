"""Figures of the papers and a user's own: what each shows and needs, and why one cannot be drawn."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

# What the configuration has to name for a figure.
NOTHING = "nothing"
EXPERIMENT = "an experiment"
EXPERIMENTS = "experiments"
PRETRAINED = "a pretrained network, or an experiment in its place"
# What can take the place of it.
_OTHERS = {
    EXPERIMENT: "another experiment",
    EXPERIMENTS: "other experiments",
    PRETRAINED: "another pretrained network or experiment",
}
# How an experiment or a pretrained network comes to be switched off.
SWITCHED_OFF = "(null, or not in `only`)"
_NOT_IN_THE_PAPER = "not in the paper: "


@dataclass(frozen=True)
class PaperFigure:
    """A figure: its kind, a module of the study's `figures`; its section; what the paper shows in it."""

    kind: str
    section: str
    shows: str
    needs: str = EXPERIMENT

    @property
    def pretrained(self) -> bool:
        """Whether the paper shows a pretrained network."""
        return self.needs == PRETRAINED

    @property
    def subject(self) -> str:
        """What is shown, whether the paper has the figure or not."""
        return self.shows.removeprefix(_NOT_IN_THE_PAPER)


@dataclass(frozen=True)
class Paper:
    """A paper: its title, authors and year; for the summary its main figure, and its main claims by id."""

    title: str
    authors: str = ""
    year: int | None = None
    hero: str | None = None
    headline: tuple[str, ...] = ()

    @property
    def in_words(self) -> str:
        """Title, and authors and year if there are any."""
        by = " ".join(filter(None, [self.authors, str(self.year or "")]))
        return f"{self.title} ({by})" if by else self.title


def paper_of(module: ModuleType, study: str) -> Paper:
    """Return `PAPER` of a study's module `paper`, or the study's name if it has none."""
    return getattr(module, "PAPER", Paper(study))


def _no_problems(where: str, names: Sequence[str], options: Mapping, experiments: Mapping) -> Iterator[str]:
    yield from ()


@dataclass(frozen=True)
class FigureChecks:
    """What the configuration may ask of figures of one kind.

    `problems` yields what is wrong with a figure, given where it stands in the configuration, the names
    of what it draws, its options, and all experiments. `pretrained`: it draws pretrained networks as well
    as experiments. `whole`: it is left out once any part of what it draws is switched off.
    """

    problems: Callable[[str, Sequence[str], Mapping[str, Any], Mapping[str, Any]], Iterable[str]] = (
        _no_problems
    )
    pretrained: bool = False
    whole: bool = False


def each_needs(has: Callable[[Any], bool], words: str, key: str = "") -> Callable[..., Iterator[str]]:
    """Return the check of a figure all of whose experiments need something: `words` say what one lacks.

    `has` tells of an experiment whether it has it; `key` follows where the figure stands.
    """

    def problems(
        where: str, names: Sequence[str], options: Mapping[str, Any], experiments: Mapping[str, Any]
    ) -> Iterator[str]:
        yield from (f"{where}{key}: {name!r} {words}" for name in names if not has(experiments[name]))

    return problems


def in_the_paper(name: str, figure: PaperFigure | None) -> str:
    """Say in one sentence, for a caption, what the paper shows in a figure.

    Empty for a figure of no paper (None), and for one that shows no data.
    """
    if figure is None or figure.needs == NOTHING:
        return ""
    if figure.subject != figure.shows:
        section = figure.section.split()[0]
        return f"Not in the paper, a test of its section {section}: {figure.subject}."
    number = name.rpartition("_")[2]
    which = f"The paper's figure {int(number)}" if number.isdecimal() else "The paper"
    return f"{which} shows {figure.shows}."


def left_out(figures: Iterable[str], switched_off: Mapping[str, Sequence[str]]) -> str:
    """Say in one line which figures change because of what is switched off; empty if none does."""
    gone = [name for name in switched_off if name not in figures]
    smaller = [name for name in switched_off if name in figures]
    what = ", ".join(dict.fromkeys(name for names in switched_off.values() for name in names))
    parts = [f"{', '.join(gone)} left out"] * bool(gone)
    parts += [f"{', '.join(smaller)} drawn without"] * bool(smaller)
    return f"switched off {SWITCHED_OFF}: {what}; figures: {'; '.join(parts)}" if parts else ""


def refusal(
    name: str, figure: PaperFigure | None, switched_off: Mapping[str, Sequence[str]], study_off: str | None
) -> str:
    """Say why a figure that the configuration does not have cannot be drawn.

    `switched_off` has, by figure, the experiments and pretrained networks that are named for it but are
    null in the configuration or not in its `only`. `study_off` is the figure's study if that is switched off
    itself. `figure` is None for one of no paper.
    """
    if study_off is not None:
        return f"{name} is of study {study_off}, which is switched off (null)"
    if name in switched_off:
        names = switched_off[name]
        shows = f"; it shows {figure.subject}" if figure else ""
        others = _OTHERS[figure.needs] if figure else "others"
        return (
            f"{name} needs {', '.join(names)}, which {'is' if len(names) == 1 else 'are'} switched off "
            f"{SWITCHED_OFF}{shows}; name {others} under figures.{name}"
        )
    if figure is None:
        return f"{name} is no figure of a paper; give it a kind under figures.{name} in the configuration"
    if figure.needs == NOTHING:
        return f"{name} is switched off; set figures.{name} to {{}} in the configuration"
    return (
        f"{name} needs {figure.needs}: {figure.shows}; "
        f"name {'them' if figure.needs == EXPERIMENTS else 'it'} under figures.{name} in the configuration"
    )
