"""Settings with attributes: an entry of the configuration, checked, complete and frozen."""

import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from types import MappingProxyType
from typing import Any

from anatomy.runtime.errors import InputError
from anatomy.runtime.imports import LIBRARY, PACKAGE
from anatomy.runtime.literals import literals
from anatomy.runtime.named import module_in
from anatomy.runtime.schema import defaults, flattened, merge, without_defaults, written_out
from anatomy.runtime.values import missing, problems


class Settings:
    """The entry of an experiment, a data set or a study, by the schema's keys: `settings.optimiser.momentum`.

    Every key of the schema is an attribute: where an entry has none it is the schema's default, or None
    if the schema has none either. Mappings whose keys the schema does not list stay mappings. Nothing of them
    can be changed, at any depth.
    """

    __slots__ = ("_entry", "_schema", "_values")

    def __init__(self, entry: Mapping[str, Any], schema: Mapping[str, Any]):
        """Complete an entry with the defaults of its schema; `InputError` for what it does not allow.

        Keys that it requires may be absent, for entries that are not whole: see `require`.
        """
        entry, parts = _plain(entry), schema["properties"]
        if not isinstance(entry, Mapping):
            raise InputError(f"settings are {entry!r}; expected a mapping with keys of {', '.join(parts)}")
        if wrong := list(problems(entry, schema, "")):
            raise InputError("; ".join(wrong))
        complete = _completed(entry, schema)
        values = {key: _frozen(complete.get(key), part) for key, part in parts.items()}
        object.__setattr__(self, "_entry", complete)
        object.__setattr__(self, "_schema", schema)
        object.__setattr__(self, "_values", values)

    def __getattr__(self, key: str) -> Any:
        try:
            return self._values[key]
        except KeyError:
            raise AttributeError(f"no key {key}; the schema has {', '.join(self._values)}") from None

    def __setattr__(self, key: str, value: Any) -> None:
        raise AttributeError(f"settings are frozen; {key} cannot be set")

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Settings) and self._entry == other._entry

    __hash__ = None

    def __reduce__(self) -> tuple:
        return Settings, (self._entry, self._schema)

    def __repr__(self) -> str:
        return f"Settings({self.stored()})"

    def require(self, *keys: str) -> "Settings":
        """Return these settings; `InputError` if one of `keys`, or one that the schema requires, is absent.

        A schema is the same for entries that are whole and for those that others are like.
        """
        absent = [*missing(self._entry, self._schema), *(key for key in keys if self._entry.get(key) is None)]
        if absent:
            raise InputError("; ".join(f"key {key} is missing" for key in dict.fromkeys(absent)))
        return self

    def side_of(self, key: str) -> int | None:
        """Return the pixels along a side that the schema says of the value of a key (`sides`), if it does."""
        return self._schema["properties"][key].get("sides", {}).get(self._entry.get(key))

    def copy_of(self, key: str) -> Any:
        """Return what a key holds as dictionaries and lists that the caller may change; for a user's code."""
        return deepcopy(self._entry.get(key))

    def complete(self) -> dict[str, Any]:
        """Return the entry with all defaults, as nested dictionaries."""
        found = {}
        for key, value in self._values.items():
            if value is not None:
                found[key] = value.complete() if isinstance(value, Settings) else deepcopy(self._entry[key])
        return found

    def stored(self) -> dict[str, Any]:
        """Return what differs from the schema's defaults, for files and fingerprints."""
        return deepcopy(without_defaults(self._entry, self._schema))

    def differences(self) -> dict[str, str]:
        """Return what differs from the schema's defaults by dotted key, and the default beside it."""
        usual = flattened(defaults(self._schema))
        return {
            key: json.dumps(value) + (f" (default {json.dumps(usual[key])})" if key in usual else "")
            for key, value in flattened(self.stored()).items()
        }

    def changed(self, **changes: Any) -> "Settings":
        """Return other settings: these with some keys changed, nested ones within their mapping."""
        return Settings(merge(self._entry, written_out(_plain(changes), self._schema)), self._schema)

    def part(self, schema: Mapping[str, Any]) -> "Settings":
        """Return the keys that another schema lists, e.g. those of a run out of those of an experiment."""
        return Settings({key: self._entry[key] for key in schema["properties"] if key in self._entry}, schema)


def _frozen(value: Any, schema: Mapping[str, Any]) -> Any:
    """Return a value that cannot be changed at any depth; mappings that the schema describes are settings."""
    if isinstance(value, Mapping) and "properties" in schema:
        return Settings(value, schema)
    if isinstance(value, Mapping):
        return MappingProxyType({key: _frozen(item, {}) for key, item in value.items()})
    return tuple(_frozen(item, {}) for item in value) if isinstance(value, list) else value


