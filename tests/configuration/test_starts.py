"""Experiments that start from others: what is trained for whom, what is measured, what is refused."""

from itertools import pairwise

import pytest
import yaml
from configuration_examples import SCHEMA, changed, refusal, resolved
from hypothesis import given, settings
from hypothesis import strategies as st

from anatomy.configuration.inheritance import inherited, like_problems
from anatomy.configuration.labels import label
from anatomy.configuration.resolve import resolve
from anatomy.configuration.starts import all_ancestors, start_problems

FAMILY = """
experiments:
  base: {dataset: digits, arrangements: null}
  middle: {like: base, start: {experiment: base}}
  last: {like: plain, start: {experiment: middle, take: norm}}
"""


def trained(changes, config=FAMILY):
    """Experiments that are trained, and those that are measured."""
    found = resolved(changes, yaml.safe_dump(changed(config)))
    return set(found.experiments), set(found.measured["arrangements"])


def test_what_something_starts_from_is_trained_and_not_measured():
    assert trained("{}") == ({"plain", "last", "middle", "base"}, {"plain", "last"})
    assert trained("experiments: {last: null}") == ({"plain"}, {"plain"})


def test_what_something_starts_from_is_trained_although_only_leaves_it_out_and_then_is_not_measured():
    measured = "experiments: {base: {arrangements: {reinitialise: {epochs: [1]}}}}"
    assert trained(f"{measured}\nonly: [last]") == ({"last", "middle", "base"}, {"last"})
    assert trained(f"{measured}\nonly: [last, base]") == ({"last", "middle", "base"}, {"last", "base"})
    assert trained(f"{measured}\nonly: [last, base, middle]")[1] == {"last", "base", "middle"}
    assert trained(f"{measured}\nonly: [plain]") == ({"plain"}, {"plain"})


def test_a_figure_of_what_only_leaves_out_is_left_out_although_it_is_trained():
    config = """
        experiments: {child: {like: plain, start: {experiment: plain}}}
        figures: {mine: {kind: dynamics, experiment: plain}, other: {kind: dynamics, experiment: child}}
        only: [child]
    """
    found = resolved(config)
    assert set(found.experiments) == {"plain", "child"}
    assert set(found.figures) == {"other"}


def test_like_and_start_go_together():
    found = resolved("""
        experiments:
          noisy: {like: plain, label_noise: {fraction: 1.0}}
          back: {like: noisy, label_noise: null, start: {experiment: noisy}}
          again: {like: back, start: {experiment: back}}
          fresh: {like: back, start: null}
    """).experiments
    assert found["back"] == found["plain"].changed(start={"experiment": "noisy"})
    assert found["again"].start.experiment == "back"
    assert found["fresh"] == found["plain"]


def test_a_start_of_the_defaults_is_everybodys_but_for_null():
    found = resolved("""
        defaults: {start: {experiment: plain}}
        experiments: {plain: {start: null}, other: {dataset: digits}}
    """).experiments
    assert (found["plain"].start, found["other"].start.experiment) == (None, "plain")


