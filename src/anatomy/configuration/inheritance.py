"""Experiments that are `like` others: the first step of resolving a configuration."""

from collections.abc import Iterator, Mapping
from typing import Any

from anatomy.configuration.messages import allowed_names
from anatomy.runtime.schema import merge

# Arguments of a user's own code, in an experiment or a data set.
OPTIONS = "options"


def inherited(experiments: Mapping[str, Any]) -> dict[str, Any]:
    """Return experiments with what they inherit by `like`; those that are null stay null.

    Maps merge, lists replace. Null takes the place of what is inherited and stays, so that it removes what
    `defaults` set as well. `like_problems` must have found nothing.
    """
    parents = _parents(experiments)
    found: dict[str, Any] = {}
    for name in experiments:
        # What is inherited comes first; a chain may be longer than Python calls are deep.
        chain = []
        while name not in found and (not chain or name is not None):
            chain.append(name)
            name = parents[name]
        for each in reversed(chain):
            own = experiments[each]
            if own is not None:
                own = {key: value for key, value in own.items() if key != "like"}
            found[each] = own if parents[each] is None else merge(found[parents[each]], own)
    return {name: found[name] for name in experiments}


def _parents(experiments: Mapping[str, Any]) -> dict[str, Any]:
    """Return what each experiment is like, whatever is written there; None if it is like none."""
    return {name: None if own is None else own.get("like") for name, own in experiments.items()}


def like_problems(experiments: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with `like`: a name that is none, one that is null, a circle."""
    parents = _parents(experiments)
    # A list is no key, and would be an error there.
    known = {
        name: parent
        for name, parent in parents.items()
        if parent is not None and not isinstance(parent, list | tuple | Mapping)
    }
    around = {circle[0]: circle for circle in circles(known)}
    for name, parent in parents.items():
        where = f"experiments.{name}.like"
        if parent is not None and (name not in known or parent not in experiments):
            yield f"{where}: {parent!r} is not an experiment; {allowed_names(parent, experiments)}"
        elif parent is not None and experiments[parent] is None:
            yield f"{where}: {parent} is null, {name} cannot be like it; switch off both"
        if name in around:
            said = " like ".join(map(str, [*around[name], name]))
            yield f"experiments.{around[name][-1]}.like: a circle, {said}; remove one of them"


def circles(parents: Mapping[Any, Any]) -> Iterator[list[Any]]:
    """Yield each circle of names of which every one leads to at most one other, from its first in order."""
    done: set[Any] = set()
    for name in parents:
        chain: dict[Any, None] = {}
        while name in parents and name not in done and name not in chain:
            chain[name] = None
            name = parents[name]
        if name in chain:
            circle = [*chain][[*chain].index(name) :]
            first = circle.index(min(circle, key=str))
            yield [*circle[first:], *circle[:first]]
        done.update(chain)


def without_null(value: Any) -> Any:
    """Remove every key whose value is null, at any depth; what a user's own code is given stays as it is."""
    if isinstance(value, Mapping):
        return {
            key: item if key == OPTIONS else without_null(item)
            for key, item in value.items()
            if item is not None
        }
    return value
