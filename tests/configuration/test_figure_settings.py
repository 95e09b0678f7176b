"""Figures in the configuration: what each draws, and what goes with an experiment that is switched off."""

import pytest
import yaml
from configuration_examples import SCHEMA, changed

from anatomy.configuration import figures as figure_settings
from anatomy.configuration.resolve import resolve

PAIR = """
experiments:
  plain: {seeds: [3, 5]}
  smooth: {dataset: digits, schedule: {kind: smooth}}
  other: {dataset: digits}
"""


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
        "figure_01": ["plain"],
        "figure_03": [],
        "figure_09": ["smooth"],
        "figure_16": ["plain"],
        "figure_21": ["smooth", "plain"],
        "figure_22": ["plain", "smooth"],
    }
    options = {name: own for name, own in resolved.figure_options.items() if own}
    assert options == {"figure_01": {"seed": 5}, "figure_16": {"runs": 1}}
    assert resolved.switched_off == {}


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
    assert resolved.figures == {"figure_08": ["plain"], "figure_21": ["plain"]}
    gone = ("figure_07", "figure_21", "figure_polarity", "figure_22")
    assert resolved.switched_off == {name: ["smooth"] for name in gone}


def test_switched_off_experiment_of_a_comparison_of_four_takes_the_figure_along():
    figures = "figures: {figure_22: {experiments: [plain, smooth, other, later]}}"
    also = "experiments: {later: {dataset: digits, schedule: {kind: smooth}}}"
    assert drawn_figures(figures, also).figures["figure_22"] == ["plain", "smooth", "other", "later"]
    assert drawn_figures(figures, "experiments: {later: null}").figures == {}


def test_pretrained_network_in_place_of_an_experiment_that_is_switched_off():
    figures = {"figure_01": {"experiment": "gone", "seed": 2, "pretrained": "vgg19"}}
    drawn, off = figure_settings.drawn(figures, {"gone"})
    assert drawn == {"figure_01": ["vgg19"]}
    assert off == {"figure_01": ["gone"]}
    options = figure_settings.options(figures, drawn)
    assert options == {"figure_01": {}}
    assert list(figure_settings.problems(drawn, options, {}, {"vgg19": {}})) == []


def test_pretrained_network_that_is_absent_or_has_a_seed_is_refused():
    def problem(figure, pretrained, **options):
        (line,) = figure_settings.problems({figure: ["vgg19"]}, {figure: options}, {"plain": {}}, pretrained)
        return line

    assert "pretrained network 'vgg19' is not in the configuration; allowed: plain, vgg16" in problem(
        "figure_09", {"vgg16": {}}
    )
    assert "figures.figure_09.seed: 'vgg19' is pretrained" in problem("figure_09", {"vgg19": {}}, seed=0)
    # Nothing of a pretrained network changes over epochs.
    assert "figures.figure_07: experiment 'vgg19' is not" in problem("figure_07", {"vgg19": {}})