def _completed(entry: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry with all defaults, at any depth; one that is None counts as not given."""
    given = {key: value for key, value in entry.items() if value is not None}
    found = written_out(merge(defaults(schema), given), schema)
    for key, value in found.items():
        part = schema["properties"].get(key, {})
        if isinstance(value, Mapping) and "properties" in part:
            found[key] = _completed(value, part)
        else:
            found[key] = _float(value, part)
    return found


def _float(value: Any, schema: Mapping[str, Any]) -> Any:
    """Return 2.0 for 2 where the schema wants a number, so that both are one setting."""
    if isinstance(value, list):
        return [_float(item, schema.get("items", {})) for item in value]
    return float(value) if schema.get("type") == "number" and type(value) is int else value


def snapshot_epochs(settings: Settings) -> list[int]:
    """Return the epochs of a run whose weights are kept: those that `snapshots` lists, 0 and the last."""
    last, asked = settings.epochs, settings.snapshots.epochs
    return list(range(last + 1)) if asked == "all" else sorted({0, last, *asked})


def run_problems(settings: Settings, where: str = "") -> Iterator[str]:
    """Yield what the schema cannot tell about the settings of a run; `where` begins the name of each key."""
    yield from _kind_problems(settings, where)
    yield from _subspace_problems(settings, where)
    if settings.optimiser.kind == "adam" and settings.optimiser.stored().get("momentum"):
        yield (
            f"{where}optimiser.momentum: adam does not use it; remove the key, null removes what is inherited"
        )
    frozen = settings.batch_norm
    if frozen is not None and frozen.frozen_after >= settings.epochs:
        yield (
            f"{where}batch_norm.frozen_after: {frozen.frozen_after} is past the end; allowed: 0 to "
            f"{settings.epochs - 1}, before the last epoch"
        )
    kind = settings.schedule.kind
    if settings.keep_state and not _of_kind(settings._schema, "schedule", kind).get("EXTENDABLE"):
        yield (
            f"{where}keep_state: rates of {kind} depend on the number of epochs, so that no run goes on as a "
            "longer one; remove the key"
        )
    if settings.stop is not None and snapshot_epochs(settings) != [0, settings.epochs]:
        yield (
            f"{where}snapshots: a run with `stop` may end before any epoch but 0; "
            "expected `snapshots: []`, which keeps the first and the last weights"
        )


def _subspace_problems(settings: Settings, where: str) -> Iterator[str]:
    """Yield what is wrong with the subspace of a run."""
    own = settings.subspace
    if own is None:
        return
    if own.kind is None:
        yield f"{where}subspace.kind is missing"
    elif (own.kind == "simplex") != (own.corners is not None):
        one = own.kind == "simplex"
        yield f"{where}subspace.corners" + (
            " is missing; a simplex needs it" if one else f": a {own.kind} does not take it; remove the key"
        )
    if settings.batch_size % own.num_samples:
        yield (
            f"{where}subspace.num_samples: {own.num_samples} does not divide the batch of "
            f"{settings.batch_size} (batch_size)"
        )
    if settings.batch_norm is not None:
        yield (
            f"{where}batch_norm: running statistics of a subspace are those of many points and cannot be "
            "kept; remove the key"
        )


def _kind_problems(settings: Settings, where: str) -> Iterator[str]:
    """Yield keys that are set and that the `kind` beside them does not take, and those that it lacks.

    Kinds are modules of the folder that the schema names; TAKES is a literal of their files. A key that is
    set to its default counts as not set.
    """
    for key, part in settings._schema["properties"].items():
        own, folder = getattr(settings, key), part.get("properties", {}).get("kind", {}).get("modules")
        if own is None or folder is None:
            continue
        takes = _of_kind(settings._schema, key, own.kind, where)["TAKES"]
        for name in own.stored():
            if name not in ("kind", *takes):
                allowed = ", ".join(("kind", *takes))
                yield (
                    f"{where}{key}.{name}: {own.kind} does not take it; allowed: {allowed}; null removes "
                    "what is inherited"
                )
        for name in takes:
            if getattr(own, name) is None:
                yield f"{where}{key}.{name} is missing; {own.kind} needs it"


def _of_kind(schema: Mapping[str, Any], key: str, kind: str, where: str = "") -> dict[str, Any]:
    """Return the literals of the module that the `kind` of a key names."""
    folder = schema["properties"][key]["properties"]["kind"]["modules"]
    module = module_in(f"{PACKAGE}.{folder.replace('/', '.')}", kind, f"{where}{key}.kind")
    return literals(LIBRARY.joinpath(*module.split(".")).with_suffix(".py"))


def _plain(value: Any) -> Any:
    """Return nested settings, frozen mappings and tuples as dictionaries and lists, as files have them."""
    if isinstance(value, Settings):
        # What has no value either replaces what there is.
        return {**dict.fromkeys(value), **value.complete()}
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
