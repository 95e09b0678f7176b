"""Figures in the configuration: what each draws, and what goes with an experiment that is switched off."""

import pytest
import yaml
from configuration_examples import SCHEMA, changed, refusal, resolved

from anatomy.configuration.figures import Figure
from anatomy.configuration.resolve import resolve
from anatomy.configuration.studies import FIGURES
from anatomy.reporting.kinds import kinds

PAIR = """
experiments:
  plain: {seeds: [3, 5]}
  smooth: {dataset: digits, schedule: {kind: smooth}}
  other: {dataset: digits}
"""


THEIRS = "studies: {arrangements: {pretrained: {theirs: {source: torchvision, architecture: vgg16}}}}"


def drawn_figures(figures, also="{}"):
    config = changed(figures, yaml.safe_dump(changed(also, yaml.safe_dump(changed(PAIR)))))
    return resolve(config, SCHEMA)


def test_figures_have_what_they_draw_and_their_options():
    resolved = drawn_figures("""
        figures:
          figure_01: {experiment: plain, seed: 5}
          figure_03: {}
          figure_09: {experiment: smooth}
          figure_16: {experiment: plain, runs: 1}
          figure_21: {experiments: [smooth, plain]}
          figure_22: {experiments: [plain, smooth]}
    """)
    assert resolved.figures == {
        name: Figure(FIGURES[name].kind, "arrangements", draws, options, FIGURES[name])
        for name, draws, options in [
            ("figure_01", ["plain"], {"seed": 5}),
            ("figure_03", [], {}),
            ("figure_09", ["smooth"], {}),
            ("figure_16", ["plain"], {"runs": 1}),
            ("figure_21", ["smooth", "plain"], {}),
            ("figure_22", ["plain", "smooth"], {}),
        ]
    }
    assert resolved.switched_off == {}
    assert resolved.notes == []


@pytest.mark.parametrize("also", ["experiments: {smooth: null}", "only: [plain, other]"])
def test_an_experiment_that_is_switched_off_takes_its_figures_and_curves_along(also):
    figures = """
        figures:
          figure_07: {experiment: smooth}
          figure_08: {experiment: plain}
          figure_21: {experiments: [smooth, plain]}
          figure_polarity: {experiments: [smooth]}
          figure_22: {experiments: [plain, smooth]}
    """
    resolved = drawn_figures(figures, also)
    drawn = {name: figure.draws for name, figure in resolved.figures.items()}
    assert drawn == {"figure_08": ["plain"], "figure_21": ["plain"]}
    gone = ("figure_07", "figure_21", "figure_polarity", "figure_22")
    assert resolved.switched_off == {name: ["smooth"] for name in gone}
    (line,) = resolved.notes
    assert line == (
        "switched off (null, or not in `only`): smooth; "
        "figures: figure_07, figure_polarity, figure_22 left out; figure_21 drawn without"
    )


def test_switched_off_experiment_of_a_comparison_of_four_takes_the_figure_along():
    figures = "figures: {figure_22: {experiments: [plain, smooth, other, later]}}"
    also = "experiments: {later: {dataset: digits, schedule: {kind: smooth}}}"
    assert drawn_figures(figures, also).figures["figure_22"].draws == ["plain", "smooth", "other", "later"]
    assert drawn_figures(figures, "experiments: {later: null}").figures == {}


def test_pretrained_network_in_place_of_an_experiment_that_is_switched_off():
    found = resolved(f"""
        {THEIRS}
        experiments: {{gone: null}}
        figures: {{figure_01: {{experiment: gone, seed: 2, pretrained: theirs}}}}
    """)
    assert found.figures == {
        "figure_01": Figure("histograms", "arrangements", ["theirs"], {}, FIGURES["figure_01"])
    }
    assert found.switched_off == {"figure_01": ["gone"]}


