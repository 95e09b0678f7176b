"""Settings: complete, frozen, with attributes; what is stored is what differs from the schema's defaults."""

import copy
import json
import pickle
from itertools import chain

import pytest
from conftest import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st

from anatomy.configuration.studies import STUDIES
from anatomy.runtime.errors import InputError
from anatomy.runtime.schema import read_schema, read_schemas
from anatomy.runtime.settings import Settings, snapshot_epochs
from anatomy.runtime.values import problems

SCHEMA_FILE = ROOT / "workflow" / "schemas" / "config.schema.yaml"
SCHEMA = read_schemas(SCHEMA_FILE)
RUN = SCHEMA["$defs"]["run"]
EXPERIMENT = SCHEMA["$defs"]["experiment"]
STUDY = SCHEMA["properties"]["studies"]["properties"]["arrangements"]
# Of every kind of key: with and without default, nested with and without default, a list, a free mapping.
SMALL = {
    "properties": {
        "epochs": {"type": "integer"},
        "rate": {"type": "number", "default": 0.5},
        "mean": {"type": "array", "items": {"type": "number"}},
        "snapshots": {"default": "all"},
        "noise": {
            "default": {},
            "properties": {"fraction": {"type": "number", "default": 0}, "seed": {"type": "integer"}},
        },
        "split": {"properties": {"shuffle": {"type": "boolean", "default": False}}},
        "options": {"type": "object", "default": {}},
    }
}
# Every way in which a value can be limited.
LIMITED = {
    "required": ["count", "kind"],
    "properties": {
        "count": {"type": "integer", "minimum": 1, "maximum": 9},
        "rate": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
        "kind": {"enum": ["plain", "padded"]},
        "channels": {"enum": [1, 3]},
        "sum": {"type": "string", "pattern": "^[0-9a-f]{2}$"},
        "flip": {"type": "boolean"},
        "some": {"type": "array", "maxItems": 2},
        "often": {"type": ["boolean", "integer"], "minimum": 0},
        "mean": {"type": "array", "minItems": 3, "maxItems": 3, "items": {"type": "number", "minimum": 0}},
        "kept": {"oneOf": [{"const": "all"}, {"type": "array", "items": {"type": "integer"}}]},
        "named": {"modules": "somewhere"},
        "options": {"type": "object"},
        "inner": {"required": ["seed"], "properties": {"seed": {"type": "integer", "minimum": 0}}},
    },
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=2),
    max_leaves=4,
)


def values(part):
    """What a key of a schema may be, and None."""
    if "properties" in part:
        return entries(part)

    def allowed(number):
        return not list(problems(number, part, ""))

    if "enum" in part:
        return st.sampled_from(part["enum"])
    if "oneOf" in part:
        return st.sampled_from(["all", [], [1], [0, 2]])
    of_type = {
        "integer": st.integers(part.get("minimum", 0), part.get("minimum", 0) + 5),
        "number": st.sampled_from([0, 1]).filter(allowed) | st.floats(0, 1).filter(allowed),
        "boolean": st.booleans(),
        "string": st.sampled_from(["0123456789abcdef" * 4] if "pattern" in part else ["a", "b"]),
        "object": st.dictionaries(st.sampled_from(["a", "b"]), JSON, max_size=2),
        "array": st.lists(
            values(part.get("items", {"type": "integer"})), min_size=part.get("minItems", 0), max_size=3
        )
        if part.get("type") == "array"
        else None,
    }
    types = part.get("type", "string")
    usual = [st.just(copy.deepcopy(part["default"]))] if "default" in part else []
    return st.one_of(*usual, *(of_type[each] for each in ([types] if isinstance(types, str) else types)))


def entries(schema):
    """Entries of a schema with some of its keys."""
    return st.fixed_dictionaries({}, optional={key: values(own) for key, own in schema["properties"].items()})


ANY = st.sampled_from([SMALL, RUN, EXPERIMENT, STUDY, *(SCHEMA["$defs"][s] for s in ("embedded", "images"))])


@st.composite
def settings_and_schema(draw):
    schema = draw(ANY)
    return Settings(draw(entries(schema)), schema), schema


# Attributes


def test_every_key_is_an_attribute_with_its_default_or_none():
    own = Settings({"epochs": 3, "noise": {"seed": 2}}, SMALL)
    assert (own.epochs, own.rate, own.mean, own.snapshots) == (3, 0.5, None, "all")
    assert (own.noise.fraction, own.noise.seed) == (0, 2)
    assert own.split is None
    assert dict(own.options) == {}
    assert list(own) == list(SMALL["properties"])


