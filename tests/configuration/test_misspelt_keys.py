"""Any misspelt key of the configuration is refused and named."""

from copy import deepcopy

import yaml
from configuration_examples import EVERY_KEY, NAMED_BY_USER, SCHEMA, refusal
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from anatomy.configuration.resolve import resolve


def keys_of(config, path=()):
    """Paths of all keys that the schema names; those of data sets and experiments are free."""
    for key, value in config.items():
        if not path or path[-1] not in NAMED_BY_USER:
            yield (*path, key)
        if isinstance(value, dict):
            yield from keys_of(value, (*path, key))


# Every figure has the keys of its kind; the example has one of each.
ALIKE = {f"figure_{number:02}" for number in (5, 6, *range(8, 21), 22, 23, 24)} | {"pretrained"}


def known_keys(part):
    return part.get("properties", {}).keys() | {
        key for below in part.get("properties", {}).values() for key in known_keys(below)
    }


KNOWN = known_keys(SCHEMA).union(*map(known_keys, SCHEMA["$defs"].values()))


def test_example_has_every_key_of_the_schema():
    config = yaml.safe_load(EVERY_KEY)
    assert {path[-1] for path in keys_of(config)} | ALIKE == KNOWN
    resolve(config, SCHEMA)


@st.composite
def misspelling(draw, word):
    """The word with one character removed, replaced, inserted or swapped with the next."""
    position = draw(st.integers(0, len(word) - 1))
    letter = draw(st.sampled_from("abcdefghijklmnopqrstuvwxyz_"))
    before, here, after = word[:position], word[position], word[position + 1 :]
    swapped = before + after[:1] + here + after[1:]
    wrong = [before + after, before + letter + after, before + letter + here + after, swapped]
    return draw(st.sampled_from(wrong))


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(list(keys_of(yaml.safe_load(EVERY_KEY)))), st.data())
def test_any_misspelt_key_is_refused_and_named(path, data):
    config = deepcopy(yaml.safe_load(EVERY_KEY))
    *above, key = path
    part = config
    for step in above:
        part = part[step]
    wrong = data.draw(misspelling(key))
    # One figure's name misspelt can be another's.
    assume(wrong not in part and wrong not in KNOWN)
    # Null would switch the key off, misspelt or not.
    part[wrong] = part.pop(key) or 1

    message = refusal(config)
    if key == "source":
        # Without it nothing tells which other keys are allowed.
        assert f"{'.'.join(above)}: key source is missing" in message
    else:
        assert f"{'.'.join([*above, wrong])}: unknown key; allowed: " in message
        assert "did you mean " in message
