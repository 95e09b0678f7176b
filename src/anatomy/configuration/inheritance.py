"""Experiments that are `like` others: the first step of resolving a configuration."""

from collections.abc import Iterator, Mapping
from typing import Any

from anatomy.runtime.schema import merge

# Arguments of a user's own code, in an experiment or a data set.
OPTIONS = "options"


def inherited(experiments: Mapping[str, Any]) -> dict[str, Any]:
    """Return experiments with what they inherit by `like`; those that are null stay null.

    Maps merge, lists replace. Null takes the place of what is inherited and stays, so that it removes what
    `defaults` set as well. `like_problems` must have found nothing.
    """
    return {
        name: _expanded(name, experiments) if own is not None else None for name, own in experiments.items()
    }


def _expanded(name: str, experiments: Mapping[str, Any]) -> dict[str, Any]:
    own = {key: value for key, value in experiments[name].items() if key != "like"}
    parent = experiments[name].get("like")
    return own if parent is None else merge(_expanded(parent, experiments), own)


def like_problems(experiments: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with `like`: a name that is none, one that is null, a circle."""
    for name, own in experiments.items():
        chain = [name]
        while own is not None and (parent := own.get("like")) is not None:
            where = f"experiments.{chain[-1]}.like"
            if parent in chain:
                circle = chain[chain.index(parent) :]
                # Once for all of its members.
                if name == min(circle, key=str):
                    said = " like ".join(map(str, [*circle, parent]))
                    yield f"{where}: a circle, {said}; remove one of them"
                break
            # Not a key, as a list would be an error there.
            if parent not in list(experiments):
                allowed = ", ".join(map(str, experiments))
                yield f"{where}: {parent!r} is not an experiment; allowed: {allowed}"
                break
            if experiments[parent] is None:
                yield f"{where}: {parent} is null, {chain[-1]} cannot be like it; switch off both"
                break
            chain.append(parent)
            own = experiments[parent]


def without_null(value: Any) -> Any:
    """Remove every key whose value is null, at any depth; what a user's own code is given stays as it is."""
    if isinstance(value, Mapping):
        return {
            key: item if key == OPTIONS else without_null(item)
            for key, item in value.items()
            if item is not None
        }
    return value
