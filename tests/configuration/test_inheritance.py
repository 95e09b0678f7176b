"""Experiments that are `like` others, and in which order a configuration is resolved."""

import pytest
import yaml
from configuration_examples import MINIMAL, SCHEMA, changed, refusal, resolved, resolved_experiment
from hypothesis import given, settings
from hypothesis import strategies as st
from snakemake.utils import update_config

from anatomy.configuration.inheritance import inherited, like_problems
from anatomy.configuration.resolve import resolve
from anatomy.configuration.studies import STUDIES

ALL_OFF = f"studies: {{{', '.join(f'{study}: null' for study in STUDIES)}}}"
TO_MEASURE = "; ".join(f"add `{study}: {{}}` to have {study} measure one" for study in STUDIES)
FAMILY = """
experiments:
  plain:
    width: 0.5
    seeds: [0, 1, 2]
    augmentation: {shift: 1, flip: false}
    optimiser: {momentum: 0.5}
    arrangements: {reinitialise: {epochs: [1, 2], random: 3}}
"""


def like_plain(keys):
    """The experiment `child` with these keys, like `plain`."""
    return resolved(f"experiments: {{child: {{like: plain, {keys}}}}}", yaml.safe_dump(changed(FAMILY)))


# What is inherited


def test_an_experiment_inherits_every_key_and_names_its_own():
    found = like_plain("width: 0.25").experiments
    assert found["child"] == found["plain"].changed(width=0.25)
    assert found["child"].like is None


@pytest.mark.parametrize(
    ("keys", "own"),
    [
        # Maps merge, at any depth.
        ("augmentation: {shift: 3}", {"augmentation": {"shift": 3}}),
        (
            "arrangements: {reinitialise: {random: 1}}",
            {"arrangements": {"reinitialise": {"epochs": [1, 2], "random": 1}}},
        ),
        # Lists replace.
        ("seeds: [7]", {"seeds": [7]}),
        ("arrangements: {reinitialise: {epochs: []}}", {"arrangements": {"reinitialise": {"epochs": []}}}),
        # Null removes: the default comes back.
        ("width: null", {"width": 1.0}),
        ("optimiser: null", {"optimiser": {"momentum": 0.9}}),
        ("optimiser: {momentum: null}", {"optimiser": {"momentum": 0.9}}),
        ("augmentation: {flip: null}", {"augmentation": {"flip": True}}),
        (
            "arrangements: {reinitialise: null}",
            {"arrangements": {"reinitialise": {"epochs": [0], "random": True}}},
        ),
    ],
)
def test_maps_merge_lists_replace_and_null_removes(keys, own):
    found = like_plain(keys).experiments
    assert found["child"] == found["plain"].changed(**own)


def test_null_takes_back_what_is_inherited_and_what_the_defaults_set():
    config = yaml.safe_load("""
        datasets: {digits: {source: embedded, variant: digits-rgb, train: 100, test: 50}}
        defaults: {dataset: digits, architecture: vgg11, epochs: 4, seeds: [0], batch_size: 32}
        experiments:
          parent: {dataset: digits, batch_size: 64, arrangements: {}}
          child: {like: parent, batch_size: null}
          unmeasured: {like: parent, arrangements: null}
    """)
    found = resolve(config, SCHEMA)
    assert found.experiments["child"].batch_size == 128
    assert found.measured["arrangements"] == ["parent", "child"]
    (line,) = found.notes
    assert line == (f"not trained, as no study that is on measures them: unmeasured; {TO_MEASURE}")


def test_chains_are_followed_wherever_they_stand():
    found = like_plain(
        "width: 0.25}, last: {like: middle, seeds: [9]}, middle: {like: child, epochs: 3"
    ).experiments
    assert found["last"] == found["plain"].changed(width=0.25, epochs=3, seeds=[9])


NAMES = st.sampled_from("abcd")
VALUES = st.recursive(
    st.none() | st.integers(0, 3) | st.lists(st.integers(0, 3), max_size=2),
    lambda inner: st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)


@settings(deadline=None, max_examples=200)
@given(*[st.dictionaries(NAMES, VALUES, max_size=4)] * 3)
def test_a_chain_is_its_links_one_after_the_other(first, second, third):
    """`like` along a chain of three is `like` of what its first two make."""
    chain = {"a": first, "b": {"like": "a", **second}, "c": {"like": "b", **third}}
    found = inherited(chain)
    assert found["c"] == inherited({"ab": found["b"], "c": {"like": "ab", **third}})["c"]
    assert found["a"] == inherited({"a": first})["a"]
    assert inherited({"a": found["a"], "b": {"like": "a"}})["b"] == found["a"]


# What is refused


@pytest.mark.parametrize(
    ("experiments", "message"),
    [
        ("plain: {like: plian}", "experiments.plain.like: 'plian' is not an experiment; allowed: plain"),
        ("plain: {like: 3}", "experiments.plain.like: 3 is not an experiment; allowed: plain"),
        ("plain: {like: [other]}", "experiments.plain.like: ['other'] is not an experiment; allowed: plain"),
        (
            "plain: {like: plain}",
            "experiments.plain.like: a circle, plain like plain; remove one of them",
        ),
        (
            "plain: {like: b}, b: {like: a}, a: {like: b}",
            "experiments.b.like: a circle, a like b like a; remove one of them",
        ),
        ("plain: {like: 1}, 1: {like: plain}", "experiments.plain.like: a circle, 1 like plain like 1"),
        (
            "plain: {like: other}, other: null",
            "experiments.plain.like: other is null, plain cannot be like it; switch off both",
        ),
        (
            "plain: {like: middle}, middle: {like: other}, other: null",
            "experiments.middle.like: other is null, middle cannot be like it; switch off both",
        ),
    ],
)
def test_like_nothing_or_in_a_circle_is_refused_once(experiments, message):
    found = refusal(changed(f"experiments: {{{experiments}}}"))
    assert found.startswith(f"configuration: {message}")
    assert len(found.splitlines()) == 1