def test_a_nested_key_that_is_given_is_complete():
    assert Settings({"split": {}}, SMALL).split.shuffle is False


def test_lists_are_tuples_and_free_mappings_stay_mappings():
    own = Settings({"snapshots": [1, 2], "options": {"depth": 3, "more": {"a": None}}}, SMALL)
    assert own.snapshots == (1, 2)
    assert own.options["more"] == {"a": None}
    assert own.stored() == {"snapshots": [1, 2], "options": {"depth": 3, "more": {"a": None}}}


def test_none_is_not_given():
    own = Settings({"epochs": None, "rate": None, "noise": {"fraction": None}, "split": None}, SMALL)
    assert own == Settings({}, SMALL)
    assert (own.rate, own.noise.fraction, own.split) == (0.5, 0, None)


def test_an_unknown_attribute_is_named_with_those_there_are():
    with pytest.raises(AttributeError, match="no key epoch; the schema has epochs, rate"):
        _ = Settings({}, SMALL).epoch


@pytest.mark.parametrize(
    ("entry", "key"),
    [
        ({"epoch": 1}, "epoch"),
        ({"noise": {"epoch": 1}}, "noise.epoch"),
        ({"split": {"epoch": 1}}, "split.epoch"),
    ],
)
def test_an_unknown_key_is_refused_at_any_depth(entry, key):
    with pytest.raises(InputError, match=f"^{key}: unknown key; allowed: "):
        Settings(entry, SMALL)


# What is refused


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"count": "x"}, "count: 'x' is not of type integer"),
        ({"count": True}, "count: True is not of type integer"),
        ({"count": 2.0}, "count: 2.0 is not of type integer"),
        ({"count": 0}, "count: 0 is not allowed; expected at least 1"),
        ({"count": 10**400}, f"count: {10**400} is not allowed; expected at most 9"),
        ({"rate": 0}, "rate: 0 is not allowed; expected more than 0"),
        ({"rate": 1.0}, "rate: 1.0 is not allowed; expected less than 1"),
        ({"rate": float("nan")}, "rate: nan is not of type number"),
        ({"rate": 10**400}, f"rate: {10**400} is not of type number"),
        ({"kind": "foo"}, "kind: 'foo' is not allowed; allowed: plain, padded"),
        ({"kind": ["plain"]}, "kind: ['plain'] is not allowed; allowed: plain, padded"),
        ({"channels": True}, "channels: True is not allowed; allowed: 1, 3"),
        ({"sum": "0"}, "sum: '0' does not match ^[0-9a-f]{2}$"),
        ({"flip": 1}, "flip: 1 is not of type boolean"),
        ({"often": -1}, "often: -1 is not allowed; expected at least 0"),
        ({"often": "no"}, "often: 'no' is not of type boolean or integer"),
        ({"mean": [1, 2]}, "mean: 2 are listed; expected 3"),
        ({"some": [1, 2, 3]}, "some: 3 are listed; expected 0 to 2"),
        ({"mean": [1, -1, 2]}, "mean: -1 is not allowed; expected at least 0"),
        ({"kept": "none"}, "kept: 'none' is none of what is allowed: all or array"),
        ({"kept": ["x"]}, "kept: ['x'] is none of what is allowed: all or array"),
        ({"named": 5}, "named: 5 is not of type string"),
        ({"options": 5}, "options: 5 is not of type object"),
        ({"inner": 5}, "inner: 5 is not of type object"),
        ({"inner": {"seed": -1}}, "inner.seed: -1 is not allowed; expected at least 0"),
        (
            {"count": 0, "flip": 2},
            "count: 0 is not allowed; expected at least 1; flip: 2 is not of type boolean",
        ),
        (5, "settings are 5; expected a mapping with keys of count, rate"),
        ([], "settings are []; expected a mapping"),
    ],
)
def test_what_the_schema_does_not_allow_is_refused(entry, message):
    with pytest.raises(InputError) as caught:
        Settings(entry, LIMITED)
    assert str(caught.value).startswith(message)