def test_an_experiment_without_a_start_says_nothing_of_one():
    run = resolve(changed("{}"), SCHEMA).run_settings("plain")
    assert "start" not in run.stored()
    assert not any(key.startswith("start") for key in run.differences())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ("plain: {start: {experiment: plian}}", "plain.start.experiment: 'plian' is not an experiment"),
        ("plain: {start: {experiment: plain}}", "plain.start: a circle, plain starts from plain; remove"),
        (
            "plain: {start: {experiment: a}}, a: {like: plain, start: {experiment: plain}}",
            "a.start: a circle, a starts from plain starts from a; remove one of them",
        ),
        (
            "plain: {start: {experiment: a}}, a: null",
            "plain.start.experiment: a is null, plain cannot start from it; switch off both",
        ),
        ("plain: {start: {}}", "plain.start: neither of `experiment` and `file` is given"),
        (
            "plain: {start: {experiment: a, file: x}}, a: {dataset: digits}",
            "plain.start: both of `experiment` and `file` is given",
        ),
        ("plain: {start: {experiment: 3}}", "plain.start.experiment: 3 is not of type string"),
        ("plain: {start: {file: x, take: all}}", "plain.start.take: 'all' is not allowed; allowed: weights"),
        (
            "plain: {seeds: [0, 2, 5], start: {experiment: a}}, a: {dataset: digits, seeds: [0, 1, 5]}",
            "plain.seeds: a, from whose runs it starts, has no seed 2; allowed: 0, 1, 5",
        ),
        (
            "plain: {start: {experiment: a}}, a: {dataset: digits, architecture: resnet18}",
            "plain.architecture: vgg11, but a, from which it starts, has resnet18; expected the same network",
        ),
        (
            "plain: {start: {experiment: a}}, a: {dataset: digits, width: 0.5}",
            "plain.width: 1.0, but a, from which it starts, has 0.5; expected the same network",
        ),
        ("plain: {start: {experiment: a}}, a: {width: 0.5}", "a: key dataset is missing"),
    ],
)
def test_what_no_run_can_start_from_is_refused_by_its_key(changes, message):
    assert f"experiments.{message}" in refusal(changed(f"experiments: {{{changes}}}"))


def test_networks_of_one_family_may_be_alike():
    config = "plain: {start: {experiment: a}, architecture: vgg19}, a: {like: plain, architecture: vgg19_orig"
    assert set(resolved(f"experiments: {{{config}, start: null}}}}").experiments) == {"plain", "a"}


def test_a_network_of_ones_own_may_be_like_any():
    own = "plain: {start: {experiment: a}, architecture: 'nets:Mine'}"
    config = f"experiments: {{{own}, a: {{like: plain, architecture: vgg11, start: null}}}}"
    assert set(resolved(config).experiments) == {"plain", "a"}


def test_a_circle_of_what_is_not_trained_does_not_matter():
    config = "experiments: {a: {dataset: digits, arrangements: null, start: {experiment: a}}}"
    assert set(resolved(config).experiments) == {"plain"}


def test_two_experiments_that_differ_in_their_start_have_two_labels():
    found = resolved("""
        experiments:
          child: {like: plain, start: {experiment: plain}}
          scaled: {like: child, start: {take: norm}}
          file: {like: plain, start: {file: a/b.pt, head: new}}
    """)
    labels = {name: label(own, found.datasets) for name, own in found.experiments.items()}
    plain = labels.pop("plain")
    assert list(labels.values()) == [
        f"{plain}, weights of plain",
        f"{plain}, norm of plain",
        f"{plain}, weights of b.pt (new head)",
    ]


@settings(deadline=None, max_examples=200)
@given(st.dictionaries(st.sampled_from("abcdef"), st.none() | st.sampled_from("abcdefg")))
def test_ancestors_are_those_that_one_gets_to_step_by_step(parents):
    experiments = {
        name: {"start": {"experiment": parent}} if parent else {} for name, parent in parents.items()
    }
    for name in experiments:
        seen, step = [], parents[name]
        while step in experiments and step not in seen:
            seen.append(step)
            step = parents[step]
        assert all_ancestors([name], experiments, None) == {*seen}


def test_long_chains_are_followed_in_seconds():
    names = [f"e{index}" for index in range(1500)]
    experiments = {"e0": {"dataset": "digits"}} | {
        name: {"like": parent, "start": {"experiment": parent}} for parent, name in pairwise(names)
    }
    assert not [*like_problems(experiments)]
    assert [own["start"]["experiment"] for own in [*inherited(experiments).values()][1:]] == names[:-1]
    assert not [*start_problems(names, experiments, None)]
    assert all_ancestors(names, experiments, None) == {*names[:-1]}
    experiments["e0"] = {"like": "e1499", "start": {"experiment": "e1499"}}
    (said,) = [line for line in like_problems(experiments) if "a circle, e0 like e1499 like e1498" in line]
    assert said.endswith("e1 like e0; remove one of them")
