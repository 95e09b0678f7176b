"""Any misspelt key of the configuration is refused and named."""

from copy import deepcopy

import yaml
from configuration_examples import EVERY_KEY, NAMED_BY_USER, SCHEMA, refusal
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from anatomy.configuration.resolve import resolve


def keys_of(config, path=()):
    """Paths of all keys that the schema names; those that the user names are left out."""
    for key, value in config.items():
        if not path or path[-1] not in NAMED_BY_USER:
            yield (*path, key)
        if isinstance(value, dict):
            yield from keys_of(value, (*path, key))


def known_keys(part):
    """Names of all properties of a schema, at any depth."""
    if isinstance(part, list):
        return set().union(*map(known_keys, part))
    if not isinstance(part, dict):
        return set()
    own = part["properties"].keys() if isinstance(part.get("properties"), dict) else set()
    return own | set().union(*map(known_keys, part.values()))


KNOWN = known_keys(SCHEMA)


def test_example_has_every_key_of_both_schemas():
    config = yaml.safe_load(EVERY_KEY)
    assert {path[-1] for path in keys_of(config)} == KNOWN
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
    assume(wrong not in part and wrong not in KNOWN)
    # Null would switch the key off, misspelt or not.
    part[wrong] = part.pop(key) or 1

    message = refusal(config)
    if key == "source":
        # Without it nothing tells which other keys are allowed.
        assert f"{'.'.join(above)}: key source is missing" in message
    elif path == ("figures", "mine", "kind"):
        # Nor which keys a figure of the user's own has.
        assert "figures.mine is no figure of a paper; one of your own needs a kind; allowed: " in message
    else:
        assert f"{'.'.join([*above, wrong])}: unknown key; allowed: " in message
        assert "did you mean " in message