def test_what_the_schema_allows_is_taken():
    entry = {"count": 9, "rate": 0.5, "kind": "plain", "channels": 3, "sum": "0f"}
    entry |= {"flip": False, "often": True}
    entry |= {"mean": [0, 1.5, 2], "kept": [1], "named": "any", "options": {"a": [1]}, "inner": {"seed": 0}}
    own = Settings(entry, LIMITED)
    assert own.require() is own
    assert Settings({"kept": "all", "often": 3, "count": None}, LIMITED).count is None


def test_keys_are_required_by_who_needs_them():
    own = Settings({"count": 1, "inner": {}}, LIMITED)
    with pytest.raises(
        InputError, match=r"^key kind is missing; key inner.seed is missing; key rate is missing$"
    ):
        own.require("rate", "count", "kind")
    with pytest.raises(InputError, match=r"^key epochs is missing$"):
        Settings({"epochs": None}, SMALL).require("epochs")


def test_no_key_of_a_schema_is_the_name_of_a_method():
    def keys(part):
        for key, own in part.get("properties", {}).items():
            yield key
            yield from keys(own)

    parts = [SCHEMA, *SCHEMA["$defs"].values()]
    assert set(chain.from_iterable(map(keys, parts))) & set(dir(Settings)) == set()


# Frozen


def test_settings_are_frozen():
    own = Settings({"options": {"a": 1}}, SMALL)
    with pytest.raises(AttributeError, match="frozen"):
        own.epochs = 3
    with pytest.raises(AttributeError, match="frozen"):
        own.noise.fraction = 1
    with pytest.raises(TypeError):
        own.options["a"] = 2
    with pytest.raises(TypeError):
        hash(own)


def test_neither_what_they_are_made_of_nor_what_they_return_changes_them():
    entry = {"snapshots": [1], "options": {"a": [1]}, "noise": {"seed": 1}}
    own = Settings(entry, SMALL)
    for mapping in (entry, own.stored(), own.complete()):
        mapping["snapshots"].append(2)
        mapping["options"]["a"].append(2)
        mapping["noise"]["seed"] = 2
    assert own.stored() == {"snapshots": [1], "options": {"a": [1]}, "noise": {"seed": 1}}


def test_what_a_user_is_free_to_write_is_frozen_at_any_depth_and_copied_for_the_user():
    entry = {"options": {"a": [1, {"b": [2]}]}}
    own = Settings(entry, SMALL)
    with pytest.raises(TypeError):
        own.options["a"][1]["b"] = 3
    assert own.options["a"][1]["b"] == (2,)
    copied = own.copy_of("options")
    assert copied == entry["options"]
    copied["a"][1]["b"].append(3)
    assert own.stored() == {"options": {"a": [1, {"b": [2]}]}}
    assert own.copy_of("options") == entry["options"]
    assert own.copy_of("epochs") is None
    # What is frozen makes settings again.
    assert Settings({"options": own.options}, SMALL) == own
    assert own.changed(options={"a": own.options["a"]}) == own


# What is stored


@settings(deadline=None, max_examples=150)
@given(settings_and_schema())
def test_what_is_stored_makes_the_same_settings(drawn):
    own, schema = drawn
    assert Settings(own.stored(), schema) == own
    assert Settings(own.complete(), schema) == own
    assert Settings(own.complete(), schema).stored() == own.stored()
    # By way of files, whose texts are the same.
    back = Settings(json.loads(json.dumps(own.stored())), schema)
    assert json.dumps(back.stored(), sort_keys=True) == json.dumps(own.stored(), sort_keys=True)
    for key in schema["properties"]:
        assert getattr(back, key) == getattr(own, key)


@settings(deadline=None, max_examples=100)
@given(settings_and_schema(), JSON.filter(lambda value: value is not None))
def test_a_new_key_with_a_default_changes_nothing_that_is_stored(drawn, default):
    own, schema = drawn
    new = {"properties": {**copy.deepcopy(schema["properties"]), "new_key": {"default": default}}}
    for nested in new["properties"].values():
        if "properties" in nested:
            nested["properties"]["new_key"] = {"default": default}
    assert Settings(own.stored(), new).stored() == own.stored()
    assert Settings(own.complete(), new).stored() == own.stored()


@settings(deadline=None, max_examples=100)
@given(settings_and_schema())
def test_what_equals_the_default_is_not_stored(drawn):
    own, schema = drawn

    def check(stored, part):
        for key, value in stored.items():
            below = part["properties"][key]
            if "properties" in below and not ("short" in below and not isinstance(value, dict)):
                assert value or "default" not in below
                check(value, below)
            else:
                assert value is not None and value != below.get("default")

    check(own.stored(), schema)


