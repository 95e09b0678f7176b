"""Files of YAML, looked at before they are read: keys that are there twice, depth and size without bound."""

import io
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import yaml

from anatomy.runtime.errors import InputError
from anatomy.runtime.regular import require_file

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# libyaml itself reads any depth, and ends the process by a signal where the stack ends.
DEEPEST = 100
# Values of a configuration, those that aliases repeat as often as they do.
MOST_VALUES = 200_000
# The tag of the key `<<`.
_MERGE = "tag:yaml.org,2002:merge"


def read_yaml(path: Path) -> Any:
    """Return the content of a file; `YAMLError` if it is no YAML.

    `InputError` if it is no regular file, if a mapping has a key twice, of which YAML takes the last, if it
    is nested deeper than `DEEPEST`, or if mappings merge more than `MOST_VALUES` keys.
    """
    require_file(path)
    # Once: what is read again may have changed.
    text = io.StringIO(path.read_text(encoding="utf-8"))
    # For messages of the parser.
    text.name = str(path)
    _check_depth(text, path)
    text.seek(0)
    loader = LOADER(text)
    try:
        root = loader.get_single_node()
        if root is None:
            return None
        _check_keys(root, path)
        _check_merges(root, path)
        return loader.construct_document(root)
    except (AttributeError, LookupError) as error:
        # What pyyaml itself runs into, as of `!!int ""`.
        raise yaml.YAMLError(f"a value is not of its tag, !! ({type(error).__name__}: {error})") from error
    finally:
        loader.dispose()


def _check_depth(text: TextIO, path: Path) -> None:
    depth = 0
    for event in yaml.parse(text, LOADER):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise InputError(f"{path} is nested more than {DEEPEST} deep; expected keys and values")


def _check_keys(root: yaml.Node, path: Path) -> None:
    for node in _mappings(root):
        keys: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if key.value in keys:
                line = key.start_mark.line + 1
                raise InputError(f"{path}, line {line}: {key.value} is there twice; remove one of them")
            keys.add(key.value)


def _check_merges(root: yaml.Node, path: Path) -> None:
    sizes: dict[yaml.Node, float] = {}
    found = 0
    for node in _mappings(root):
        found += _keys_of(node, sizes)
        if found > MOST_VALUES:
            raise InputError(
                f"{path}, line {node.start_mark.line + 1}: with what it merges (<<) there are more than "
                f"{MOST_VALUES} keys; merge less"
            )


def _mappings(root: yaml.Node) -> Iterator[yaml.MappingNode]:
    """Yield each mapping once, in the order of the file, so that an alias is of one that was before."""
    waiting, seen = [root], set()
    while waiting:
        node = waiting.pop()
        if node in seen or not isinstance(node, yaml.CollectionNode):
            continue
        seen.add(node)
        if isinstance(node, yaml.MappingNode):
            yield node
            waiting += [each for pair in reversed(node.value) for each in reversed(pair)]
        else:
            waiting += reversed(node.value)


def _keys_of(node: yaml.MappingNode, sizes: dict[yaml.Node, float]) -> float:
    """Return how many keys a mapping has with those that it merges; of one that merges itself, endless."""
    if node not in sizes:
        sizes[node] = math.inf
        own = 0
        for key, value in node.value:
            merged = value.value if isinstance(value, yaml.SequenceNode) else [value]
            merged = [each for each in merged if isinstance(each, yaml.MappingNode)]
            own += sum(_keys_of(each, sizes) for each in merged) if key.tag == _MERGE else 1
        sizes[node] = own
    return sizes[node]