@pytest.mark.parametrize(
    ("figures", "message"),
    [
        (
            "figure_09: {pretrained: vgg19}",
            "figures.figure_09: experiment or pretrained network 'vgg19' is not in the configuration; "
            "switch the figure off with null, or name another; allowed: plain, theirs",
        ),
        ("figure_09: {pretrained: theirs, seed: 0}", "figures.figure_09.seed: 'theirs' is pretrained"),
        # Nothing of a pretrained network changes over epochs.
        ("figure_07: {experiment: theirs}", "figures.figure_07: experiment 'theirs' is not"),
        ("mine: {kind: dynamics, experiment: theirs}", "figures.mine: experiment 'theirs' is not"),
    ],
)
def test_pretrained_network_that_is_absent_or_has_no_such_thing_is_refused(figures, message):
    assert message in refusal(changed(f"{{{THEIRS}, figures: {{{figures}}}}}"))


# Figures of a user's own


def test_a_figure_of_a_users_own_is_of_a_kind_and_of_no_paper():
    found = resolved("""
        experiments: {smooth: {dataset: digits, schedule: {kind: smooth}}}
        figures:
          mine: {kind: dynamics, experiment: plain}
          drops_2: {kind: heatmaps, experiment: smooth, runs: 1}
          cone: {kind: arrangement}
    """)
    assert found.figures == {
        "mine": Figure("dynamics", "arrangements", ["plain"], {}, None),
        "drops_2": Figure("heatmaps", "arrangements", ["smooth"], {"runs": 1}, None),
        "cone": Figure("arrangement", "arrangements", [], {}, None),
    }


def test_a_figure_of_a_paper_may_say_the_kind_that_it_has():
    found = resolved("figures: {figure_07: {kind: dynamics, experiment: plain}}")
    assert found.figures == resolved("figures: {figure_07: {experiment: plain}}").figures


@pytest.mark.parametrize(
    ("figures", "expected"),
    [
        (
            "mine: {experiment: plain}",
            ["figures.mine is no figure of a paper; one of your own needs a kind; allowed: ", *kinds()],
        ),
        (
            "figure_7: {experiment: plain}",
            ["figure_7 is no figure of a paper, did you mean figure_07?", "a kind"],
        ),
        ("figure_plarity: {experiments: [plain]}", ["did you mean figure_polarity?"]),
        (
            "mine: {kind: dynamic, experiment: plain}",
            ["figures.mine.kind: 'dynamic' is not allowed; allowed: ", *kinds()],
        ),
        ("mine: {kind: [dynamics], experiment: plain}", ["figures.mine.kind: ['dynamics'] is not"]),
        (
            "figure_07: {kind: heatmaps, experiment: plain}",
            [
                "figures.figure_07.kind: 'heatmaps', but it is the paper's figure, of kind dynamics; "
                "give a figure of your own another name"
            ],
        ),
        (
            "mine: {kind: dynamics, experiment: plain, runs: 2}",
            ["figures.mine.runs: unknown key; allowed: kind, experiment"],
        ),
        ("mine: {kind: dynamics}", ["figures.mine: key experiment is missing"]),
        ("mine: {kind: heatmaps, experiment: plain, runs: 9}", ["figures.mine.runs: 9 is more than"]),
        ("My-Figure: {kind: dynamics, experiment: plain}", ["'My-Figure' does not match ^[a-z0-9_]+"]),
    ],
)
def test_a_figure_of_no_paper_that_says_too_little_or_too_much_is_refused(figures, expected):
    message = refusal(changed(f"figures: {{{figures}}}"))
    assert [part for part in expected if part not in message] == []


def test_an_experiment_that_the_study_does_not_measure_is_no_figure_of_it():
    message = refusal(
        yaml.safe_load("""
        datasets: {digits: {source: embedded, variant: digits-rgb, train: 100, test: 50}}
        defaults: {dataset: digits, architecture: vgg11, epochs: 4, seeds: [0]}
        experiments: {plain: {arrangements: {}}, bare: {}}
        figures: {mine: {kind: dynamics, experiment: bare}}
        """)
    )
    assert message == (
        "configuration: figures.mine: experiment 'bare' is not measured by arrangements; "
        "add `arrangements: {}` to it, or switch the figure off with null"
    )


def test_every_kind_has_its_keys_in_a_schema():
    assert sorted(SCHEMA["$defs"]["figure"]["properties"]["kind"]["enum"]) == sorted(kinds())
