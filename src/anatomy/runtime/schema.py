"""The schema of the configuration, and entries that it describes: defaults, and one laid over another.

The schema is the only list of keys. The engine's is config.schema.yaml; `<study>.schema.yaml` beside it has
what a study adds: `study`, its entry under `studies`, and `experiment`, its entry in an experiment.
"""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from anatomy.runtime.errors import InputError
from anatomy.runtime.files import understood
from anatomy.runtime.imports import PACKAGE
from anatomy.runtime.named import names_in
from anatomy.runtime.own_code import FORM
from anatomy.runtime.values import problems
from anatomy.runtime.yaml_files import read_yaml

# The definition of what decides the weights and the files of a run.
RUN = "run"
SOURCES = f"{PACKAGE}.data.sources"


def read_schema(path: Path) -> dict[str, Any]:
    """Read the schema of the engine; an experiment has the keys of a run, and its own."""
    with understood(path, "the schema of the engine, config.schema.yaml", False):
        schema = read_yaml(path)
        parts = schema["$defs"]
        parts["experiment"]["properties"] = {**parts["experiment"]["properties"], **parts[RUN]["properties"]}
    return schema


def read_schemas(path: Path) -> dict[str, Any]:
    """Read the schema of the engine together with those of all studies that lie beside it.

    Where the file says `modules: <folder>`, the names of the modules of that folder of the library are
    allowed, and where it says `own: true` also `package.module:name` of a user's own. A data set has the keys
    of its source, which the definition of that name lists; `InputError` for a source that has none.
    """
    schema = read_schema(path)
    parts = schema["$defs"]
    parts["dataset"]["allOf"] = list(_of_sources(parts, path))
    for other in sorted(path.parent.glob("*.schema.yaml")):
        if other.name == path.name:
            continue
        study = other.name.removesuffix(".schema.yaml")
        own = read_yaml(other)["$defs"]
        schema["properties"]["studies"]["properties"][study] = own.pop("study")
        parts["experiment"]["properties"][study] = own.pop("experiment")
        for kind, figure in own.pop("figures", {}).items():
            parts["figure"]["properties"]["kind"].setdefault("enum", []).append(kind)
            parts["figure"].setdefault("allOf", []).append(_of_kind(kind, figure))
        if twice := own.keys() & parts.keys():
            raise ValueError(
                f"{other}: $defs {', '.join(sorted(twice))} exist in another schema; rename them"
            )
        parts.update(own)
    _name_modules(schema)
    return schema


def _of_kind(kind: str, figure: Mapping[str, Any]) -> dict[str, Any]:
    """Return the condition by which figures of a kind have the keys of that kind."""
    properties = {"kind": {}, **figure["properties"]}
    return {"if": {"properties": {"kind": {"const": kind}}}, "then": {**figure, "properties": properties}}


def _of_sources(parts: Mapping[str, Any], path: Path) -> Iterator[dict[str, Any]]:
    """Yield the conditions by which data sets have the keys of their source, of the schema at `path`."""
    sources = {name: {"const": name} for name in names_in(SOURCES)}
    for name, source in {**sources, "own_source": {"type": "string", "pattern": ":"}}.items():
        if name not in parts:
            raise InputError(f"data source {name} has no keys; add $defs.{name} to {path}")
        yield {
            "if": {"required": ["source"], "properties": {"source": source}},
            "then": {"$ref": f"#/$defs/{name}"},
        }


def _name_modules(part: Any) -> None:
    """Turn every `modules` of a schema into the names of the modules of that folder, in place."""
    if isinstance(part, dict):
        if isinstance(folder := part.get("modules"), str):
            names = names_in(f"{PACKAGE}.{folder.replace('/', '.')}")
            if part.get("own"):
                part["anyOf"] = [{"enum": names}, {"type": "string", "pattern": FORM}]
            else:
                part["enum"] = names
        for inner in part.values():
            _name_modules(inner)
    elif isinstance(part, list):
        for inner in part:
            _name_modules(inner)


def merge(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return `base` overridden by `own`, key by key at any depth; lists are replaced."""
    merged = deepcopy(dict(base))
    for key, value in own.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = merge(merged[key], value) if both else deepcopy(value)
    return merged


def defaults(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Collect the defaults of a schema's properties, nested ones included."""
    found = {}
    for key, part in schema["properties"].items():
        if "default" in part:
            nested = defaults(part) if "properties" in part else {}
            own = part["default"]
            found[key] = merge(nested, own) if isinstance(own, Mapping) else deepcopy(own)
    return found


def written_out(entry: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry in which what stands for a mapping is that mapping, so that it can be merged.

    Where the schema says `short: <key>`, any value of that key stands for a mapping with it alone. What is no
    such value stays as it is, to be refused.
    """
    found = dict(entry)
    for key, part in schema["properties"].items():
        value, short = found.get(key), part.get("short")
        if short is None or value is None or isinstance(value, Mapping):
            continue
        if not any(problems(value, part["properties"][short], key)):
            found[key] = {short: value}
    return found


def flattened(content: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested mappings as one, with dotted keys; an empty one stays."""
    flat: dict[str, Any] = {}
    for key, value in content.items():
        inner = isinstance(value, Mapping) and value
        flat |= flattened(value, f"{prefix}{key}.") if inner else {f"{prefix}{key}": value}
    return flat


def without_defaults(
    entry: Mapping[str, Any], schema: Mapping[str, Any], usual: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return what of an entry differs from the schema's defaults, so that a new key changes no entry.

    `usual` are the defaults, where they are not those of `schema` itself.
    """
    usual = defaults(schema) if usual is None else usual
    found = {}
    for key, value in entry.items():
        part = schema["properties"].get(key, {})
        if isinstance(value, Mapping) and "properties" in part:
            short = part.get("short")
            inner = without_defaults(value, part, None if short else usual.get(key))
            if inner or key not in usual:
                found[key] = inner[short] if inner.keys() == {short} else inner
        elif value is not None and (key not in usual or usual[key] != value):
            found[key] = value
    return found