@settings(deadline=None, max_examples=100)
@given(settings_and_schema())
def test_settings_survive_pickling_and_copying(drawn):
    own, _ = drawn
    for other in (pickle.loads(pickle.dumps(own)), copy.deepcopy(own), copy.copy(own)):
        assert other == own
        assert other.complete() == own.complete()


def test_two_and_two_with_a_point_are_one_where_a_number_is_wanted():
    whole, point = ({"rate": rate, "mean": [rate], "noise": {"fraction": rate}} for rate in (2, 2.0))
    assert json.dumps(Settings(whole, SMALL).stored()) == json.dumps(Settings(point, SMALL).stored())
    assert json.dumps(Settings(whole, SMALL).complete()) == json.dumps(Settings(point, SMALL).complete())
    assert type(Settings({"epochs": 2}, SMALL).epochs) is int
    assert Settings({"split": {"shuffle": True}}, SMALL).split.shuffle is True
    # The user's own are as they are written.
    assert type(Settings({"options": {"rate": 2}}, SMALL).options["rate"]) is int


def test_differences_name_each_key_its_value_and_its_default():
    own = Settings({"epochs": 3, "rate": 1, "noise": {"fraction": 0.5, "seed": 2}, "split": {}}, SMALL)
    assert own.differences() == {
        "epochs": "3",
        "rate": "1.0 (default 0.5)",
        "noise.fraction": "0.5 (default 0)",
        "noise.seed": "2",
        "split": "{}",
    }
    assert Settings({"options": {"a": {"b": None}}}, SMALL).differences() == {"options.a.b": "null"}
    assert Settings({}, SMALL).differences() == {}


# Others


def test_changed_settings_have_other_keys_and_leave_the_first_alone():
    own = Settings({"epochs": 3, "noise": {"seed": 1}, "snapshots": [1]}, SMALL)
    other = own.changed(noise={"fraction": 1}, snapshots=(2, 3), epochs=4)
    assert other.stored() == {"epochs": 4, "noise": {"fraction": 1.0, "seed": 1}, "snapshots": [2, 3]}
    assert own.stored() == {"epochs": 3, "noise": {"seed": 1}, "snapshots": [1]}
    assert own.changed() == own
    # None gives a key its default back.
    assert other.changed(snapshots=None, epochs=None).stored() == {"noise": {"fraction": 1.0, "seed": 1}}
    with pytest.raises(InputError, match="epoch: unknown key"):
        own.changed(epoch=3)


@settings(deadline=None, max_examples=50)
@given(entries(RUN), entries(RUN))
def test_changed_takes_nested_settings_as_they_are(first, second):
    one, two = Settings(first, RUN), Settings(second, RUN)
    keys = ("optimiser", "augmentation", "schedule")
    changed = one.changed(**{key: getattr(two, key) for key in keys})
    assert [getattr(changed, key) for key in keys] == [getattr(two, key) for key in keys]


def test_a_part_has_the_keys_of_another_schema():
    own = Settings({"dataset": "digits", "epochs": 3, "seeds": [0], "threads": 2}, EXPERIMENT)
    assert own.part(RUN) == Settings({"epochs": 3}, RUN)
    assert own.part(RUN).stored() == {"epochs": 3}


def test_settings_are_equal_to_settings_only():
    assert Settings({}, SMALL) != {}
    assert Settings({"epochs": 1}, SMALL) != Settings({"epochs": 2}, SMALL)
    assert repr(Settings({"epochs": 1}, SMALL)) == "Settings({'epochs': 1})"


def test_epochs_of_snapshots():
    def kept(snapshots):
        return snapshot_epochs(Settings({"epochs": 4, "snapshots": snapshots}, RUN))

    assert kept("all") == [0, 1, 2, 3, 4]
    assert kept([]) == [0, 4]
    assert kept([3, 1]) == [0, 1, 3, 4]


def test_the_engine_alone_has_the_same_run():
    """Programs read the schema of the engine: a study's keys are not theirs, those of a run are."""
    engine = read_schema(SCHEMA_FILE)
    assert engine["$defs"]["run"]["properties"].keys() == RUN["properties"].keys()
    assert EXPERIMENT["properties"].keys() - engine["$defs"]["experiment"]["properties"].keys() == {*STUDIES}
