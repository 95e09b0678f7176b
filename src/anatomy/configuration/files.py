"""The configuration files of a project, read and laid over each other outside of Snakemake."""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from functools import reduce
from pathlib import Path
from typing import Any

import yaml

from anatomy.configuration.resolve import Configuration, resolve
from anatomy.runtime.errors import InputError
from anatomy.runtime.schema import merge, read_schemas
from anatomy.runtime.yaml_files import read_yaml

SCHEMA = Path("workflow", "schemas", "config.schema.yaml")


def shipped_files(root: Path) -> list[Path]:
    """Return the files of the default configuration in the order in which each overrides those before it."""
    return [*sorted((root / "config" / "studies").glob("*.yaml")), root / "config.yaml"]


def read_configuration(root: Path, overlays: Iterable[Path] = ()) -> Configuration:
    """Return the resolved configuration of the project in the folder `root`, with further files over it.

    `InputError` names a file that cannot be read, or what is wrong in the configuration.
    """
    if not (root / SCHEMA).is_file():
        raise InputError(f"{root} is no folder of this project: it has no {SCHEMA}; give it with --project")
    return resolve(laid_together(map(read_file, overlays), root), read_schemas(root / SCHEMA))


def laid_together(overlays: Iterable[Mapping[str, Any]], root: Path) -> dict[str, Any]:
    """Return the default configuration of the project in `root`, with others over it, the last on top.

    `InputError` as `read_file`.
    """
    return reduce(laid_over, [*map(read_file, shipped_files(root)), *overlays], {})


def laid_over(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration with another one laid over it: maps merge, lists replace.

    A data set to which the other gives another `source` has the other's keys alone: what was written for the
    old source means nothing of the new one.
    """
    merged = merge(base, own)
    before, after = base.get("datasets"), own.get("datasets")
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name, entry in after.items():
            old = before.get(name)
            both = isinstance(old, Mapping) and isinstance(entry, Mapping)
            if both and entry.get("source", old.get("source")) != old.get("source"):
                merged["datasets"][name] = deepcopy(dict(entry))
    return merged


def read_file(path: Path) -> dict[str, Any]:
    """Return the keys and values of a configuration file; `InputError` names one that cannot be read."""
    try:
        content = read_yaml(path)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; expected a configuration file") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} is no YAML: {' '.join(str(error).split())}") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected keys and values, found a {type(content).__name__}")
    return content
