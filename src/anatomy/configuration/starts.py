"""Experiments that begin with what others have learned: whose runs are trained for whom."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from anatomy.configuration.inheritance import circles
from anatomy.configuration.messages import allowed_names
from anatomy.networks.catalogue import family_of, shaping_options
from anatomy.runtime.schema import merge
from anatomy.runtime.settings import Settings

KEY = "start"


def parent_of(name: str, experiments: Mapping[str, Any], base: Any) -> str | None:
    """Return the experiment that another starts from; None if it starts from none.

    Entries are as they are written, and may be wrong in any way; `base` is what `defaults` say.
    """
    own = [entry[KEY] for entry in (base, experiments[name]) if isinstance(entry, Mapping) and KEY in entry]
    if not own or not isinstance(own[-1], Mapping):
        return None
    start = merge(own[0], own[-1]) if isinstance(own[0], Mapping) else own[-1]
    parent = start.get("experiment")
    return parent if isinstance(parent, str) else None


def all_ancestors(names: Iterable[str], experiments: Mapping[str, Any], base: Any) -> set[str]:
    """Return everything that experiments start from, at any distance, as far as it is on."""
    found: set[str] = set()
    for name in names:
        parent = parent_of(name, experiments, base)
        while parent not in found and isinstance(experiments.get(parent), Mapping):
            found.add(parent)
            parent = parent_of(parent, experiments, base)
    return found


def not_measured(experiment: Mapping[str, Any], studies: Collection[str]) -> dict[str, Any]:
    """Return an experiment that no study measures, whatever `defaults` say."""
    return {**experiment, **dict.fromkeys(studies)}


def start_problems(names: Iterable[str], experiments: Mapping[str, Any], base: Any) -> Iterator[str]:
    """Yield what is wrong with where `names` start: no experiment, one that is null, a circle."""
    parents = {name: parent_of(name, experiments, base) for name in names}
    around = {circle[0]: circle for circle in circles(parents)}
    for name, parent in parents.items():
        where = f"experiments.{name}.{KEY}"
        if parent is None:
            continue
        if parent not in experiments:
            others = (other for other in experiments if other != name)
            yield f"{where}.experiment: {parent!r} is not an experiment; {allowed_names(parent, others)}"
        elif experiments[parent] is None:
            yield f"{where}.experiment: {parent} is null, {name} cannot start from it; switch off both"
        elif name in around:
            said = " starts from ".join([*around[name], name])
            yield f"{where}: a circle, {said}; remove one of them"


def pair_problems(where: str, settings: Settings, experiments: Mapping[str, Settings]) -> Iterator[str]:
    """Yield why an experiment cannot start as its settings say; `experiments` has what it starts from."""
    start = settings.start
    if start is None:
        return
    if (start.experiment is None) == (start.file is None):
        found = "neither" if start.file is None else "both"
        yield f"{where}.{KEY}: {found} of `experiment` and `file` is given; expected one of them"
        return
    if start.experiment is None:
        return
    parent = experiments[start.experiment]
    known = {*(parent.seeds or ())}
    for seed in settings.seeds or ():
        if seed not in known:
            allowed = ", ".join(map(str, parent.seeds or ()))
            yield (
                f"{where}.seeds: {start.experiment}, from whose runs it starts, has no seed {seed}; "
                f"allowed: {allowed}, or add it there"
            )
    for key in ("architecture", "width"):
        own, other = getattr(settings, key), getattr(parent, key)
        if own != other and not (key == "architecture" and _may_be_alike(own, other)):
            yield (
                f"{where}.{key}: {own}, but {start.experiment}, from which it starts, has {other}; "
                "expected the same network"
            )
    if settings.architecture == parent.architecture is not None:
        own, other = (shaping_options(each.architecture, each.options) for each in (settings, parent))
        for key in own:
            if own[key] != other[key]:
                yield (
                    f"{where}.options.{key}: {own[key]}, but {start.experiment}, from which it starts, has "
                    f"{other[key]}; expected the same network"
                )


def _may_be_alike(*architectures: str | None) -> bool:
    """Tell whether two architectures, of different names, may have the same weights: both of one family.

    A user's own have none, and what they are shows only when they are built.
    """
    families = [architecture and family_of(architecture) for architecture in architectures]
    return None in families or families[0] == families[1]
