"""Whatever stands in the place of a value, a configuration resolves or is refused in words."""

import yaml
from configuration_examples import EVERY_KEY, SCHEMA
from hypothesis import given, settings
from hypothesis import strategies as st

from anatomy.configuration.resolve import resolve
from anatomy.runtime.errors import InputError

SCALARS = (
    st.none() | st.booleans() | st.integers(-2, 5) | st.floats() | st.sampled_from(["", "plain", "a:b", "é"])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["plain", "like", "kind", 1]), inner, max_size=2)
    ),
    max_leaves=4,
)


def paths_of(value, path=()):
    """Paths of all values of nested mappings and lists, the whole one's first."""
    yield path
    steps = value.items() if isinstance(value, dict) else enumerate(value if isinstance(value, list) else [])
    for step, inner in steps:
        yield from paths_of(inner, (*path, step))


PATHS = list(paths_of(yaml.safe_load(EVERY_KEY)))


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(PATHS), VALUES)
def test_any_value_in_any_place_resolves_or_is_refused(path, value):
    # One level more, so that the whole configuration is a value as well.
    around = {"all": yaml.safe_load(EVERY_KEY)}
    *above, last = ("all", *path)
    part = around
    for step in above:
        part = part[step]
    part[last] = value
    try:
        resolve(around["all"], SCHEMA)
    except InputError as error:
        assert str(error).startswith("configuration: ")