def test_every_wrong_parent_is_named():
    problems = list(like_problems({"a": {"like": "x"}, "b": {"like": "y"}, "c": {"like": "c"}, "d": None}))
    assert [line.split(":")[0] for line in problems] == [f"experiments.{name}.like" for name in "abc"]


def test_defaults_are_like_nothing():
    message = refusal(changed("defaults: {like: plain}"))
    assert message == "configuration: defaults.like: only an experiment is like another; remove the key"


def test_what_is_wrong_with_an_inherited_key_is_said_of_each_experiment():
    message = refusal(changed("experiments: {plain: {widht: 1}, child: {like: plain}}"))
    for name in ("plain", "child"):
        assert f"experiments.{name}.widht: unknown key" in message


# What is trained


TEMPLATE = """
experiments:
  plain: null
  base: {width: 0.5}
  one: {like: base, dataset: digits}
  two: {like: one, seeds: [1]}
"""


def test_what_others_are_like_and_has_no_data_set_is_not_trained():
    found = resolved(TEMPLATE)
    assert list(found.experiments) == ["one", "two"]
    assert found.measured["arrangements"] == ["one", "two"]
    assert found.notes == []


def test_what_has_no_data_set_and_nobody_is_like_is_refused():
    message = refusal(changed("experiments: {base: {width: 0.5}}"))
    assert message == "configuration: experiments.base: key dataset is missing; set it there or in defaults"


def test_a_template_that_is_asked_for_is_refused():
    message = refusal(changed(f"{TEMPLATE}\nonly: [base, one]"))
    assert "experiments.base: key dataset is missing" in message


def test_only_leaves_out_what_others_are_like_and_they_inherit_it():
    found = resolved("only: [two]", yaml.safe_dump(changed(TEMPLATE)))
    assert list(found.experiments) == ["two"]
    assert (found.experiments["two"].width, found.experiments["two"].seeds) == (0.5, (1,))
    assert found.notes == []


def test_what_only_leaves_out_is_not_held_against_the_schema_but_its_likes_are():
    wrong = "experiments: {plain: {epochs: x}, child: {like: plain, epochs: 3}}"
    assert list(resolved(f"{wrong}\nonly: [child]").experiments) == ["child"]
    assert "experiments.plain.epochs: 'x'" in refusal(changed(f"{wrong}\nonly: [plain]"))
    # Circles are looked for before.
    assert "a circle" in refusal(changed("experiments: {a: {like: a}}\nonly: [plain]"))


@pytest.mark.parametrize("only", ["[[plain]]", "[null]", "[1]"])
def test_only_with_something_else_than_names_is_refused(only):
    assert "is not an experiment; allowed: plain" in refusal(changed(f"only: {only}"))


# Studies


def test_a_study_that_is_switched_off_measures_nothing_and_nothing_is_trained():
    found = resolved(f"""
        {ALL_OFF}
        experiments: {{other: {{dataset: digits}}}}
        figures:
          figure_07: {{experiment: plain}}
          figure_03: {{}}
          mine: {{kind: dynamics, experiment: other}}
    """)
    assert (found.studies, found.measured, found.experiments, found.figures) == ({}, {}, {}, {})
    assert found.notes == [
        "not trained, as no study that is on measures them: other, plain; "
        f"all studies are switched off (null): {', '.join(STUDIES)}"
    ]


def test_what_is_wrong_with_an_experiment_that_is_not_trained_does_not_matter_but_for_the_schema():
    off = ALL_OFF
    assert resolved(f"{off}\nexperiments: {{plain: {{dataset: gone}}}}").experiments == {}
    assert "experiments.plain.widht" in refusal(changed(f"{off}\nexperiments: {{plain: {{widht: 1}}}}"))


def test_an_experiment_that_no_study_measures_is_not_trained_and_a_note_says_so():
    found = resolve(
        yaml.safe_load("""
        datasets: {digits: {source: embedded, variant: digits-rgb, train: 100, test: 50}}
        defaults: {dataset: digits, architecture: vgg11, epochs: 4, seeds: [0]}
        experiments: {one: {arrangements: {}}, two: {}, three: {width: 0.5}}
        """),
        SCHEMA,
    )
    assert list(found.experiments) == ["one"]
    assert found.notes == [f"not trained, as no study that is on measures them: three, two; {TO_MEASURE}"]


def test_an_entry_of_the_defaults_has_every_experiment_measured():
    plain = resolved_experiment("defaults: {arrangements: {reinitialise: {random: 2}}}")
    assert plain.arrangements.reinitialise.complete() == {"epochs": [0], "random": 2, "linear": False}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ("studies: {arangements: null}", "studies.arangements: unknown key; allowed: arrangements"),
        ("foo: null", "foo: unknown key; allowed: device"),
        ("experiments: {plain: {epoch: null}}", "experiments.plain.epoch: unknown key"),
        ("studies: null", "studies: null switches nothing off; name the study"),
    ],
)
def test_null_under_a_name_that_does_not_exist_is_refused(changes, message):
    config = yaml.safe_load(MINIMAL)
    update_config(config, yaml.safe_load(changes))
    assert message in refusal(config)


def test_null_among_the_options_of_ones_own_code_stays():
    config = changed("experiments: {plain: {architecture: 'nets:Small', options: {depth: null}}}")
    assert resolve(config, SCHEMA).experiments["plain"].options == {"depth": None}
