"""What the configuration asks of each figure: what it draws, what is left out, what is wrong with it."""

import difflib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from anatomy.configuration.messages import allowed_names
from anatomy.configuration.studies import FIGURES, checks
from anatomy.reporting.figures import PaperFigure
from anatomy.reporting.kinds import kinds
from anatomy.runtime.errors import InputError
from anatomy.runtime.settings import Settings

# Keys of a figure that name what it draws.
NAMES = ("experiments", "experiment", "pretrained")


@dataclass(frozen=True)
class Figure:
    """A figure of the configuration: its kind and the study of that, what it draws, and its other keys.

    `paper` says what it is in a paper; None for a user's own.
    """

    kind: str
    study: str
    draws: Sequence[str]
    options: Mapping[str, Any]
    paper: PaperFigure | None


def with_kinds(config: Any) -> Any:
    """Return a configuration in which figures with the papers' names have the kind that they have there.

    `InputError` for a figure of no paper without a kind, and for one of a paper with another kind.
    """
    figures = config.get("figures") if isinstance(config, Mapping) else None
    if not isinstance(figures, Mapping):
        return config
    found = {}
    for name, own in figures.items():
        if not isinstance(own, Mapping):
            found[name] = own
            continue
        paper = FIGURES.get(name)
        if paper is None and "kind" not in own:
            two_digits = re.sub(r"\d+\Z", lambda number: number[0].zfill(2), str(name))
            close = difflib.get_close_matches(two_digits, FIGURES, 1)
            hint = f", did you mean {close[0]}?" if close else ";"
            raise InputError(
                f"configuration: figures.{name} is no figure of a paper{hint} one of your own needs a kind; "
                f"allowed: {', '.join(sorted(kinds()))}"
            )
        if paper is not None and own.get("kind", paper.kind) != paper.kind:
            raise InputError(
                f"configuration: figures.{name}.kind: {own['kind']!r}, but it is the paper's figure, of kind "
                f"{paper.kind}; give a figure of your own another name"
            )
        found[name] = {"kind": paper.kind if paper else own["kind"], **own}
    return {**config, "figures": found}


def drawn(
    figures: Mapping[str, Mapping[str, Any]], studies: Mapping[str, Settings], off: set[str]
) -> tuple[dict[str, Figure], dict[str, list[str]]]:
    """Return the figures of the studies that are on, and by name what they are asked to draw but is off.

    A figure goes with all that it draws; one of a kind that is drawn whole goes with any part of it.
    """
    found, missing = {}, {}
    for name, own in figures.items():
        kind = own["kind"]
        study = kinds()[kind].study
        named = [*own.get("experiments", [])]
        named += [own[key] for key in NAMES[1:] if key in own]
        left = [each for each in named if each not in off]
        if len(left) < len(named):
            missing[name] = [each for each in named if each in off]
        if study in studies and (left == named or (left and not checks(kind).whole)):
            kept = "experiment" not in own or own["experiment"] in left
            options = {key: value for key, value in own.items() if kept and key not in ("kind", *NAMES)}
            found[name] = Figure(kind, study, left, options, FIGURES.get(name))
    return found, missing


def figure_problems(
    figures: Mapping[str, Figure],
    experiments: Mapping[str, Settings],
    measured: Mapping[str, Sequence[str]],
    drawable: Mapping[str, Sequence[str]],
    configured: Collection[str],
) -> Iterator[str]:
    """Yield figures that cannot be drawn from what they name.

    `measured` has the experiments of each study, `drawable` what else its figures can draw; `experiments` are
    those that are trained, `configured` all that are on.
    """
    for name, figure in figures.items():
        where, asked = f"figures.{name}", checks(figure.kind)
        known = [*measured[figure.study], *(drawable[figure.study] if asked.pretrained else [])]
        unknown = [each for each in figure.draws if each not in known]
        what = "experiment or pretrained network" if asked.pretrained else "experiment"
        for each in unknown:
            if each in configured:
                yield (
                    f"{where}: experiment {each!r} is not measured by {figure.study}; "
                    f"add `{figure.study}: {{}}` to it, or switch the figure off with null"
                )
            else:
                yield (
                    f"{where}: {what} {each!r} is not in the configuration; switch the figure off with null, "
                    f"or name another; {allowed_names(each, known)}"
                )
        for study in kinds()[figure.kind].other_studies:
            for each in figure.draws:
                if each not in unknown and each not in measured.get(study, ()):
                    yield (
                        f"{where}: experiment {each!r} is not measured by {study}, whose tables it draws; "
                        f"add `{study}: {{}}` to it, or switch the figure off with null"
                    )
        if not unknown:
            yield from asked.problems(where, figure.draws, figure.options, experiments)
