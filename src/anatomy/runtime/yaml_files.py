"""Files of YAML, looked at before they are read: keys that are there twice, and depth without bound."""

from pathlib import Path
from typing import Any

import yaml

from anatomy.runtime.errors import InputError

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# libyaml itself reads any depth, and ends the process by a signal where the stack ends.
DEEPEST = 100


def read_yaml(path: Path) -> Any:
    """Return the content of a file; `InputError` as `check_yaml`, `YAMLError` if it is no YAML."""
    check_yaml(path)
    with open(path, encoding="utf-8") as file:
        return yaml.load(file, LOADER)


def check_yaml(path: Path) -> None:
    """Raise `InputError` if a mapping has a key twice, of which YAML takes the last, or for `DEEPEST`."""
    # Of each mapping around the current place its keys so far and whether a key is next; None of a list.
    around: list[tuple[set[str], list[bool]] | None] = []
    with open(path, encoding="utf-8") as file:
        for event in yaml.parse(file, LOADER):
            if isinstance(event, yaml.CollectionEndEvent):
                around.pop()
                continue
            if not isinstance(event, yaml.NodeEvent):
                continue
            if around and around[-1] is not None:
                keys, is_key = around[-1]
                if is_key[0] and isinstance(event, yaml.ScalarEvent):
                    if event.value in keys:
                        line = event.start_mark.line + 1
                        raise InputError(
                            f"{path}, line {line}: {event.value} is there twice; remove one of them"
                        )
                    keys.add(event.value)
                is_key[0] = not is_key[0]
            if isinstance(event, yaml.CollectionStartEvent):
                around.append((set(), [True]) if isinstance(event, yaml.MappingStartEvent) else None)
            if len(around) > DEEPEST:
                raise InputError(f"{path} is nested more than {DEEPEST} deep; expected keys and values")
